"""Hope within ordering loops: who of those that wait for each other may come up by itself.

Elsewhere a target's value says that (`values.py`): it follows from what the target itself depends
on. The members of a loop would each derive theirs from one another's, so they are looked at
together, and only when something changed that could matter to one of them.

Three questions. Two, because an optional dependency passes what has no hope. `tangled`: a member
cannot come before others of its loop have passed it; those do pass it. `hope`: it comes once they
have, or will have tried. And whether it comes by itself (COMING: everybody outside waits for it) or
only if something outside happens (STALLED: orderings pass it).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from stoker.model import Grouping, Stage

from .aftermath import finish
from .facts import Instance
from .graph import Edge, calm_for
from .values import COMING, DORMANT, HOPELESS, STALLED, distance, until, value_of

if TYPE_CHECKING:
    from .core import Core

__all__ = ["beyond_hope", "look", "notice"]


def beyond_hope(core: Core, i: Instance) -> bool:
    """It will not come up without an administrator."""
    if distance(core, i) != HOPELESS:
        return False
    return not (core.looped and _opens(core))


def _opens(core: Core) -> bool:
    """Will a circle be another one without an administrator? When a member has been removed that is
    still going down, and when at a set time something comes back that a member must make room for.
    """
    if any(o.removed for o in core.looped):
        return True
    there = {o.fmri for o in core.looped}
    return any(
        other.fmri in there
        for i in core.instances.values()
        if i.definition.conflicts and not i.effective and until(i) is not None
        for target in i.definition.conflicts
        for other in core.lookup(target)
    )


def notice(core: Core) -> None:
    """When no circle opens any more, whoever hoped for one has to be told (that is nobody's own
    change, hence no dependency's).
    """
    before, core.opens = core.opens, _opens(core)
    if before and not core.opens:
        for i in core.instances.values():
            if i.ops:
                core.mark(i)


def look(core: Core) -> None:
    """Bring `hope` and `tangled` of all members of loops up to date, and tell whom it matters."""
    core.tangled = False
    members = [i for i in core.looped if i.loop]
    first = _coming(core, members, DORMANT, strict=True)
    later = _coming(core, members, DORMANT)
    alone = _coming(core, members, COMING) if later else later
    for i in members:
        tangled = i not in first
        hope = COMING if i in alone else STALLED if i in later else HOPELESS
        if tangled != i.tangled or hope != i.hope:
            i.tangled, i.hope = tangled, hope
            finish(core, i)
            core.mark(i)


def _coming(core: Core, members: list[Instance], least: int, strict: bool = False) -> set[Instance]:
    """The members that may come up, or try to: a least fixpoint. `least`: the value from which on
    something outside counts as coming. `strict`: before any of their loop is passed.
    """
    found: set[Instance] = set()
    work = deque(members)
    while work:
        i = work.popleft()
        if i in found or not _may_come(core, i, found, least, strict):
            continue
        found.add(i)
        work += [o for o in i.later if _inside(i, o)]
        work += [e.group.owner for e in i.watchers if _inside(i, e.group.owner)]
    return found


def _inside(i: Instance, other: Instance) -> bool:
    return bool(i.loop) and i.loop == other.loop


def _may_come(core: Core, i: Instance, found: set[Instance], least: int, strict: bool) -> bool:
    if i.stage is not Stage.IDLE:
        return True
    if not _wanted(core, i):
        return distance(core, i) >= least
    for group in i.groups:
        some = any if group.kind == Grouping.REQUIRE_ANY and group.edges else all
        if not some(_satisfiable(core, edge, found, least, strict) for edge in group.edges):
            return False
    return all(_lets_pass(core, o, i, found, strict or least == COMING) for o in i.earlier)


def _satisfiable(core: Core, edge: Edge, found: set[Instance], least: int, strict: bool) -> bool:
    """May this target, some time, not be in the way?"""
    group = edge.group
    inside = [o for o in edge.instances if o.stage is Stage.IDLE and _inside(group.owner, o)]
    if group.excludes or not inside:
        return edge.value >= least
    if group.kind == Grouping.OPTIONAL_ALL:
        return not strict or all(o in found or not _wanted(core, o) for o in inside)
    return any(o in found if o in inside else value_of(edge, o) >= least for o in edge.instances)


def _lets_pass(core: Core, o: Instance, i: Instance, found: set[Instance], strict: bool) -> bool:
    """Will o, which i comes after, have settled some time?"""
    if o.stage is not Stage.IDLE or o in found or not _inside(i, o) or calm_for(o, i):
        return True
    return not _wanted(core, o) or (not strict and until(o) is not None)


def _wanted(core: Core, i: Instance) -> bool:
    return i.effective and not (i.fault or i.static or i.removed) and core.shutdown is None
