"""Sentences: why something happened, down to a person or a process.

A cause is a phrase that follows "which", so that causes chain: "requires db, which was stopped by
root (disk swap)".
"""

from __future__ import annotations

from stoker.model import signal_name

from .events import Status
from .facts import Cause, Instance

__all__ = ["because", "by_person", "choice", "ended", "headline", "of_target"]

_LONGEST = 6


def by_person(verb: str, who: str, why: str) -> Cause:
    """ "was stopped by root (disk swap)"."""
    text = f"was {verb} by {who}" if who else f"was {verb} on request"
    return Cause(f"{text} ({why})" if why else text)


def choice(i: Instance) -> Cause:
    """Why an instance is wanted, or not: override, administrator's choice, or definition."""
    o = i.override
    if o is not None:
        if o.by == "person":
            return by_person("started" if o.value else "stopped", o.who, o.why)
        return Cause(o.why)
    if i.intent is not None:
        verb = "enabled" if i.intent.enabled else "disabled"
        return by_person(verb, i.intent.by, i.intent.why)
    return Cause("is enabled in its definition" if i.enabled else "is disabled in its definition")


def how(status: Status | None) -> str:
    """ "ended with exit status 3", "was killed by SIGKILL"."""
    if status is None or status.kind == "unknown":
        return "ended, nobody saw how"
    if status.kind == "exit":
        return f"ended with exit status {status.number}"
    text = f"was killed by {signal(status.number)}"
    return f"{text} and dumped core" if status.core else text


def signal(number: int) -> str:
    """The name of a signal; its number where it has none."""
    try:
        name = signal_name(number)
    except (ValueError, KeyError, LookupError):
        return f"signal {number}"
    return name if name.startswith("SIG") or not name.isalpha() else f"SIG{name}"


def ended(i: Instance, status: Status | None) -> Cause:
    """ "ended: process 123 was killed by SIGKILL"."""
    process = f"process {i.main}" if i.main else "its last process"
    return Cause(f"ended: {process} {how(status)}")


def of_target(relation: str, name: str, of: Cause) -> Cause:
    """ "requires db, which …"; the middle of a long chain is left out."""
    depth = of.depth + 1
    root = of.root or (f"{name}, which {of.text}" if of.text else name)
    if depth <= _LONGEST:
        text = f"{relation} {name}, which {of.text}" if of.text else f"{relation} {name}"
    else:
        text = f"{relation} {name}, and in the end {root}"
    return Cause(text, root, depth)


def headline(word: str, cause: Cause) -> str:
    """One line for the log: "stopped by root (disk swap)", "stopped: requires db, which …"."""
    text = cause.text
    if not text:
        return word
    if text.startswith("was ") and word in ("stopped", "disabled"):
        return text[4:]
    if text.startswith(("ended:", "was ")):
        return f"{word}: {text.removeprefix('was ')}"
    return f"{word}: {text}"


def because(i: Instance) -> str:
    """The cause of the present state as the note of a listing."""
    return i.cause.text.removeprefix("was ")
