"""What people ask: verbs, closures, and when an operation is over.

A closure is a relation that acts once, here: `wants`, `conflicts`, requirements, `part_of`. An
operation has members, each with a goal; a goal may be superseded by a later operation, member by
member. An operation that contradicts itself is refused before anything is touched.
"""

from __future__ import annotations

from collections.abc import Callable

from stoker.model import Class, Grouping, Intent, Request, Stage, display

from . import causes, gates
from .core import Core
from .effects import Outcome, Signal
from .facts import Cause, Fault, Instance, Member, Operation, Override
from .graph import RESTART_RANK, hard_targets
from .loops import draw, find_loops
from .moves import depart, fresh, shut_down
from .values import HOPELESS, OK, distance, set_edge, touch_group

__all__ = [
    "asked",
    "close_member",
    "evaluate",
    "fact_changed",
    "goes_down",
    "maybe_end",
    "pull",
    "saved",
]

_WORST = ("failed", "impossible", "waiting", "superseded", "cancelled", "done")
_KEPT = 200
_UPWARD = ("up", "restart", "refresh")


def asked(core: Core, number: int, request: Request) -> None:
    """Begin an operation."""
    core.operation_number = max(core.operation_number, number)
    op = Operation(number, request.verb, request.who, request.why, core.seq, core.now.wall)
    op.deadline = core.after(request.timeout)
    core.ops[number] = op
    if op.deadline is not None:
        core.timed[number] = op
    core.touch_engine()
    verb = _VERBS.get(request.verb)
    if verb is None:
        op.note = f"no such verb: {request.verb}"
        _end(core, op, "failed")
        return
    found: dict[str, Instance] = {}
    for name in request.names:
        several = core.lookup(name)
        for i in several:
            found[i.fmri] = i
        if not several:
            op.members[name] = Member(name, request.verb, 0, "failed", "no such service")
    refused = verb(core, op, list(found.values()), request)
    if refused:
        op.note = refused
        for i in found.values():
            op.members.setdefault(i.fmri, Member(i.fmri, request.verb, i.run, "failed", refused))
        for m in op.members.values():
            if not m.outcome:
                close_member(core, op, m, "failed", refused)
        if not op.outcome:
            _end(core, op, "failed")
        return
    maybe_end(core, op)


# -- goals


def _goal(core: Core, op: Operation, i: Instance, goal: str) -> None:
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


def _at_once(core: Core, op: Operation, i: Instance, outcome: str = "done", note: str = "") -> None:
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
    _end(core, op, next((word for word in _WORST if word in outcomes), "done"))


def _end(core: Core, op: Operation, outcome: str) -> None:
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
        over = [n for n, o in core.ops.items() if o.outcome]
        for number in over[: len(core.ops) - _KEPT]:
            del core.ops[number]


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
    up = i.stage in (Stage.UP, Stage.REFRESH)
    if up and i.effective and not i.parting and (m.goal != "restart" or i.run > m.run):
        return "done", m.note
    fault = i.static or i.fault
    if fault is not None:
        return "failed", f"is in maintenance: {fault.text}"
    if i.failed > op.stamp:
        return "failed", i.failed_text
    if i.ended > op.stamp and i.stage is Stage.IDLE and not (i.run > m.run and i.main_ran):
        return "failed", i.cause.text
    if not i.effective:
        if i.override is not None and i.override.by in ("task-done", "skipped"):
            return "done", i.override.why
        return "cancelled", f"it {causes.choice(i).text}"
    if core.shutdown is not None:
        return "cancelled", "everything is being stopped"
    if i.stage is Stage.IDLE and distance(core, i) == HOPELESS:
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
    if i.stage is Stage.IDLE or i.fault.word == "stuck":
        return "done", m.note
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
    "refresh": _is_refreshed,
}


# -- closures


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
        _force(core, other, True, "wants", cause)
    for other, cause in enemies(core, [i]).values():
        if gates.effective(other):
            _force(core, other, False, "conflict", cause)


def _force(core: Core, i: Instance, value: bool, by: str, cause: Cause) -> None:
    i.override = None if value and i.enabled else Override(value, by, why=cause.text)
    i.why = cause
    core.touch(i)
    core.mark(i)


def _along(core: Core, named: list[Instance], stopping: bool) -> dict[str, tuple[Instance, Cause]]:
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


def _loop_among(core: Core, movers: list[Instance]) -> str:
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
            return draw(graph, loop)
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


# -- verbs


