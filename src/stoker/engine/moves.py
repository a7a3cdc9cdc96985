"""The stage machine: from what is known of one instance to its next step.

`decide` takes every step that is possible now. A step function answers true when it changed the
stage, so that the next one is asked at once; waiting is an answer, never a loop.
"""

from __future__ import annotations

from stoker.model import Class, Definition, Stage, Step

from . import causes, decider, gates, methods
from .core import Core, Shutdown
from .effects import Kill, Orphaned, ProbeOff, ProbeOn, Release, Signal
from .events import Status
from .facts import STUCK, Cause, Fault, Halt, Instance, Override
from .graph import RESTART_RANK, calm_for, unlink
from .values import STALLED, distance, propagate

__all__ = ["decide", "enter_stage", "fresh", "shut_down"]

KILL_GRACE = 10.0
"""Seconds after KILL before what is still there counts as stuck (uninterruptible sleep)."""

_DOWN = frozenset((Stage.STOP, Stage.KILL, Stage.DECIDE, Stage.CLEANUP))
_SOON = 1_000_000  # nanoseconds; a second try within one turn would never let the turn end


def decide(core: Core, i: Instance) -> None:
    """Bring an instance as far as it can go now, then tell whoever depends on it."""
    _expire(core, i)
    now_effective = gates.effective(i)
    if now_effective != i.effective:
        _flip(core, i, now_effective)
    step = _STEPS[i.stage]
    while step(core, i):
        step = _STEPS[i.stage]
    if not i.shown_next and i.stage is not Stage.IDLE and i.stage is not Stage.UP:
        core.show(i)  # an adopted one says again where it is going
    finish(core, i)


def _expire(core: Core, i: Instance) -> None:
    """Words that were given until a time, when that time has come."""
    wall = core.now.wall
    if i.override is not None and i.override.until is not None and wall >= i.override.until:
        i.override = None
        core.touch(i)
    if i.intent is not None and i.intent.until is not None and wall >= i.intent.until:
        i.intent = None
        core.save(i.fmri, None)
        core.touch(i)
    fault = i.fault
    if fault and fault.retry is not None and core.shutdown is None and core.now.mono >= fault.retry:
        i.fault = None
        i.reason = "clear_request"
        i.cause = Cause(f"is tried again after maintenance ({fault.text})")
        fresh(i)
        core.touch(i)


def _flip(core: Core, i: Instance, now_effective: bool) -> None:
    """What holds now differs from what held before."""
    first = i.shown_state == "uninitialized" and i.run == 0
    i.effective = now_effective
    i.settled = False
    core.touch(i)
    if i.stage is Stage.IDLE and i.fault is None:
        if first:
            i.reason = "per_configuration"
        elif i.reason != "clear_request":
            i.reason = "enable_request" if now_effective else "disable_request"
        i.cause = i.why or causes.choice(i)
    i.why = None
    if now_effective and (i.fmri in core.pulls or i.definition.conflicts):
        from .operations import pull

        pull(core, i)


def fresh(i: Instance) -> None:
    """Forget failures: a person's start is never counted (and a healthy time ends the growth)."""
    i.fails = 0
    i.delay_step = 0
    i.starts.clear()
    i.not_before = None


def enter_stage(core: Core, i: Instance, stage: Stage) -> None:
    """Change the stage and show what that means."""
    i.stage = stage
    core.changed[i.fmri] = None
    counted = stage is Stage.PREPARE or stage is Stage.START
    if counted != i.counted:
        i.counted = counted
        core.starting += 1 if counted else -1
        if not counted and core.capped:
            one = next(iter(core.capped))
            del core.capped[one]
            if one in core.instances:
                core.mark(core.instances[one])
    core.show(i)


# -- idle


