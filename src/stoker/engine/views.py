"""What people are shown: computed from the stage, never stored."""

from __future__ import annotations

from typing import Any

from stoker.model import (
    InstanceView,
    MemberView,
    OperationView,
    Phase,
    Stage,
    display,
    rfc3339,
    signal_name,
)

from . import causes, gates
from .core import Core
from .facts import Instance, Operation
from .hope import beyond_hope
from .values import DORMANT, HOPELESS, OK

__all__ = ["dependencies", "instance_view", "operation_view", "phase"]


def phase(core: Core, i: Instance) -> str:
    """nosh's word for the stage (see the table in the package's docstring)."""
    stage = i.stage
    if stage is Stage.IDLE:
        waits = i.not_before is not None and core.now.mono < i.not_before
        return Phase.FAILED if waits else Phase.STOPPED
    if stage is Stage.START and i.running_definition().phase_up == "spawn" and i.main_alive:
        return Phase.RUNNING
    if stage is Stage.KILL:
        return Phase.RUNNING if i.main_ran else Phase.STARTING
    return _PHASES[stage]


_PHASES = {
    Stage.PREPARE: Phase.STARTING,
    Stage.START: Phase.STARTING,
    Stage.UP: Phase.RUNNING,
    Stage.REFRESH: Phase.RUNNING,
    Stage.STOP: Phase.STOPPING,
    Stage.DECIDE: Phase.FAILED,
    Stage.CLEANUP: Phase.STOPPING,
}


def instance_view(core: Core, i: Instance) -> InstanceView:
    """One instance as a listing shows it."""
    up = i.stage in (Stage.UP, Stage.REFRESH) and not i.aside
    wanted = gates.wanted(core, i)
    why = [] if up or not wanted else [reason.text for reason in gates.reasons(core, i)]
    said = [waits(i)] if up and i.waits else []
    running = i.stage is not Stage.IDLE
    return InstanceView(
        fmri=i.fmri,
        name=i.name,
        enabled=i.enabled,
        wanted=i.effective and not i.removed and core.shutdown is None,
        state=str(i.shown_state),
        next_state=str(i.shown_next) or None,
        reason=i.reason,
        state_time=rfc3339(i.spoken),
        since=rfc3339(i.since),
        phase=str(phase(core, i)),
        stage=str(i.stage),
        pid=i.main if i.main_alive and i.main else None,
        contract=i.ctid if running and i.ctid else None,
        run=i.run,
        restarts=i.restarts,
        waiting_for=why or said,
        cause=i.cause.text,
        note=_note(core, i, up, why),
        description=i.definition.description,
        until=_until(core, i),
        hopeless=not up and beyond_hope(core, i),
        essential=i.definition.essential,
        status_text=i.status_text,
    )


def _note(core: Core, i: Instance, up: bool, why: list[str]) -> str:
    """The one line of a listing."""
    fault = i.static or i.fault
    if fault is not None:
        return fault.text
    if up:
        if i.degraders:
            return "; ".join(i.degraders.values())
        if i.fmri in core.stops.waiting:
            return f"is to stop; {core.stops.busy} others are stopping, which is the limit"
        if i.parting:
            names = [o.name for o in _holding(core, i)]
            shown = ", ".join(names[:3])
            return f"waits for {shown} to stop" if names else "is about to stop"
        return waits(i) or i.status_text
    if i.stage is not Stage.IDLE and i.was_up:
        return causes.headline("stopping", i.cause) + _rung(i)
    if not i.effective:
        return causes.because(i) if i.cause.text else ""
    if why:
        text = "; ".join(why)
        return f"{text}; {causes.because(i)}" if _failed_last(i) else text
    return i.status_text


def waits(i: Instance) -> str:
    """What the run says that it waits for; "" for nothing."""
    return f"waiting for {', '.join(map(display, i.waits))}" if i.waits else ""


def _rung(i: Instance) -> str:
    """How far down the ladder: what was sent, and what comes next."""
    if i.stage is not Stage.KILL or i.rung < 0:
        return ""
    ladder = i.running_definition().ladder
    if i.rung >= len(ladder):
        return "; KILL sent"
    sent = "+".join(map(signal_name, ladder[i.rung].signals))
    following = "KILL"
    if i.rung + 1 < len(ladder):
        following = "+".join(map(signal_name, ladder[i.rung + 1].signals))
    return f"; {sent} sent" + (f", {following} is next" if i.deadline is not None else "")


def _failed_last(i: Instance) -> bool:
    return i.cause.text.startswith(("ended:", "failed:"))


def _holding(core: Core, i: Instance) -> list[Instance]:
    """Who must be down before i may go."""
    return [o for o in core.instances.values() if o.leaving and i in o.downs and o is not i]


def _until(core: Core, i: Instance) -> str | None:
    """When something changes by itself."""
    now = core.now
    walls = []
    if i.fault is not None and i.fault.retry is not None:
        walls.append(now.wall + i.fault.retry - now.mono)
    if i.not_before is not None and now.mono < i.not_before and i.stage is Stage.IDLE:
        walls.append(now.wall + i.not_before - now.mono)
    if i.stage in (Stage.STOP, Stage.KILL) and i.deadline is not None:
        walls.append(now.wall + i.deadline - now.mono)
    if i.override is not None:
        walls += [] if i.override.until is None else [i.override.until]
    elif i.intent is not None and i.intent.until is not None:
        walls.append(i.intent.until)
    return rfc3339(min(walls)) if walls else None


def operation_view(op: Operation) -> OperationView:
    """An operation with its members."""
    return OperationView(
        number=op.number,
        verb=op.verb,
        who=op.who,
        why=op.why,
        members=[MemberView(m.fmri, m.goal, m.outcome, m.note) for m in op.members.values()],
        outcome=op.outcome,
        began=rfc3339(op.began),
        ended=None if op.ended is None else rfc3339(op.ended),
        note=op.note,
        affected=list(dict.fromkeys(op.affected)),
    )


_WORDS = {0: "hopeless", 1: "dormant", 2: "stalled", 3: "coming", 4: "satisfied"}


def dependencies(core: Core, i: Instance) -> list[dict[str, Any]]:
    """Rows for `status`: one for each target of each group, then the orderings."""
    rows: list[dict[str, Any]] = []
    for number, group in enumerate(i.groups):
        d = group.dependency
        for edge in group.edges:
            rows.append(
                {
                    "group": d.name or str(number),
                    "grouping": str(d.grouping),
                    "restart_on": str(d.restart_on),
                    "condition": str(d.condition),
                    "target": edge.target,
                    "state": _state(core, edge.target, edge.instances),
                    "satisfied": edge.value == OK,
                    "value": _WORDS[edge.value],
                    "hopeless": edge.value in (HOPELESS, DORMANT),
                }
            )
    for other in i.earlier:
        rows.append(
            {
                "group": "after",
                "grouping": "order",
                "restart_on": "none",
                "condition": "settled",
                "target": other.fmri,
                "state": str(other.shown_state),
                "satisfied": other.calm,
                "value": "satisfied" if other.calm else "coming",
                "hopeless": False,
            }
        )
    return rows


def _state(core: Core, target: str, instances: list[Instance]) -> str:
    if not target.startswith("svc:"):
        known = core.facts.get(target)
        return "unknown" if known is None else "present" if known else "absent"
    if not instances:
        return "absent"
    states = [str(i.shown_state) for i in instances]
    return next((s for s in states if s in ("online", "degraded")), states[0])
