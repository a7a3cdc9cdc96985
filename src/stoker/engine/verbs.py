"""What people ask: each verb sets goals, or refuses before it touched anything."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from stoker.model import Class, Intent, Request, Stage, display

from . import causes, inputs, methods
from .basics import depart, enter_stage, fresh, probes_off, shut_down
from .closures import companions, enemies, force, goes_down, loop_among, requirements, wishes
from .core import Core
from .effects import Signal
from .facts import Cause, Fault, Halt, Instance, Member, Operation, Override
from .operations import at_once, close_member, end_operation, maybe_end, set_goal

__all__ = ["asked"]


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
        end_operation(core, op, "failed")
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
            end_operation(core, op, "failed")
        return
    maybe_end(core, op)


def _start(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    if core.shutdown is not None:
        return "everything is being stopped"
    needed = {} if r.alone else requirements(named)
    everyone = [*named, *(i for i, _ in needed.values())]
    wished = {} if r.alone else wishes(core, everyone)
    everyone += [i for i, _ in wished.values()]
    against = {} if r.alone else enemies(core, everyone)
    both = [i.name for i in everyone if i.fmri in against]
    if both:
        return f"{', '.join(both)} would be wanted up and down at once (conflicts)"
    loop = loop_among(core, everyone)
    if loop:
        return f"ordering loop: {loop}"
    for other, cause in against.values():
        if other.effective:
            force(core, other, False, "conflict", cause)
            op.affected.append(other.fmri)
    for (other, cause), by in [
        *((pair, "requirement") for pair in needed.values()),
        *((pair, "wants") for pair in wished.values()),
    ]:
        if not other.effective:
            force(core, other, True, by, cause)
            op.affected.append(other.fmri)
    if needed:
        names = ", ".join(i.name for i, _ in needed.values())
        op.note = f"also starts what is required: {names}"
    for i in named:
        i.alone = r.alone
        keep = None if r.until is None else Override(True, "person", r.who, r.why, r.until)
        i.override = keep if i.enabled else Override(True, "person", r.who, r.why, r.until)
        _revive(core, i, causes.by_person("started", r.who, r.why))
        set_goal(core, op, i, "up")
    return ""


def _lift(i: Instance) -> None:
    """What is stuck on its way to maintenance does not stay there for the old reason."""
    if i.halted is not None and i.halted.kind == "fault":
        i.halted = replace(i.halted, kind="cleared")


def _revive(core: Core, i: Instance, cause: Cause) -> None:
    """A person's start: nothing that failed before counts."""
    _lift(i)
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
    along = {} if r.alone else companions(core, named, True)
    both = [*named, *(i for i, _ in along.values())]
    down, without = goes_down(core, both)
    op.affected += [*along, *down]
    op.note = _left(without)
    for i in named:
        i.override = Override(False, "person", r.who, r.why, r.until, lock=r.lock)
        _lay_down(core, op, i)
    for i, cause in along.values():
        i.override = Override(False, "requirement", why=cause.text)
        _lay_down(core, op, i)
    return ""


def _left(without: list[str]) -> str:
    return f"left without it: {', '.join(map(display, without))}" if without else ""