def _idle(core: Core, i: Instance) -> bool:
    if core.capped:
        core.capped.pop(i.fmri, None)
    if i.removed:
        _forget(core, i)
        return False
    if not gates.wanted(core, i):
        if not i.settled:
            i.settled = True
            core.touch(i)
        if i.shown_state == "uninitialized":
            if i.static is not None:
                i.reason, i.cause = i.static.word, Cause(i.static.text)
            elif not i.cause.text:
                i.reason, i.cause = "per_configuration", causes.choice(i)
        core.show(i)
        return False
    core.show(i)
    reason = gates.blocked(core, i)
    if reason is not None:
        if reason.code == "concurrency":
            core.capped[i.fmri] = None
        return False
    if i.turn == core.turn:
        i.not_before = core.now.mono + _SOON
        return False
    return _begin(core, i)


def _forget(core: Core, i: Instance) -> None:
    if core.instances.pop(i.fmri, None) is None:
        return
    several = core.services.get(i.fmri.rpartition(":")[0])
    if several is not None and i in several:
        several.remove(i)
    core.show(i)
    if i.leaving:
        _set_leaving(core, i, False)  # while it still knows whom it held up
    unlink(i)
    if i.loop or i.static is not None:
        core.rebuild = True  # the others of its circle are free now
    core.touch(i)
    core.touch_engine()
    for op in list(i.ops):
        from .operations import close_member

        close_member(core, core.ops[op], i.ops[op], "cancelled", "its definition is gone")


def _begin(core: Core, i: Instance) -> bool:
    d = i.definition
    policy = d.restart
    if decider.too_many(policy, i.starts, core.now.mono):
        text = f"started {policy.rate_count} times too quickly"
        set_fault(core, i, "restarting_too_quickly", text, policy.retry_every)
        return True
    i.starts.append(core.now.mono)
    if len(i.starts) > 16 and len(i.starts) > policy.rate_count:
        del i.starts[0]
    core.ctids += 1
    i.ctid = core.ctids
    i.populated = False
    _new_run(core, i)
    if i.reason not in ("restart_request", "clear_request"):
        i.reason = "dependencies_satisfied"
    if d.prepare:
        enter_stage(core, i, Stage.PREPARE)
        methods.run(core, i, "prepare", d.prepare)
    else:
        _start(core, i)
    return True


def _new_run(core: Core, i: Instance) -> None:
    i.run += 1
    i.turn = core.turn
    i.baseline = core.seq
    i.records = {}
    i.run_definition, i.run_digest = i.definition, ""
    i.was_up = i.main_alive = i.main_ran = i.ready_seen = i.parting = i.stopping = False
    i.contract_ok = True
    i.main = i.main_start = 0
    i.gone, i.hurt, i.result, i.halted = None, "", None, None
    i.not_before = i.deadline = i.healthy_since = None
    i.rung = -1
    i.status_text = ""
    i.asked_refresh = False
    i.probe_fails, i.probe_ok = {}, {}
    if i.degraders:
        i.degraders = {}


def _start(core: Core, i: Instance) -> None:
    enter_stage(core, i, Stage.START)
    d = i.running_definition()
    if d.start:
        methods.run(core, i, "start", d.start)
    else:
        i.ready_seen = True


# -- prepare and start


def _prepare(core: Core, i: Instance) -> bool:
    d = i.running_definition()
    answer = methods.advance(core, i, "prepare", d.prepare)
    if answer == "wait":
        return _interrupt(core, i, d)
    if answer == "skip":
        i.override = Override(False, "skipped", why=f"was skipped: {methods.told(i)}")
        i.effective = False
        i.settled = True
        i.halted = Halt("skipped", Class.RESTART, "skipped", causes.choice(i))
        i.reason, i.cause = "skipped", i.halted.cause
        _to_kill(core, i)
        return True
    if answer == "failed":
        return _failed(core, i, f"prepare {methods.told(i)}")
    found = gates.halt(core, i)
    if found is not None:
        leave(core, i, found)
        return True
    _start(core, i)
    return True


def _starting(core: Core, i: Instance) -> bool:
    d = i.running_definition()
    if not i.ready_seen:
        trouble = _not_ready(core, i, d)
        if trouble is not None:
            return _failed(core, i, trouble)
    if not i.ready_seen:
        return _interrupt(core, i, d)
    found = gates.halt(core, i)
    if found is not None and not found.waits:
        leave(core, i, found)
        return True
    _up(core, i, d)
    return True


