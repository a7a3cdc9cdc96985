"""What the definitions of a machine have besides those of any other place: its targets, and where
each service has its place between the beginning and the end.

The targets are shipped as files of the native format (`stoker/system/targets`). A definition of the
same name in a directory of the place takes the place of a shipped one.

Every service comes up once `target/basic` is up, and goes when that is stopped (rescue mode); it
stops when `target/shutdown` is started, which waits for it. A definition that names a target itself
(`wanted_by`, `wants`, `after`, `before`, a dependency) has found its own place in the beginning;
one that names a target of the end has found it there: `before` `target/unmount` it stops only with
that, `wanted_by` `target/reboot` it starts when the machine is to be started anew. Bundles bring
their own relations, and watchers of the machine's conditions run always.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec

from stoker.model import Definition, Dependency, Mistaken, RestartOn

from .entry import Surroundings

__all__ = ["BASIC", "SHUTDOWN", "UNMOUNT", "machine_services", "shipped_targets"]

BASIC, SHUTDOWN, UNMOUNT = (
    f"svc:/target/{name}:default" for name in ("basic", "shutdown", "unmount")
)
_TARGETS = "svc:/target/"
_ENDS = {
    f"svc:/target/{name}"
    for name in ("shutdown", "unmount", "halt", "poweroff", "reboot", "powercycle")
}
_NEEDS_BASIC = Dependency((BASIC,), restart_on=RestartOn.RESTART, name="machine")


def machine_services(
    definitions: Iterable[Definition], surroundings: Surroundings
) -> tuple[list[Definition], list[Mistaken]]:
    """All definitions of the machine, the shipped targets among them, and what is wrong there."""
    placed = [_placed(one) for one in definitions]
    names = {one.fmri for one in placed}
    shipped, mistakes = _shipped(surroundings)
    everyone = [*placed, *(one for one in shipped if one.fmri not in names)]
    late = tuple(one.fmri for one in everyone if _precedes(one, UNMOUNT) and one.fmri != SHUTDOWN)
    early = tuple(one.fmri for one in everyone if _precedes(one, SHUTDOWN) and one.fmri not in late)
    return [_ending(one, early, late) for one in everyone], mistakes


def _placed(one: Definition) -> Definition:
    if one.gives or one.format == "bundle" or one.fmri.startswith(_TARGETS):
        return one
    changes: dict[str, object] = {}
    if not _ends(one):
        changes["before"] = (*one.before, SHUTDOWN)
    if not _names_target(one):
        changes["dependencies"] = (*one.dependencies, _NEEDS_BASIC)
    return msgspec.structs.replace(one, **changes) if changes else one


def _ends(one: Definition) -> bool:
    named = (*one.wanted_by, *one.wants, *one.after, *one.before)
    return any(name.removesuffix(":default") in _ENDS for name in named)


def _names_target(one: Definition) -> bool:
    targets = [t for group in one.dependencies for t in group.targets]
    named = (*one.wanted_by, *one.wants, *one.after, *one.before, *targets)
    return any(name.startswith(_TARGETS) for name in named)


def _precedes(one: Definition, target: str) -> bool:
    return target in one.before or target.removesuffix(":default") in one.before


def _ending(one: Definition, early: tuple[str, ...], late: tuple[str, ...]) -> Definition:
    """The two targets of the end stop what is to be stopped by them."""
    more = {SHUTDOWN: early, UNMOUNT: late}.get(one.fmri)
    if not more:
        return one
    return msgspec.structs.replace(one, conflicts=tuple(dict.fromkeys((*one.conflicts, *more))))


def _shipped(surroundings: Surroundings) -> tuple[list[Definition], list[Mistaken]]:
    from .document import read_definition
    from .shipped import runnable
    from .toml import Toml

    around = Surroundings("/", surroundings.log, surroundings.exists)
    found: list[Definition] = []
    mistakes: list[Mistaken] = []
    for name, path in _files().items():
        file = Toml(path)
        file.load()
        reading = read_definition(file, f"target/{name}", around)
        found += [runnable(one) for one in reading.definitions]
        mistakes += reading.mistakes
    return found, mistakes


def shipped_targets() -> list[str]:
    """FMRIs of the targets that every machine has."""
    return [f"{_TARGETS}{name}:default" for name in _files()]


def _files() -> dict[str, str]:
    """The shipped targets' files by name."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folder = os.path.join(here, "system", "targets")
    return {
        name.removesuffix(".toml"): os.path.join(folder, name)
        for name in sorted(os.listdir(folder))
        if name.endswith(".toml")
    }