def _kill(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    """A stop whose ladder is KILL alone (sysmgr's kill); nobody is waited for."""
    said = _stop(core, op, named, r)
    for i in named:
        assert i.override is not None
        i.override = replace(i.override, hard=True)
    return said


def _once(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    """What runs goes on, what does not is started; neither is run again (sysmgr's once, nosh's
    `o`).
    """
    running = [i for i in named if i.effective and i.stage in _RUNS and not i.aside]
    down = [i for i in named if i not in running]
    refused = _start(core, op, down, r) if down else ""
    if refused:
        return refused
    for i in named:
        i.override = Override(True, "person", r.who, r.why, r.until, once="o", lock=r.lock)
        core.touch(i)
    for i in running:
        at_once(core, op, i, "done", "goes on, and is not run again when it ends")
    return ""


_RUNS = (Stage.PREPARE, Stage.START, Stage.UP, Stage.REFRESH)


def _lay_down(core: Core, op: Operation, i: Instance) -> None:
    _lift(i)
    if i.fault is not None and i.fault.word != "stuck":
        i.fault = None
        i.reason = "disable_request"
    i.not_before = None
    i.cause = causes.choice(i) if i.stage is Stage.IDLE else i.cause
    set_goal(core, op, i, "down")


def _restart(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    if core.shutdown is not None:
        return "everything is being stopped"
    along = companions(core, named, False)
    pairs = [(i, causes.by_person("restarted", r.who, r.why)) for i in named]
    pairs += [(i, cause) for i, cause in along.values() if i.stage is not Stage.IDLE]
    if named:
        op.affected = [*along, *goes_down(core, named)[0]]
    for i, cause in pairs:
        fault = i.static or i.fault
        if fault is not None:
            mend = "mend its definition and reload" if i.static else "`clear` or `start` it"
            note = f"is in maintenance: {fault.text}; {mend}"
            at_once(core, op, i, "failed", note)
        elif not i.effective:
            at_once(core, op, i, "done", "was not running: nothing was done")
        elif i.stage is Stage.IDLE:
            _revive(core, i, cause)
            set_goal(core, op, i, "up")
        else:
            fresh(i)
            i.bounce = core.stamp()
            i.bounce_class = Class.RESTART
            i.bounce_cause, i.bounce_reason = cause, "restart_request"
            i.settled = False
            set_goal(core, op, i, "restart")
    return ""


def _refresh(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    for i in named:
        if i.stage not in (Stage.UP, Stage.REFRESH) or i.aside:
            at_once(core, op, i, "done", "is not running: nothing was run")
            continue
        i.cause = causes.by_person("refreshed", r.who, r.why)
        if not i.definition.refresh:
            depart(core, i, Class.REFRESH)
            at_once(core, op, i, "done", "has no refresh method: nothing was run")
        else:
            i.asked_refresh = True
            set_goal(core, op, i, "refresh")
    return ""


def _choose(value: bool) -> Callable[[Core, Operation, list[Instance], Request], str]:
    def verb(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
        if value and core.shutdown is not None and not r.later:
            return "everything is being stopped"
        loop = loop_among(core, named) if value and not r.later else ""
        if loop:
            return f"ordering loop: {loop}"
        if not value and not r.later:
            op.affected, without = goes_down(core, named)
            op.note = _left(without)
        for i in named:
            intent = Intent(value, r.who, core.now.wall, r.why, r.until)
            op.saving[core.save(i.fmri, intent, op.number)] = i.fmri
            if r.later:
                i.later_choice = intent
                at_once(core, op, i, "done", "recorded; it holds from the next start of the place")
                continue
            i.intent, i.later_choice, i.override = intent, None, None
            if not value:
                _lay_down(core, op, i)
            elif i.static or i.fault:
                fault = i.static or i.fault
                assert fault is not None
                mend = "mend its definition and reload" if i.static else "`clear` it"
                note = f"is enabled, but in maintenance: {fault.text}; {mend}"
                at_once(core, op, i, "failed", note)
            else:
                if i.stage is Stage.IDLE:
                    i.cause = causes.choice(i)
                set_goal(core, op, i, "up")
        return ""

    return verb


def _clear(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    for i in named:
        cause = causes.by_person("cleared", r.who, r.why)
        if i.static is not None:
            at_once(core, op, i, "failed", f"{i.static.text}; change its definition")
        elif i.fault is not None and i.fault.word == "stuck":
            _lift(i)  # what else it was in maintenance for is over
            at_once(core, op, i, "failed", i.fault.text)
        elif i.fault is not None:
            _revive(core, i, cause)
            i.cause = cause
            set_goal(core, op, i, "up") if i.effective else at_once(core, op, i)
        elif i.degraders.pop("admin", None) is not None:
            i.reason, i.cause = "clear_request", cause
            at_once(core, op, i)
        elif i.stage is Stage.IDLE and i.effective and i.not_before is not None:
            _revive(core, i, cause)
            set_goal(core, op, i, "up")
        else:
            at_once(core, op, i, "failed", "is neither in maintenance nor degraded")
    return ""


def _mark(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    if r.state not in ("degraded", "maintenance"):
        return f"cannot mark as {r.state!r}: degraded or maintenance"
    for i in named:
        cause = causes.by_person(f"marked {r.state}", r.who, r.why)
        if r.state == "degraded":
            if i.stage not in (Stage.UP, Stage.REFRESH) or i.aside:
                at_once(core, op, i, "failed", "is not online")
                continue
            i.degraders["admin"] = cause.text.removeprefix("was ")
            i.reason, i.cause = "administrative_request", cause
            at_once(core, op, i)
            continue
        text = cause.text.removeprefix("was ")
        if i.fault is not None and i.fault.word == "stuck":
            # Kept for when nothing is left of its run: it must not start again then.
            why = Cause(f"went to maintenance: {text}")
            i.halted = Halt("fault", Class.RESTART, "administrative_request", why)
            at_once(core, op, i, "done", f"is in maintenance already: {i.fault.text}")
        elif i.fault is not None or i.static is not None:
            at_once(core, op, i, "done", "is in maintenance already")
        else:
            i.fault = Fault("administrative_request", Class.RESTART, text)
            if i.stage is Stage.IDLE:
                i.reason, i.cause = "administrative_request", cause
            elif r.immediate and i.stage in (Stage.UP, Stage.REFRESH) and i.effective:
                _set_aside(core, i, cause)
            set_goal(core, op, i, "aside")
    return ""


def _set_aside(core: Core, i: Instance, cause: Cause) -> None:
    """Maintenance with all its processes, and without a stop method (svcadm(8): mark -I): to others
    it has gone, and nothing it does counts until it leaves maintenance.
    """
    if i.stage is Stage.REFRESH:
        methods.abort(core, i)
        i.method, i.deadline, i.herald = "", None, ""
    i.aside = True
    i.reason, i.cause = "administrative_request", cause
    i.asked_refresh = i.parting = False
    i.halted = None
    i.settled = True
    i.degraders = {}
    probes_off(core, i)
    depart(core, i, Class.RESTART)
    enter_stage(core, i, Stage.UP)


def _signal(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    for i in named:
        if i.stage is Stage.IDLE or not (i.main_alive or i.populated):
            at_once(core, op, i, "failed", "is not running")
            continue
        core.emit(Signal(i.fmri, i.run, "main" if i.main_alive else "all", r.signal))
        at_once(core, op, i)
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
    status = r.status or (core.shutdown.status if core.shutdown is not None else 0)
    hurry = again and core.shutdown is not None and (core.shutdown.hurry or r.verb == "down")
    shut_down(core, status, causes.by_person("stopped", r.who, r.why), hurry)
    for i in core.instances.values():
        if i.stage is not Stage.IDLE:
            set_goal(core, op, i, "down")
    return ""


_VERBS: dict[str, Callable[[Core, Operation, list[Instance], Request], str]] = {
    "start": _start,
    "stop": _stop,
    "kill": _kill,
    "once": _once,
    "restart": _restart,
    "refresh": _refresh,
    "enable": _choose(True),
    "disable": _choose(False),
    "clear": _clear,
    "mark": _mark,
    "signal": _signal,
    "sleep": inputs.put_to_sleep,
    "wake": inputs.wake,
    "set": inputs.set_input,
    "unset": inputs.unset_input,
    "give": inputs.give,
    "reload": _settle,
    "settle": _settle,
    "down": _down,
}
