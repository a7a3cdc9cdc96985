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

__all__ = ["PROGRAM", "WATCHERS", "runnable", "watchers"]

WATCHERS = {"TIME": "time", "MOUNTS": "mounts", "NETWORK": "network", "active": "sleep"}
"""What is given, to the name of the file beside the watcher's module."""

PROGRAM = "stoker-watcher"
"""The word in those files that stands for our own Python running `stoker.watchers`."""

_OF_OURS = {
    PROGRAM: ("from stoker.watchers import main", "main()", 0),
    "stoker-command": ("from stoker.compat import run", "run(sys.argv[1], sys.argv[2:])", 0),
    "stoker-program": ("from {0} import main", "main(sys.argv[1:])", 1),
}
"""Such words: what is imported, what is called, and how many of the words that follow say what."""

_ACTIVE = "active"  # which every service needs
_CODE = "import sys; sys.path[:0] = {path!r}; {imports}; sys.exit({call})"


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
    return [runnable(one) for one in reading.definitions], reading.mistakes


def runnable(one: Definition) -> Definition:
    """With the command that runs here. The same in every process that compiles: a watcher is not
    restarted because somebody else read the definitions.
    """
    step = one.start[0]
    if not step.argv or step.argv[0] not in _OF_OURS:
        return one
    imports, call, taken = _OF_OURS[step.argv[0]]
    imports = imports.format(*step.argv[1 : 1 + taken])
    ours = os.path.dirname(os.path.dirname(_home(__file__)))
    path = list(dict.fromkeys((ours, _home_of_others())))
    text = _CODE.format(path=path, imports=imports, call=call)
    command = (sys.executable, "-I", "-S", "-c", text)
    start = msgspec.structs.replace(step, argv=(*command, *step.argv[1 + taken :]))
    return msgspec.structs.replace(one, start=(start,))


def _home_of_others() -> str:
    """Where the packages that we use are installed."""
    return os.path.dirname(_home(str(msgspec.__file__)))


def _home(file: str) -> str:
    return os.path.dirname(os.path.abspath(file))