def _not_ready(core: Core, i: Instance, d: Definition) -> str | None:
    """Set `ready_seen` when the time has come; a sentence when it cannot come any more."""
    kind = d.ready.kind
    over = i.deadline is not None and core.now.mono >= i.deadline
    if methods.is_main(i, d):
        if isinstance(i.result, str):
            return i.result
        if i.gone is not None:
            if d.ends == "empty" and i.populated and i.gone.ok:
                i.gone = None  # a daemon left its parent; the contract is what counts
                return None
            return f"{causes.how(i.gone)} before it was ready"
        if over and kind == "delay":
            i.ready_seen = True
        elif over:
            return "was not ready in time"
        return None
    if i.method == "":
        if over:
            return "was not ready in time"
        return None if i.populated else "ended before it was ready"
    answer = methods.advance(core, i, "start", d.start)
    if answer in ("failed", "skip"):
        return f"start {methods.told(i)}"
    if answer == "done":
        i.main_ran = True
        if kind == "pidfile":
            i.method = ""
            i.deadline = i.deadline if d.ready.timeout is None else core.after(d.ready.timeout)
            core.emit(ProbeOn(i.fmri, i.run, ("ready",), d))
        else:
            i.ready_seen = True
    return None


def _interrupt(core: Core, i: Instance, d: Definition) -> bool:
    """A halt during prepare or start: at once, or when that has ended, as the definition says."""
    found = gates.halt(core, i)
    if found is None:
        i.parting = False
        return False
    hurry = core.shutdown is not None and core.shutdown.hurry
    if i.definition.interrupt == "finish" and not hurry:
        i.parting = True
        i.halted = found
        return False
    leave(core, i, found)
    return True


def _failed(core: Core, i: Instance, text: str) -> bool:
    """The attempt failed: sweep, then let the decider judge."""
    methods.abort(core, i)
    i.failed, i.failed_text = core.stamp(), text
    i.fails += 1
    i.settled = True
    i.parting = False
    i.halted = None
    i.reason, i.cause = "method_failed", Cause(f"failed: {text}")
    _probes_off(core, i)
    _to_kill(core, i)
    return True


# -- up


def _up(core: Core, i: Instance, d: Definition) -> None:
    i.was_up = True
    i.fails = 0
    i.deadline = None
    i.method = i.pending = ""
    i.arrived = core.stamp()
    i.settled = True
    i.parting = False
    i.halted = None
    i.healthy_since = core.now.mono
    if d.ready.kind in methods.PROBED:
        core.emit(ProbeOff(i.fmri, i.run, ("ready",)))
    for edge in i.watchers:
        group = edge.group
        group.arrived = i.arrived
        if group.rank >= RESTART_RANK and group.kind != "require_all":
            core.mark(group.owner)
    health_on(core, i)
    enter_stage(core, i, Stage.UP)


def health_on(core: Core, i: Instance) -> None:
    """Begin the health probes, those with the same grace together."""
    d = i.running_definition()
    graces: dict[float, list[str]] = {}
    for one in d.health:
        graces.setdefault(one.grace, []).append(one.name)
    for grace, names in graces.items():
        core.emit(ProbeOn(i.fmri, i.run, tuple(names), i.definition, grace))


def _probes_off(core: Core, i: Instance) -> None:
    d = i.running_definition()
    if i.stage is Stage.START and d.ready.kind in methods.PROBED:
        core.emit(ProbeOff(i.fmri, i.run, ("ready",)))
    if i.was_up and d.health:
        core.emit(ProbeOff(i.fmri, i.run, tuple(one.name for one in d.health)))


