"""How far a target is from what a dependency wants of it: one number of five.

    OK        satisfied now
    COMING    on its way, by itself
    STALLED   tried and failed, or waits for something outside; it may still come by itself
    DORMANT   not without an administrator, except that a set time or a file's appearance changes it
    HOPELESS  not without an administrator

SMF's three values (smf(7); the 0 and -1 of its graph engine) are OK; COMING and STALLED; DORMANT
and HOPELESS. The finer scale makes "hopeless" exact for `wait`, and lets an ordering pass a
crash loop.

An instance's `sig` packs its values for all conditions into one integer: only when that changes are
the groups that cite the instance looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.model import Condition, Grouping, Stage, State

from .facts import COMING, DORMANT, HOPELESS, OK, STALLED, Instance
from .graph import Edge

if TYPE_CHECKING:
    from .core import Core

__all__ = [
    "COMING",
    "DORMANT",
    "HOPELESS",
    "OK",
    "STALLED",
    "distance",
    "propagate",
    "until",
    "value_of",
]

_UP = (Stage.UP, Stage.REFRESH)
_SHIFT = {
    Condition.READY: 0,
    Condition.STARTED: 3,
    Condition.HEALTHY: 6,
    Condition.COMPLETED: 9,
}
_EXCLUDE = 12
_MAINTENANCE = 1 << 15
_RUNS = 1 << 16
_TANGLED = 1 << 17
_APART = 1 << 18
ABSENT = -1


def distance(core: Core, i: Instance) -> int:
    """How far an instance that is not up is from being up: COMING at best."""
    if i.removed or core.shutdown is not None:
        return HOPELESS
    fault = i.static or i.fault
    if fault is not None:
        # What is stuck may still end, and then the instance comes back.
        own = fault.retry is None and fault.word != "stuck"
        return HOPELESS if own else DORMANT
    if i.shown_state == State.UNINITIALIZED:
        return COMING  # not looked at yet (smf.md 3.1: 0)
    if not i.effective:
        return HOPELESS if until(i) is None else DORMANT
    if i.stage is not Stage.IDLE:
        return STALLED if i.settled and i.stage not in _UP else COMING
    value = min(i.deps, i.hope if i.loop and i.after_waits else COMING)
    if i.settled or not (core.active or i.definition.gives):
        value = min(value, STALLED)
    return value


def until(i: Instance) -> int | None:
    """When the word that holds now is over by itself (wall nanoseconds); None is never."""
    if i.override is not None:
        return i.override.until
    return i.intent.until if i.intent is not None else None


def signature(core: Core, i: Instance) -> int:
    """All that citing groups need to know of an instance, in one integer."""
    base = distance(core, i)
    up = i.stage in _UP
    here = up and i.effective and not (i.removed or i.aside) and core.shutdown is None
    ready = OK if here else base
    started = OK if here or (i.stage is Stage.START and i.main_alive and i.effective) else base
    healthy = ready
    if here and not _healthy(i):
        healthy = STALLED if _unwell(i) else COMING
    sig = ready | started << 3 | healthy << 6 | _completed(i, base, up) << 9
    sig |= _excluded(i, here) << _EXCLUDE
    if (i.fault or i.static) and (i.stage is Stage.IDLE or i.aside):
        sig |= _MAINTENANCE
    if here and not i.parting:
        sig |= _RUNS
    if i.tangled and i.stage is Stage.IDLE and i.shown_state != State.UNINITIALIZED:
        sig |= _TANGLED
    if core.customs.any_optional and _set_apart(i):
        sig |= _APART  # so that the groups that cite it are looked at
    return sig


def _set_apart(i: Instance) -> bool:
    """Somebody does not want it to run: a service is not judged by it."""
    return not i.effective or i.fault is not None or i.static is not None or i.removed


def _healthy(i: Instance) -> bool:
    if any(name != "admin" for name in i.degraders):
        return False
    return all(i.probe_ok.get(h.name, False) for h in i.definition.health)


def _unwell(i: Instance) -> bool:
    """A probe has said no: for how long, nobody knows."""
    return any(name != "admin" for name in i.degraders) or False in i.probe_ok.values()


def _completed(i: Instance, base: int, up: bool) -> int:
    """A run ended well: exit 0 of its main process, or of a start method that is all there is."""
    if i.removed:
        return base
    status = i.records.get("start")
    if status is not None and status.ok and (up or i.stage is Stage.IDLE):
        return OK
    d = i.running_definition()
    if up and (d.restart.when == "always" or d.ends == "never"):
        return min(base, STALLED)  # it is there to stay: an ordering does not wait for its end
    return base


def _excluded(i: Instance, here: bool) -> int:
    """The value that an exclude_all group sees: OK when it is down and stays so."""
    if here:
        if until(i) is not None:
            return DORMANT
        d = i.definition
        return HOPELESS if d.ends == "never" or d.restart.when == "always" else STALLED
    if i.shown_state == State.UNINITIALIZED:
        return COMING
    resting = i.stage is Stage.IDLE or (i.aside and i.stage is Stage.UP)
    if resting and (i.fault or i.static or i.removed or not i.effective):
        return OK  # what is in maintenance is, whatever processes it has
    if i.fault is not None and i.fault.word == "stuck":
        return STALLED
    if not i.effective or i.removed:
        return COMING
    # Wanted and not up: it will not go away by itself, and may wait for the very one that excludes
    # it (an ordering must not wait for that).
    return STALLED


def value_of(edge: Edge, i: Instance) -> int:
    """The value of one of an edge's instances."""
    return _of_instance(edge, i.sig)


