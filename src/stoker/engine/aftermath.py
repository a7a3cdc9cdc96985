"""After an instance has gone as far as it can: caches and counters follow, dependents are told."""

from __future__ import annotations

from stoker.model import Stage

from .core import Core
from .facts import Instance
from .graph import RESTART_RANK, calm_for
from .lanes import is_starting, is_stopping
from .values import STALLED, distance, propagate

__all__ = ["finish", "look_calm", "set_leaving"]

SOON = 1_000_000  # nanoseconds; a second try within one turn would never let the turn end


def finish(core: Core, i: Instance) -> None:
    """Bring the caches and counters up to date, tell dependents, set the alarm."""
    stage = i.stage
    idle = stage is Stage.IDLE
    stuck = i.fault is not None and i.fault.word == "stuck"
    goes = not idle and (i.parting or (i.halted is not None and i.halted.waits and not stuck))
    if goes != i.goes:
        _set_goes(core, i, goes)
    begins, ends = is_starting(i), is_stopping(i)
    if begins != i.begins:
        i.begins = begins
        core.starts.busy += 1 if begins else -1
    if ends != i.ends:
        i.ends = ends
        core.stops.busy += 1 if ends else -1
    leaving = i.parting or ends
    if leaving != i.leaving:
        set_leaving(core, i, leaving)
    if i.watchers:
        propagate(core, i)
    if i.later:
        look_calm(core, i)
    resting = idle or (stage is Stage.UP and not i.parting)
    if not i.settled:
        i.rested = False
    elif resting:
        i.rested = True
    queued = i.fmri in core.starts.waiting or i.fmri in core.stops.waiting
    moving = not (i.rested or stuck) and (not resting or queued)
    if moving != i.moving:
        i.moving = moving
        core.moving += 1 if moving else -1
    if i.loop:
        knot = (idle, i.settled, i.effective, i.fault, i.removed, i.after_waits > 0)
        if knot != i.knot:
            i.knot = knot
            core.tangled = True
    live = not idle and not stuck
    if live != i.live:
        i.live = live
        core.live += 1 if live else -1
    core.arm(i, _alarm(core, i))
    if i.ops:
        from .operations import evaluate

        evaluate(core, i)


def look_calm(core: Core, i: Instance) -> None:
    """Orderings: those that come after i may go on when it has settled, or cannot move."""
    stuck = i.fault is not None and i.fault.word == "stuck"
    idle = i.stage is Stage.IDLE
    calm = i.settled or stuck or (idle and distance(core, i) <= STALLED)
    if calm == i.calm and i.settled == i.quiet:
        return
    before = [calm_for(i, other) for other in i.later]
    i.calm, i.quiet = calm, i.settled
    for other, was in zip(i.later, before, strict=True):
        now = calm_for(i, other)
        if now != was:
            other.after_waits += -1 if now else 1
            core.mark(other)
            if other.loop and other.watchers:
                core.flow.append(other)  # its hope hangs on whom it waits for


def _alarm(core: Core, i: Instance) -> int | None:
    at = i.deadline
    if i.not_before is not None and i.stage is Stage.IDLE and core.now.mono < i.not_before:
        at = i.not_before if at is None else min(at, i.not_before)
    if i.fault is not None and i.fault.retry is not None and core.shutdown is None:
        at = i.fault.retry if at is None else min(at, i.fault.retry)
    for word in (i.override, i.intent):
        if word is not None and word.until is not None:
            moment = max(core.at_wall(word.until) or 0, core.now.mono + 1)
            at = moment if at is None else min(at, moment)
    if at is not None and at <= core.now.mono:
        at = core.now.mono + SOON  # nothing could be done about it yet: look again
    return at


def _set_goes(core: Core, i: Instance, goes: bool) -> None:
    i.goes = goes
    for edge in i.watchers:
        group = edge.group
        group.going += 1 if goes else -1
        if goes:
            group.goner = i
        if group.rank >= RESTART_RANK and not group.excludes:
            core.mark(group.owner)


def set_leaving(core: Core, i: Instance, leaving: bool) -> None:
    i.leaving = leaving
    for other in i.downs:
        other.held += 1 if leaving else -1
        if not other.held:
            core.mark(other)