def _running(core: Core, i: Instance) -> bool:
    ended = _ended(i)
    found = gates.halt(core, i)
    if found is None:
        if i.parting:
            i.parting = False
            i.halted = None
        if ended is not None:
            cls, reason, cause = ended
            leave(core, i, None, cls, reason, cause)
            return True
        if i.asked_refresh:
            return _refresh(core, i)
        core.show(i)
        return False
    if found.waits and ended is None and not _may_part(core, i, found):
        return False
    if ended is not None and not found.waits and found.kind != "bounce":
        cls, reason, cause = ended
        leave(core, i, None, cls, reason, cause)
        return True
    leave(core, i, found)
    return True


def _may_part(core: Core, i: Instance, found: Halt) -> bool:
    """Withdrawn: may it leave now? First all that depends on it is told and looked at."""
    i.halted = found
    if core.shutdown is not None and core.shutdown.hurry:
        return True
    if not i.parting:
        i.parting = True
        i.settled = False
        core.touch(i)
        finish(core, i)
        core.mark(i)
        return False
    return i.held == 0


def _ended(i: Instance) -> tuple[str, str, Cause] | None:
    """Class, reason and cause when what was up has ended by itself."""
    d = i.running_definition()
    if i.hurt:
        reason = "ct_ev_core" if i.hurt == "core" else "ct_ev_signal"
        if i.hurt == "health":
            reason = i.bounce_reason
        return Class.FAULT, reason, Cause(i.failed_text)
    ends = d.ends if d.start and i.contract_ok else "never"
    if ends == "never":
        return None
    if ends == "empty":
        if i.populated:
            return None
        return Class.RESTART, "ct_ev_exit", causes.ended(i, i.gone or i.records.get("main"))
    if i.gone is None:
        return None
    status = i.gone
    cause = causes.ended(i, status)
    if status.kind == "signal":
        word = "core" if status.core else "signal"
        cls = Class.RESTART if word in d.ignore else Class.FAULT
        return cls, f"ct_ev_{word}", cause
    return Class.RESTART, "ct_ev_exit" if status.kind == "exit" else "exit_unknown", cause


def leave(
    core: Core,
    i: Instance,
    found: Halt | None,
    cls: str = "",
    reason: str = "",
    cause: Cause | None = None,
) -> None:
    """Go down: because of a halt, or (None) because it ended by itself."""
    i.halted = found
    i.parting = False
    if found is not None:
        cls, reason, cause = found.cls, found.reason, found.cause
        i.settled = False
        if cls != Class.FAULT:
            i.starts.clear()
    else:
        i.ended = core.stamp()
        i.settled = True
    assert cause is not None
    i.reason, i.cause = reason, cause
    i.asked_refresh = False
    methods.abort(core, i)
    _probes_off(core, i)
    if i.was_up:
        depart(core, i, cls)
    d = i.definition
    hurry = core.shutdown is not None and core.shutdown.hurry
    something = i.populated or d.stop_when_empty or d.ends == "never"
    if i.was_up and d.stop and not hurry and something and (found or d.stop_when_empty):
        enter_stage(core, i, Stage.STOP)
        methods.run(core, i, "stop", d.stop)
    else:
        _to_kill(core, i)


def depart(core: Core, i: Instance, cls: str) -> None:
    """Stamp a departure; running dependents that mind it are looked at."""
    stamp = core.stamp()
    if cls == Class.FAULT:
        i.departed_fault = stamp
    elif cls == Class.REFRESH:
        i.refreshed = stamp
    else:
        i.departed_restart = stamp
    for edge in i.watchers:
        group = edge.group
        if cls == Class.FAULT:
            group.departed_fault = stamp
        elif cls == Class.REFRESH:
            group.refreshed = stamp
        else:
            group.departed_restart = stamp
        group.source = i
        if group.rank:
            core.mark(group.owner)
    core.touch(i)


def _refresh(core: Core, i: Instance) -> bool:
    i.asked_refresh = False
    if not i.definition.refresh:
        depart(core, i, Class.REFRESH)
        return True
    i.settled = False
    enter_stage(core, i, Stage.REFRESH)
    methods.run(core, i, "refresh", i.definition.refresh)
    return True


