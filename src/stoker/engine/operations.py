"""Operations: members with goals, and when each is over.

A goal may be superseded by a later operation, member by member. The first failed attempt ends a
member; the service goes on trying. `verbs.py` sets goals, `closures.py` says who comes along.
"""

from __future__ import annotations

from collections.abc import Callable

from stoker.model import Stage

from . import causes, gates
from .core import Core
from .effects import Outcome
from .facts import Instance, Member, Operation
from .hope import beyond_hope
from .values import set_edge, touch_group

__all__ = [
    "at_once",
    "close_member",
    "conclude",
    "end_operation",
    "evaluate",
    "fact_changed",
    "maybe_end",
    "run_out",
    "saved",
    "set_goal",
    "settle_operations",
]

_WORST = ("failed", "impossible", "waiting", "superseded", "cancelled", "done")


_KEPT = 200


_UPWARD = ("up", "restart", "refresh")


def set_goal(core: Core, op: Operation, i: Instance, goal: str) -> None:
    """Make an instance a member; what an earlier operation wanted of it the other way is over."""
    for number, m in list(i.ops.items()):
        if not m.outcome and (m.goal in _UPWARD) != (goal in _UPWARD):
            note = f"operation {op.number} ({op.verb}) came after it"
            close_member(core, core.ops[number], m, "superseded", note)
    m = Member(i.fmri, goal, i.run)
    if i.fmri not in op.members:
        op.open += 1
    op.members[i.fmri] = m
    i.ops[op.number] = m
    core.touch(i)
    core.mark(i)


def at_once(core: Core, op: Operation, i: Instance, outcome: str = "done", note: str = "") -> None:
    """A member that is over already."""
    op.members[i.fmri] = Member(i.fmri, op.verb, i.run, outcome, note)
    core.mark(i)
    core.touch(i)


def close_member(core: Core, op: Operation, m: Member, outcome: str, note: str = "") -> None:
    """A member's outcome is known."""
    if m.outcome:
        return
    m.outcome, m.note = outcome, note
    op.open -= 1
    i = core.instances.get(m.fmri)
    if i is not None:
        core.touch(i)
    core.emit(Outcome(op.number, m.fmri, outcome, note))
    maybe_end(core, op)


def maybe_end(core: Core, op: Operation) -> None:
    if op.outcome or op.open > 0 or op.saving or op.number in core.settling:
        return
    if op.verb == "down" and not core.exited:
        return
    outcomes = {m.outcome for m in op.members.values()}
    end_operation(core, op, next((word for word in _WORST if word in outcomes), "done"))


def end_operation(core: Core, op: Operation, outcome: str) -> None:
    op.outcome = outcome
    op.ended = core.now.wall
    core.timed.pop(op.number, None)
    core.touch_engine()
    for fmri in op.members:
        i = core.instances.get(fmri)
        if i is not None and i.ops.pop(op.number, None) is not None:
            core.touch(i)
    core.emit(Outcome(op.number, "", outcome, op.note))
    if len(core.ops) > _KEPT:
        over = sorted((o for o in core.ops.values() if o.outcome), key=lambda o: o.ended or 0)
        for one in over[: len(core.ops) - _KEPT]:
            del core.ops[one.number]


def evaluate(core: Core, i: Instance) -> None:
    """Close what is over among the operations that an instance is a member of."""
    for number, m in list(i.ops.items()):
        if m.outcome:
            continue
        op = core.ops[number]
        outcome, note = _GOALS[m.goal](core, op, i, m)
        if outcome:
            close_member(core, op, m, outcome, note)


def _is_up(core: Core, op: Operation, i: Instance, m: Member) -> tuple[str, str]:
    up = i.stage in (Stage.UP, Stage.REFRESH) and not i.aside
    if up and i.effective and not i.parting and (m.goal != "restart" or i.run > m.run):
        return "done", m.note
    fault = i.static or i.fault
    if fault is not None:
        over = i.rested or fault.word == "stuck"
        return ("failed", f"is in maintenance: {fault.text}") if over else ("", "")
    if i.failed > op.stamp and i.rested:
        return "failed", i.failed_text
    if i.ended > op.stamp and i.stage is Stage.IDLE and not (i.run > m.run and i.main_ran):
        return "failed", i.cause.text
    if not i.effective:
        if i.override is not None and i.override.by in ("task-done", "once-done", "skipped"):
            return "done", i.override.why
        return "cancelled", f"it {causes.choice(i).text}"
    if core.shutdown is not None:
        return "cancelled", "everything is being stopped"
    if i.stage is Stage.IDLE and beyond_hope(core, i):
        return "impossible", "; ".join(r.text for r in gates.reasons(core, i))
    return "", ""


def _is_down(core: Core, op: Operation, i: Instance, m: Member) -> tuple[str, str]:
    if i.effective and not i.removed and core.shutdown is None:
        return "superseded", f"it {causes.choice(i).text}"
    if i.stage is Stage.IDLE:
        return "done", m.note
    if i.fault is not None and i.fault.word == "stuck":
        return "failed", i.fault.text
    return "", ""


