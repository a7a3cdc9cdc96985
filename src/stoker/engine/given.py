"""The words on each input, and which of them counts (`inputs.py` has the rules and the verbs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import astuple

from . import causes
from .facts import Cause

if TYPE_CHECKING:
    from .core import Core

__all__ = ["ACTIVE", "Given", "Word", "as_data", "from_data", "lacking", "sleep_cause", "told"]

ACTIVE = "active"


class Word(Struct, frozen=True):
    """What somebody said of an input: `when` in wall nanoseconds, `watcher` the FMRI or ""."""

    value: bool
    who: str = ""
    why: str = ""
    when: int = 0
    watcher: str = ""


class Given(Struct, frozen=True):
    """The words on one input: a person's, its watcher's."""

    said: Word | None = None
    seen: Word | None = None


def told(core: Core, name: str) -> Word | None:
    """The word that counts; None: nobody gives it."""
    given = core.inputs.get(name, Given())
    if name != ACTIVE:
        return given.said or given.seen
    words = [word for word in (given.said, given.seen) if word is not None]
    asleep = [word for word in words if not word.value]
    return min(asleep or words, key=lambda word: word.when, default=None)


def lacking(core: Core, name: str) -> str:
    """Why an input is not met, for people."""
    word = told(core, name)
    if word is None:
        return f"nobody gives {name}"
    why = f": {word.why}" if word.why else ""
    return f"unmet, says {word.who}{why}" if word.who else f"unmet{why}"


def sleep_cause(word: Word) -> Cause:
    """Why the system is not active, as a phrase that causes are made of."""
    return causes.by_person("put to sleep", word.who, word.why)


def as_data(core: Core) -> dict[str, list[Any]]:
    """The words as JSON data."""
    return {
        name: [None if word is None else [*astuple(word)] for word in (given.said, given.seen)]
        for name, given in core.inputs.items()
    }


def from_data(core: Core, data: dict[str, list[Any]]) -> None:
    """The inverse of `as_data`."""
    for name, words in data.items():
        core.inputs[name] = Given(*(None if one is None else Word(*one) for one in words))
    word = told(core, ACTIVE)
    if word is not None and not word.value:
        core.active_cause = sleep_cause(word)
