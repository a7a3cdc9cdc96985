"""The definitions that we ship: watchers of the machine's conditions (`stoker.watchers`).

A watcher is part of a place while a definition there names what it gives, no definition gives that
itself, and the settings want it (`watchers`). So it comes and goes with those who need it, by
reload, as any other definition.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import msgspec

from stoker.model import Definition, Mistaken, Settings

from .entry import Surroundings

__all__ = ["PROGRAM", "WATCHERS", "watchers"]

WATCHERS = {"TIME": "time", "MOUNTS": "mounts", "NETWORK": "network", "active": "sleep"}
"""What is given, to the name of the file beside the watcher's module."""

PROGRAM = "stoker-watcher"
"""The word in those files that stands for our own Python running `stoker.watchers`."""

_ACTIVE = "active"  # which every service needs
_CODE = "import sys; sys.path[:0] = {path!r}; from stoker.watchers import main; sys.exit(main())"


def watchers(
    definitions: Iterable[Definition], settings: Settings, surroundings: Surroundings
) -> tuple[list[Definition], list[Mistaken]]:
    """The shipped watchers that these definitions need; what is wrong with one is a mistake."""
    known = list(definitions)
    needed = {_ACTIVE} if known else set()
    for one in known:
        for group in one.dependencies:
            needed.update(t.removeprefix("input:") for t in group.targets if t[:6] == "input:")
    given = {name for one in known for name in one.gives}
    names = {one.fmri for one in known}
    found: list[Definition] = []
    mistakes: list[Mistaken] = []
    for condition in WATCHERS:
        if condition in needed - given and condition in settings.watchers:
            read, wrong = _read(WATCHERS[condition], surroundings)
            found += [one for one in read if one.fmri not in names]
            mistakes += wrong
    return found, mistakes


def _read(name: str, surroundings: Surroundings) -> tuple[list[Definition], list[Mistaken]]:
    from .document import read_definition
    from .toml import Toml

    file = Toml(os.path.join(os.path.dirname(_home(__file__)), "watchers", f"{name}.toml"))
    file.load()
    around = Surroundings("/", surroundings.log, surroundings.exists)
    reading = read_definition(file, name, around)
    return [_runnable(one) for one in reading.definitions], reading.mistakes


def _runnable(one: Definition) -> Definition:
    """With the command that runs here. The same in every process that compiles: a watcher is not
    restarted because somebody else read the definitions.
    """
    step = one.start[0]
    if step.argv[0] != PROGRAM:
        return one
    ours = os.path.dirname(os.path.dirname(_home(__file__)))
    path = list(dict.fromkeys((ours, _home_of_others())))
    command = (sys.executable, "-I", "-S", "-c", _CODE.format(path=path))
    start = msgspec.structs.replace(step, argv=(*command, *step.argv[1:]))
    return msgspec.structs.replace(one, start=(start,))


def _home_of_others() -> str:
    """Where the packages that we use are installed."""
    return os.path.dirname(_home(str(msgspec.__file__)))


def _home(file: str) -> str:
    return os.path.dirname(os.path.abspath(file))