def _refreshing(core: Core, i: Instance) -> bool:
    if i.deadline is None and i.pending and _in_the_way(core, i):
        methods.abort(core, i)
        i.result = Status("signal", 9)
    answer = methods.advance(core, i, "refresh", i.definition.refresh)
    if answer == "wait":
        return False
    i.settled = True
    if answer == "done":
        i.fails = 0
        depart(core, i, Class.REFRESH)
    else:
        i.failed, i.failed_text = core.stamp(), f"refresh {methods.told(i)}"
        i.fails += 1
        limit = i.definition.restart.failures
        if limit and i.fails >= limit:
            set_fault(core, i, "fault_threshold_reached", i.failed_text, None)
    i.method = ""
    i.deadline = None
    enter_stage(core, i, Stage.UP)
    return True


def _in_the_way(core: Core, i: Instance) -> bool:
    """A refresh without a time limit must not hold up an end or a halt for ever."""
    return _ended(i) is not None or gates.halt(core, i) is not None


# -- down


def _stopping(core: Core, i: Instance) -> bool:
    hurry = core.shutdown is not None and core.shutdown.hurry
    if hurry and i.pending:
        methods.abort(core, i)
        _to_kill(core, i)
        return True
    answer = methods.advance(core, i, "stop", i.definition.stop)
    if answer == "wait":
        return False
    if answer == "failed":
        i.fails += 1
        i.failed_text = f"stop {methods.told(i)}"
        i.stopping = True
        limit = i.definition.restart.failures
        again = limit and i.fails < limit and i.definition.unclean == "maintenance"
        if again and i.definition.stop:
            methods.run(core, i, "stop", i.definition.stop)
            return True
    _to_kill(core, i)
    return True


def _to_kill(core: Core, i: Instance) -> None:
    i.method = i.method if i.pending == "asked" else ""
    i.deadline = None
    i.rung = -1
    enter_stage(core, i, Stage.KILL)


def _killing(core: Core, i: Instance) -> bool:
    if not i.populated and i.pending != "asked":
        _swept(core, i)
        return True
    hurry = core.shutdown is not None and core.shutdown.hurry
    last = len(i.definition.ladder)
    if hurry and i.rung < last:
        i.rung = last - 1
        _next_rung(core, i)
    elif i.rung < 0 or (i.deadline is not None and core.now.mono >= i.deadline):
        _next_rung(core, i)
    return False


def _next_rung(core: Core, i: Instance) -> None:
    """The next signals, then KILL, then the admission that KILL did not help."""
    core.touch(i)
    i.rung += 1
    ladder = i.definition.ladder
    if i.rung < len(ladder):
        send_rung(core, i)
        i.deadline = core.after(ladder[i.rung].wait)
        if i.rung == len(ladder) - 1 and ladder[i.rung].wait is None:
            i.deadline = None
    elif i.rung == len(ladder):
        if i.halted is not None or i.definition.unclean == "maintenance":
            i.stopping = True
        send_rung(core, i)
        i.deadline = core.after(KILL_GRACE)
    else:
        i.rung = STUCK
        i.deadline = None
        text = "processes are left that even SIGKILL does not end"
        set_fault(core, i, "stuck", text, None)
        core.emit(Orphaned(i.fmri, i.run, i.ctid, "stuck"))


def send_rung(core: Core, i: Instance) -> None:
    """(Again) what the present rung of the ladder sends."""
    ladder = i.definition.ladder
    if i.rung < len(ladder):
        for signo in ladder[i.rung].signals:
            core.emit(Signal(i.fmri, i.run, "all", signo))
    else:
        core.emit(Kill(i.fmri, i.run))


def _swept(core: Core, i: Instance) -> None:
    """Nothing is left of the run's own processes."""
    i.main_alive = False
    i.deadline = None
    i.pending = i.method = ""
    if i.fault is not None and i.fault.word == "stuck":
        i.fault = None
    if i.stopping and i.definition.unclean == "maintenance" and i.halted is not None:
        set_fault(core, i, "method_failed", i.failed_text or "it had to be killed", None)
    if (i.main_ran or i.was_up) and i.definition.decide:
        enter_stage(core, i, Stage.DECIDE)
        methods.run(core, i, "decide", i.definition.decide, _arguments(i))
        return
    if i.halted is None and gates.wanted(core, i):
        _judge(core, i)
    _to_cleanup(core, i)