def _is_aside(core: Core, op: Operation, i: Instance, m: Member) -> tuple[str, str]:
    if i.fault is None:
        return "superseded", "it was cleared"
    if i.stage is Stage.IDLE or i.aside or i.fault.word == "stuck":
        return "done", m.note
    return "", ""


def _is_asleep(core: Core, op: Operation, i: Instance, m: Member) -> tuple[str, str]:
    if core.active and core.shutdown is None:
        return "superseded", "the system was woken"
    if i.stage is Stage.IDLE or i.definition.gives:
        return "done", m.note  # a new definition may say that it tells of the machine: it stays up
    if i.fault is not None and i.fault.word == "stuck":
        return "failed", i.fault.text
    return "", ""


def _is_refreshed(core: Core, op: Operation, i: Instance, m: Member) -> tuple[str, str]:
    if i.refreshed > op.stamp:
        return "done", m.note
    if i.failed > op.stamp:
        return "failed", i.failed_text
    if not i.asked_refresh and i.stage is not Stage.REFRESH:
        return "failed", "it stopped running"
    return "", ""


_GOALS: dict[str, Callable[[Core, Operation, Instance, Member], tuple[str, str]]] = {
    "up": _is_up,
    "restart": _is_up,
    "down": _is_down,
    "aside": _is_aside,
    "asleep": _is_asleep,
    "refresh": _is_refreshed,
}


def saved(core: Core, token: int, trouble: str) -> None:
    """The recorder's answer to a Save."""
    number, fmri, _ = core.saves.pop(token, (0, "", None))
    core.touch_engine()
    op = core.ops.get(number)
    if op is None or op.saving.pop(token, None) is None:
        return
    if trouble:
        m = op.members.get(fmri)
        note = f"done, but not remembered: {trouble}"
        op.note = note
        if fmri in core.instances:
            core.touch(core.instances[fmri])
        if m is not None:
            m.note = f"{m.note}; {note}" if m.note else note
    maybe_end(core, op)


def fact_changed(core: Core, target: str, gone: bool) -> None:
    """Tell the groups that cite an input or a file."""
    stamp = core.fact_stamps.get(target, 0)
    for edge in core.cited_facts.get(target, ()):
        group = edge.group
        if gone and not group.excludes:
            group.departed_restart, group.source = stamp, target
            core.mark(group.owner)
        if set_edge(core, edge):
            touch_group(core, edge)


def run_out(core: Core) -> None:
    """End operations whose time is over."""
    for op in list(core.timed.values()):
        if op.deadline is None or core.now.mono < op.deadline:
            continue
        if op.number in core.settling:
            conclude(core, op, "waiting")
            continue
        for m in list(op.members.values()):
            if not m.outcome:
                i = core.instances.get(m.fmri)
                why = "; ".join(r.text for r in gates.reasons(core, i)) if i is not None else ""
                close_member(core, op, m, "waiting", why)
        if not op.outcome:
            op.saving.clear()
            outcomes = {m.outcome for m in op.members.values()}
            end_operation(core, op, "failed" if "failed" in outcomes else "waiting")


def settle_operations(core: Core) -> None:
    """End the operations that wait for quiet, when it is quiet."""
    if core.settling and core.moving == 0 and not core.unknown:
        for number in list(core.settling):
            conclude(core, core.ops[number])


def conclude(core: Core, op: Operation, late: str = "") -> None:
    """Say of each member whether it is up, and end the operation."""
    core.settling.remove(op.number)
    names = list(op.members) or list(core.instances)
    op.members = {}
    for name in names:
        i = core.instances.get(name)
        if i is None:
            op.members[name] = Member(name, "settle", 0, "failed", "no such service")
            continue
        outcome, note = _settled(core, op, i)
        if op.verb == "wake" and outcome == "waiting":
            outcome = "done"  # as before the sleep, it waits for something else
        if late and i.moving:
            outcome, note = "waiting", "is not settled yet"
        op.members[name] = Member(name, "settle", i.run, outcome, note)
        if outcome != "done":
            core.emit(Outcome(op.number, name, outcome, note))
    bad = {m.outcome for m in op.members.values()} - {"done"}
    end_operation(core, op, late if late and "failed" not in bad else "failed" if bad else "done")


def _settled(core: Core, op: Operation, i: Instance) -> tuple[str, str]:
    """Up means: up, and not ended by itself since the operation began."""
    if i.ended > op.stamp and i.definition.ends != "never":
        why = i.fault.text if i.fault is not None else i.cause.text
        if i.stage in (Stage.UP, Stage.REFRESH):
            return "failed", f"is up again, but {why.removeprefix('ended: ')}"
        return "failed", why
    if i.static is not None or i.fault is not None:
        fault = i.static or i.fault
        assert fault is not None
        return "failed", f"is in maintenance: {fault.text}"
    if not i.effective or i.removed or core.shutdown is not None:
        return "done", ""
    if i.stage in (Stage.UP, Stage.REFRESH):
        return "done", ""
    if i.failed > op.stamp:
        return "failed", i.failed_text
    if i.loop and i.after_waits:
        return "failed", f"is part of an ordering loop: {i.loop}"
    return "waiting", "; ".join(r.text for r in gates.reasons(core, i))