def _of_instance(edge: Edge, sig: int) -> int:
    """The value of one instance, as the group's kind counts it (smf.md 3.2)."""
    kind = edge.group.kind
    if kind == Grouping.EXCLUDE_ALL:
        return OK if sig == ABSENT else sig >> _EXCLUDE & 7
    if sig == ABSENT:
        return OK if kind == Grouping.OPTIONAL_ALL else HOPELESS
    value = sig >> _SHIFT[edge.group.dependency.condition] & 7
    if kind == Grouping.OPTIONAL_ALL and (value <= DORMANT or sig & _MAINTENANCE):
        return OK
    if sig & _TANGLED and kind == Grouping.OPTIONAL_ALL and edge.inner:
        return OK  # within an ordering loop what waits for us is passed
    return value


def _of_fact(core: Core, edge: Edge) -> int:
    known = core.facts.get(edge.target)
    is_file = edge.target.startswith("file:")
    if known is None:
        if is_file:
            return COMING
        known = False
    if edge.group.excludes:
        return OK if not known else DORMANT if is_file else STALLED
    if known:
        return OK
    if is_file:
        return DORMANT if edge.group.dependency.watch else HOPELESS
    return STALLED


def edge_value(core: Core, edge: Edge) -> int:
    """The value of a target; a service counts by its instances."""
    if edge.is_fact:
        return _of_fact(core, edge)
    several = edge.instances
    if len(several) == 1:
        return _of_instance(edge, several[0].sig)
    if not several:
        return _of_instance(edge, ABSENT)
    if core.customs.any_optional and edge.group.kind == Grouping.OPTIONAL_ALL:
        counted = [_of_instance(edge, i.sig) for i in several if not _set_apart(i)]
        return max(counted, default=OK)
    values = [_of_instance(edge, i.sig) for i in several]
    if edge.group.kind in (Grouping.REQUIRE_ALL, Grouping.REQUIRE_ANY):
        return max(values)
    return min(values)


def set_edge(core: Core, edge: Edge, first: bool = False) -> bool:
    """Look at an edge anew; true when the group's value changed with it."""
    group = edge.group
    value = edge_value(core, edge)
    if group.excludes:
        up = _runs(core, edge)
        if up != edge.up:
            edge.up = up
            group.ups += 1 if up else -1
            core.mark(group.owner)
    if first:
        edge.value = value
        group.counts[value] += 1
        return True
    if value == edge.value:
        return False
    if group.owner.loop:
        core.tangled = True
    group.counts[edge.value] -= 1
    group.counts[value] += 1
    edge.value = value
    before = group.value
    group.recount()
    return group.value != before


def _runs(core: Core, edge: Edge) -> bool:
    if edge.is_fact:
        return bool(core.facts.get(edge.target))
    return any(i.sig != ABSENT and i.sig & _RUNS for i in edge.instances)


def refresh_signature(core: Core, i: Instance) -> bool:
    """Compute `sig`; true when it changed."""
    sig = ABSENT if i.removed and i.fmri not in core.instances else signature(core, i)
    if sig == i.sig:
        return False
    i.sig = sig
    return True


def propagate(core: Core, i: Instance) -> None:
    """Tell the groups that cite an instance when its values changed."""
    if refresh_signature(core, i):
        for edge in i.watchers:
            if set_edge(core, edge):
                touch_group(core, edge)


def touch_group(core: Core, edge: Edge) -> None:
    """The group's value changed: its owner decides anew.

    What depends on the owner sees the new value before anybody decides anything (`Core.flow`).
    """
    owner = edge.group.owner
    deps = min((group.value for group in owner.groups), default=OK)
    if deps != owner.deps:
        owner.deps = deps
        if owner.watchers:
            core.flow.append(owner)
    core.mark(owner)