def _arguments(i: Instance) -> tuple[str, ...]:
    """How the last process ended, for a decide program."""
    status = i.gone or i.records.get("main") or i.records.get("start")
    if status is None or status.kind == "unknown":
        return ("exit", "0", "", "")
    if status.kind == "exit":
        return ("exit", str(status.number), "", "")
    name = causes.signal(status.number).removeprefix("SIG")
    kind = _DEATHS.get(name, "crash")
    return (kind, name, str(status.number), "core" if status.core else "")


_DEATHS = {"TERM": "term", "INT": "term", "HUP": "term", "PIPE": "term", "KILL": "kill"} | {
    "ABRT": "abort",
    "ALRM": "abort",
    "QUIT": "abort",
}


def _last_status(i: Instance) -> Status | None:
    return i.gone or i.records.get("main") or i.records.get("start") or i.records.get("prepare")


def _judge(core: Core, i: Instance) -> None:
    """The policy: again, or done, or maintenance."""
    policy = i.definition.restart
    now = core.now.mono
    status = _last_status(i)
    verdict = decider.judge(
        policy,
        fmri=i.fmri,
        run=i.run,
        step=i.delay_step,
        fails=i.fails,
        healthy=0 if i.healthy_since is None else now - i.healthy_since,
        status=status,
        failed_start=not i.was_up or bool(i.hurt),
    )
    core.touch(i)
    if verdict.again:
        i.restarts += 1
        i.delay_step = verdict.step
        i.not_before = now + verdict.wait if verdict.wait else None
        return
    if not verdict.fault:
        i.override = Override(False, "task-done", why="did its task and ended")
        i.effective = False
        i.reason, i.cause = "task_done", causes.choice(i)
        return
    text = f"{i.cause.text}; {verdict.text}"
    set_fault(core, i, verdict.fault, text, policy.retry_every)
    if i.was_up:
        depart(core, i, Class.FAULT)


def set_fault(core: Core, i: Instance, word: str, text: str, retry: float | None) -> None:
    """Put aside until a person, or the time `retry` seconds from now, takes it back."""
    i.fault = Fault(word, Class.FAULT, text, core.after(retry))
    i.settled = True
    i.reason = word
    core.touch(i)
    if i.stage is Stage.KILL:
        core.show(i)


def _deciding(core: Core, i: Instance) -> bool:
    answer = methods.advance(core, i, "decide", i.definition.decide)
    if answer == "wait":
        return False
    again = answer == "done"
    if i.halted is None and gates.wanted(core, i):
        if not again:
            i.override = Override(False, "decider", why="its restart program said no")
            i.effective = False
            i.cause = causes.choice(i)
        elif i.definition.rebegin == "start" and _may_go_on(core, i):
            i.restarts += 1
            core.emit(Release(i.fmri, i.run))
            core.ctids += 1
            i.ctid = core.ctids
            _new_run(core, i)
            _start(core, i)
            return True
        i.restarts += again
    _to_cleanup(core, i)
    return True


def _may_go_on(core: Core, i: Instance) -> bool:
    """A run may follow the last one without going to rest between them."""
    return gates.halt(core, i) is None and gates.blocked(core, i) is None


def _to_cleanup(core: Core, i: Instance) -> None:
    steps: tuple[Step, ...] = i.definition.cleanup
    if steps and i.run:
        enter_stage(core, i, Stage.CLEANUP)
        methods.run(core, i, "cleanup", steps)
    else:
        _rest(core, i)


def _cleaning(core: Core, i: Instance) -> bool:
    hurry = core.shutdown is not None and core.shutdown.hurry
    if hurry and i.pending:
        methods.abort(core, i)
        _rest(core, i)
        return True
    answer = methods.advance(core, i, "cleanup", i.definition.cleanup)
    if answer == "wait":
        return False
    _rest(core, i)
    return True