def _start(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    if core.shutdown is not None:
        return "everything is being stopped"
    needed = requirements(named)
    everyone = [*named, *(i for i, _ in needed.values())]
    wished = wishes(core, everyone)
    everyone += [i for i, _ in wished.values()]
    against = enemies(core, everyone)
    both = [i.name for i in everyone if i.fmri in against]
    if both:
        return f"{', '.join(both)} would be wanted up and down at once (conflicts)"
    loop = _loop_among(core, everyone)
    if loop:
        return f"ordering loop: {loop}"
    for other, cause in against.values():
        if other.effective:
            _force(core, other, False, "conflict", cause)
            op.affected.append(other.fmri)
    for (other, cause), by in [
        *((pair, "requirement") for pair in needed.values()),
        *((pair, "wants") for pair in wished.values()),
    ]:
        if not other.effective:
            _force(core, other, True, by, cause)
            op.affected.append(other.fmri)
    if needed:
        names = ", ".join(i.name for i, _ in needed.values())
        op.note = f"also starts what is required: {names}"
    for i in named:
        keep = None if r.until is None else Override(True, "person", r.who, r.why, r.until)
        i.override = keep if i.enabled else Override(True, "person", r.who, r.why, r.until)
        _revive(core, i, causes.by_person("started", r.who, r.why))
        _goal(core, op, i, "up")
    return ""


def _revive(core: Core, i: Instance, cause: Cause) -> None:
    """A person's start: nothing that failed before counts."""
    if i.fault is not None and i.fault.word != "stuck":
        i.fault = None
        i.reason = "clear_request"
    if i.stage is Stage.IDLE:
        i.settled = False
        i.cause = i.why = cause
    elif i.stage is not Stage.UP:
        i.settled = False
    fresh(i)
    core.touch(i)


def _stop(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    along = _along(core, named, True)
    both = [*named, *(i for i, _ in along.values())]
    down, without = goes_down(core, both)
    op.affected += [*along, *down]
    if without:
        op.note = f"left without it: {', '.join(map(display, without))}"
    for i in named:
        i.override = Override(False, "person", r.who, r.why, r.until)
        _lay_down(core, op, i)
    for i, cause in along.values():
        i.override = Override(False, "requirement", why=cause.text)
        _lay_down(core, op, i)
    return ""


def _lay_down(core: Core, op: Operation, i: Instance) -> None:
    if i.fault is not None and i.fault.word != "stuck":
        i.fault = None
        i.reason = "disable_request"
    i.not_before = None
    i.cause = causes.choice(i) if i.stage is Stage.IDLE else i.cause
    _goal(core, op, i, "down")


def _restart(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    if core.shutdown is not None:
        return "everything is being stopped"
    along = _along(core, named, False)
    pairs = [(i, causes.by_person("restarted", r.who, r.why)) for i in named]
    pairs += [(i, cause) for i, cause in along.values() if i.stage is not Stage.IDLE]
    if named:
        op.affected = [*along, *goes_down(core, named)[0]]
    for i, cause in pairs:
        fault = i.static or i.fault
        if fault is not None:
            note = f"is in maintenance: {fault.text}; `clear` or `start` it"
            _at_once(core, op, i, "failed", note)
        elif not i.effective:
            _at_once(core, op, i, "done", "was not running: nothing was done")
        elif i.stage is Stage.IDLE:
            _revive(core, i, cause)
            _goal(core, op, i, "up")
        else:
            fresh(i)
            i.bounce = core.stamp()
            i.bounce_class = Class.RESTART
            i.bounce_cause, i.bounce_reason = cause, "restart_request"
            i.settled = False
            _goal(core, op, i, "restart")
    return ""


def _refresh(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    for i in named:
        if i.stage not in (Stage.UP, Stage.REFRESH):
            _at_once(core, op, i, "done", "is not running: nothing was run")
        elif not i.definition.refresh:
            depart(core, i, Class.REFRESH)
            _at_once(core, op, i, "done", "has no refresh method: nothing was run")
        else:
            i.asked_refresh = True
            _goal(core, op, i, "refresh")
    return ""


def _choose(value: bool) -> Callable[[Core, Operation, list[Instance], Request], str]:
    def verb(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
        if value and core.shutdown is not None and not r.later:
            return "everything is being stopped"
        loop = _loop_among(core, named) if value and not r.later else ""
        if loop:
            return f"ordering loop: {loop}"
        if not value and not r.later:
            op.affected = goes_down(core, named)[0]
        for i in named:
            intent = Intent(value, r.who, core.now.wall, r.why, r.until)
            op.saving[core.save(i.fmri, intent, op.number)] = i.fmri
            if r.later:
                i.later_choice = intent
                _at_once(core, op, i, "done", "recorded; it holds from the next start of the place")
                continue
            i.intent, i.later_choice, i.override = intent, None, None
            if not value:
                _lay_down(core, op, i)
            elif i.static or i.fault:
                fault = i.static or i.fault
                assert fault is not None
                note = f"is enabled, but in maintenance: {fault.text}; `clear` it"
                _at_once(core, op, i, "failed", note)
            else:
                if i.stage is Stage.IDLE:
                    i.cause = causes.choice(i)
                _goal(core, op, i, "up")
        return ""

    return verb


def _clear(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    for i in named:
        cause = causes.by_person("cleared", r.who, r.why)
        if i.static is not None:
            _at_once(core, op, i, "failed", f"{i.static.text}; change its definition")
        elif i.fault is not None and i.fault.word == "stuck":
            _at_once(core, op, i, "failed", i.fault.text)
        elif i.fault is not None:
            _revive(core, i, cause)
            i.cause = cause
            _goal(core, op, i, "up") if i.effective else _at_once(core, op, i)
        elif i.degraders.pop("admin", None) is not None:
            i.reason, i.cause = "clear_request", cause
            _at_once(core, op, i)
        elif i.stage is Stage.IDLE and i.effective and i.not_before is not None:
            _revive(core, i, cause)
            _goal(core, op, i, "up")
        else:
            _at_once(core, op, i, "failed", "is neither in maintenance nor degraded")
    return ""


def _mark(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    if r.state not in ("degraded", "maintenance"):
        return f"cannot mark as {r.state!r}: degraded or maintenance"
    for i in named:
        cause = causes.by_person(f"marked {r.state}", r.who, r.why)
        if r.state == "degraded":
            if i.stage not in (Stage.UP, Stage.REFRESH):
                _at_once(core, op, i, "failed", "is not online")
                continue
            i.degraders["admin"] = cause.text.removeprefix("was ")
            i.reason, i.cause = "administrative_request", cause
            _at_once(core, op, i)
        elif i.fault is not None or i.static is not None:
            _at_once(core, op, i, "done", "is in maintenance already")
        else:
            text = cause.text.removeprefix("was ")
            i.fault = Fault("administrative_request", Class.RESTART, text)
            if i.stage is Stage.IDLE:
                i.reason, i.cause = "administrative_request", cause
            _goal(core, op, i, "aside")
    return ""


def _signal(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    for i in named:
        if i.stage is Stage.IDLE or not (i.main_alive or i.populated):
            _at_once(core, op, i, "failed", "is not running")
            continue
        core.emit(Signal(i.fmri, i.run, "main" if i.main_alive else "all", r.signal))
        _at_once(core, op, i)
    return ""


def _input(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    if not r.input:
        return "the name of an input is missing"
    from .apply import fact

    if r.input == "active":
        core.active_cause = causes.by_person("put to sleep", r.who, r.why)
        fact(core, "active", r.value)
    else:
        fact(core, f"input:{r.input.removeprefix('input:')}", r.value)
    return ""


def _settle(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    if not core.settled_before:
        # The first time what counts is everything since the place came up.
        core.settled_before = True
        op.stamp = 0
    for i in named:
        op.members[i.fmri] = Member(i.fmri, "settle", i.run)
        core.mark(i)
    core.settling.append(op.number)
    return ""


def _down(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    again = core.shutdown is not None
    status = core.shutdown.status if core.shutdown is not None else 0
    hurry = again and core.shutdown is not None and (core.shutdown.hurry or r.verb == "down")
    shut_down(core, status, causes.by_person("stopped", r.who, r.why), hurry)
    for i in core.instances.values():
        if i.stage is not Stage.IDLE:
            _goal(core, op, i, "down")
    return ""


_VERBS: dict[str, Callable[[Core, Operation, list[Instance], Request], str]] = {
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "refresh": _refresh,
    "enable": _choose(True),
    "disable": _choose(False),
    "clear": _clear,
    "mark": _mark,
    "signal": _signal,
    "input": _input,
    "reload": _settle,
    "settle": _settle,
    "down": _down,
}


# -- answers and time


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
            _end(core, op, "failed" if "failed" in outcomes else "waiting")


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
        if late and i.moving:
            outcome, note = "waiting", "is not settled yet"
        op.members[name] = Member(name, "settle", i.run, outcome, note)
        if outcome != "done":
            core.emit(Outcome(op.number, name, outcome, note))
    bad = {m.outcome for m in op.members.values()} - {"done"}
    _end(core, op, late if late and "failed" not in bad else "failed" if bad else "done")


def _settled(core: Core, op: Operation, i: Instance) -> tuple[str, str]:
    """Up means: up, and not ended by itself since the operation began (issue: Settled)."""
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
