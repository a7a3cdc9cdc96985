"""Relations that act once, when an operation (or a first start) meets them."""

from __future__ import annotations

from stoker.model import Grouping, Stage

from . import gates
from .core import Core
from .facts import Cause, Instance, Override
from .graph import RESTART_RANK, hard_targets
from .loops import cycle, draw, find_loops
from .values import OK

__all__ = [
    "companions",
    "enemies",
    "force",
    "goes_down",
    "loop_among",
    "pull",
    "requirements",
    "wishes",
]


def requirements(start: list[Instance]) -> dict[str, tuple[Instance, Cause]]:
    """Disabled instances that `start` cannot do without, and for whose sake."""
    found: dict[str, tuple[Instance, Cause]] = {}
    known = {i.fmri for i in start}
    work = list(start)
    while work:
        i = work.pop(0)
        for group in i.groups:
            if group.kind != Grouping.REQUIRE_ALL:
                continue
            for edge in group.edges:
                if edge.value == OK or not edge.instances:
                    continue
                if any(other.effective for other in edge.instances):
                    needed = [o for o in edge.instances if o.effective]
                elif len(edge.instances) == 1:
                    needed = edge.instances
                    one = needed[0]
                    if one.fmri not in known:
                        found[one.fmri] = (one, Cause(f"was started because {i.name} requires it"))
                else:
                    continue
                work += [o for o in needed if o.fmri not in known]
                known.update(o.fmri for o in needed)
    return found


def wishes(core: Core, start: list[Instance]) -> dict[str, tuple[Instance, Cause]]:
    """What `start` wants along, as far as no person has said otherwise."""
    found: dict[str, tuple[Instance, Cause]] = {}
    work = list(start)
    known = {i.fmri for i in start}
    while work:
        i = work.pop(0)
        for other in core.pulls.get(i.fmri, ()):
            if other.fmri in known:
                continue
            known.add(other.fmri)
            if other.effective or _said_no(other):
                continue
            found[other.fmri] = (other, Cause(f"was started because {i.name} wants it"))
            work.append(other)
    return found


def _said_no(i: Instance) -> bool:
    """A person stopped or disabled it: a wish does not undo that."""
    if i.override is not None:
        return not i.override.value
    return i.intent is not None and not i.intent.enabled


def enemies(core: Core, start: list[Instance]) -> dict[str, tuple[Instance, Cause]]:
    """What must go because `start` conflicts with it."""
    found: dict[str, tuple[Instance, Cause]] = {}
    for i in start:
        for target in i.definition.conflicts:
            for other in core.lookup(target):
                if other is not i:
                    cause = Cause(f"was stopped because {i.name} conflicts with it")
                    found[other.fmri] = (other, cause)
    return found


def pull(core: Core, i: Instance) -> None:
    """An instance became wanted: what it wants comes along, what it conflicts with goes."""
    for other, cause in wishes(core, [i]).values():
        force(core, other, True, "wants", cause)
    for other, cause in enemies(core, [i]).values():
        if gates.effective(other):
            force(core, other, False, "conflict", cause)


def force(core: Core, i: Instance, value: bool, by: str, cause: Cause) -> None:
    i.override = None if value and i.enabled else Override(value, by, why=cause.text)
    i.why = cause
    core.touch(i)
    core.mark(i)


def companions(
    core: Core, named: list[Instance], stopping: bool
) -> dict[str, tuple[Instance, Cause]]:
    """Who goes along with `named`: part_of, and for a stop those that are required by it."""
    found: dict[str, tuple[Instance, Cause]] = {}
    known = {i.fmri for i in named}
    work = list(named)
    while work:
        i = work.pop(0)
        others = list(core.parts.get(i.fmri, ()))
        if stopping:
            for target in i.definition.required_by:
                others += core.lookup(target)
        for other in others:
            if other.fmri not in known:
                known.add(other.fmri)
                verb = "stopped" if stopping else "restarted"
                found[other.fmri] = (other, Cause(f"was {verb} together with {i.name}"))
                work.append(other)
    return found


def loop_among(core: Core, movers: list[Instance]) -> str:
    """A cycle of dependencies and orderings among what is to move, drawn; "" when there is none."""
    if not any(i.loop for i in movers):
        return ""
    moving = {i.fmri: i for i in movers if i.stage is Stage.IDLE}
    for i in core.instances.values():
        if i.loop and i.stage is Stage.IDLE and not i.settled and gates.wanted(core, i):
            moving[i.fmri] = i
    graph = {
        name: [o.fmri for o in [*hard_targets(i), *i.earlier] if o.fmri in moving]
        for name, i in moving.items()
    }
    named = {i.fmri for i in movers}
    for loop in find_loops(graph):
        if named.intersection(loop):
            return draw(cycle(graph, loop))
    return ""


def goes_down(core: Core, named: list[Instance]) -> tuple[list[str], list[str]]:
    """What the dependency rules stop when `named` stop, and what goes on without them."""
    down: dict[str, None] = {}
    without: dict[str, None] = {}
    known = {i.fmri for i in named}
    work = list(named)
    while work:
        i = work.pop(0)
        for edge in i.watchers:
            owner = edge.group.owner
            if owner.fmri in known or edge.group.excludes or owner.stage is Stage.IDLE:
                continue
            if edge.group.rank >= RESTART_RANK:
                known.add(owner.fmri)
                down[owner.fmri] = None
                without.pop(owner.fmri, None)
                work.append(owner)
            else:
                without[owner.fmri] = None
    return list(down), [name for name in without if name not in down]