def _rest(core: Core, i: Instance) -> None:
    """The run is over."""
    core.emit(Release(i.fmri, i.run))
    status = _last_status(i)
    by_itself = i.halted is None
    i.halted = None
    i.deadline = None
    i.method = i.pending = ""
    i.main_alive = False
    i.main = 0
    i.gone = None
    i.hurt = ""
    i.degraders = {}
    i.ready_seen = False
    if i.settled is False and not gates.wanted(core, i):
        i.settled = True
    enter_stage(core, i, Stage.IDLE)
    given_up = not i.effective or (i.fault is not None and i.fault.retry is None)
    if i.definition.essential and by_itself and given_up and core.shutdown is None:
        text = f"the essential service {i.name} is over: {i.cause.text}"
        shut_down(core, _exit_status(status), Cause(f"was stopped because {text}"))


def _exit_status(status: Status | None) -> int:
    """What the manager ends with: the status of the essential service, 128 + n for a signal."""
    if status is None or status.kind == "unknown":
        return 1
    return status.number if status.kind == "exit" else 128 + status.number


def shut_down(core: Core, status: int, cause: Cause, hurry: bool = False) -> None:
    """Everything goes down, in reverse order; then Exit."""
    core.shutdown = Shutdown(status, cause, hurry)
    core.touch_engine()
    for i in core.instances.values():
        if i.stage is not Stage.IDLE:
            i.settled = False
        elif i.shown_state == "offline":
            i.reason, i.cause = "disable_request", cause
        core.mark(i)


# -- afterwards


def finish(core: Core, i: Instance) -> None:
    """Bring the caches and counters up to date, tell dependents, set the alarm."""
    stage = i.stage
    idle = stage is Stage.IDLE
    stuck = i.fault is not None and i.fault.word == "stuck"
    goes = not idle and (i.parting or (i.halted is not None and i.halted.waits and not stuck))
    if goes != i.goes:
        _set_goes(core, i, goes)
    leaving = i.parting or (stage in _DOWN and not stuck)
    if leaving != i.leaving:
        _set_leaving(core, i, leaving)
    if i.watchers:
        propagate(core, i)
    if i.later:
        _set_calm(core, i, i.settled or (idle and distance(core, i) <= STALLED))
    moving = not i.settled and (
        (not idle and (stage is not Stage.UP or i.parting)) or i.fmri in core.capped
    )
    if moving != i.moving:
        i.moving = moving
        core.moving += 1 if moving else -1
    live = not idle and not stuck
    if live != i.live:
        i.live = live
        core.live += 1 if live else -1
    core.arm(i, _alarm(core, i))
    if i.ops:
        from .operations import evaluate

        evaluate(core, i)


def _set_calm(core: Core, i: Instance, calm: bool) -> None:
    """Orderings: those that come after i may go on when it has settled, or cannot move."""
    if calm == i.calm and i.settled == i.quiet:
        return
    before = [calm_for(i, other) for other in i.later]
    i.calm, i.quiet = calm, i.settled
    for other, was in zip(i.later, before, strict=True):
        now = calm_for(i, other)
        if now != was:
            other.after_waits += -1 if now else 1
            core.mark(other)


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
        at = core.now.mono + _SOON  # nothing could be done about it yet: look again
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


def _set_leaving(core: Core, i: Instance, leaving: bool) -> None:
    i.leaving = leaving
    for other in i.downs:
        other.held += 1 if leaving else -1
        if not other.held:
            core.mark(other)


_STEPS = {
    Stage.IDLE: _idle,
    Stage.PREPARE: _prepare,
    Stage.START: _starting,
    Stage.UP: _running,
    Stage.REFRESH: _refreshing,
    Stage.STOP: _stopping,
    Stage.KILL: _killing,
    Stage.DECIDE: _deciding,
    Stage.CLEANUP: _cleaning,
}
