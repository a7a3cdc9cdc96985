"""The way down: stop method, ladder, KILL, the decider, cleanup, rest."""

from __future__ import annotations

from stoker.model import Class, Stage, Step, display

from . import causes, decider, gates, methods
from .basics import (
    begin_start,
    depart,
    enter_stage,
    last_status,
    new_run,
    set_fault,
    shut_down,
)
from .core import Core
from .effects import Kill, Orphaned, Release, Signal
from .events import Status
from .facts import KILLED, STUCK, Cause, Fault, Halt, Instance, Override

__all__ = ["cleaning", "deciding", "killing", "send_rung", "stopping", "to_kill"]

KILL_GRACE = 10.0
"""Seconds after KILL before what is still there counts as stuck (uninterruptible sleep)."""


def stopping(core: Core, i: Instance) -> bool:
    if gates.hurried(core, i) and i.pending:
        methods.abort(core, i)
        to_kill(core, i)
        return True
    answer = methods.advance(core, i, "stop", i.definition.stop)
    if answer == "wait":
        return False
    if answer == "failed":
        i.failed_text = f"stop {methods.told(i)}"
        i.unclean = True
        over = methods.failed(i)
        if not over and i.definition.unclean == "maintenance" and methods.again(i):
            methods.run(core, i, "stop", i.definition.stop)
            return True
    elif answer == "done":
        i.fails = 0
        i.unclean = False
    to_kill(core, i)
    return True


def to_kill(core: Core, i: Instance) -> None:
    i.method = i.method if i.pending == "asked" else ""
    i.deadline = None
    i.parting = False
    i.rung = -1
    enter_stage(core, i, Stage.KILL)


def killing(core: Core, i: Instance) -> bool:
    if not i.populated and i.pending != "asked":
        _swept(core, i)
        return True
    last = len(i.definition.ladder)
    if gates.hurried(core, i) and i.rung < last:
        i.rung = last - 1
        _next_rung(core, i)
    elif i.rung < 0 or (i.deadline is not None and core.now.mono >= i.deadline):
        _next_rung(core, i)
    return False


def _next_rung(core: Core, i: Instance) -> None:
    """The next signals, then KILL, then the admission that KILL did not help. A rung without
    signals is the rest of the stop method's time: nobody waits where none has run.
    """
    core.touch(i)
    i.rung += 1
    ladder = i.definition.ladder
    asked = i.unclean or "stop" in i.records
    while not asked and i.rung < len(ladder) and not ladder[i.rung].signals:
        i.rung += 1
    if i.rung < len(ladder):
        send_rung(core, i)
        i.deadline = core.after(ladder[i.rung].wait)
        if i.rung == len(ladder) - 1 and ladder[i.rung].wait is None:
            i.deadline = None
    elif i.rung <= KILLED:
        i.rung = KILLED
        asked = asked or any(rung.signals for rung in ladder)
        if asked and not i.unclean and not gates.hurried(core, i):
            i.unclean, i.failed_text = True, "it had to be killed"
        send_rung(core, i)
        i.deadline = core.after(KILL_GRACE)
    else:
        i.rung = STUCK
        i.deadline = None
        if i.fault is not None and i.fault.word != "stuck":
            why = Cause(f"went to maintenance: {i.fault.text}")
            i.halted = Halt("fault", i.fault.cls, i.fault.word, why)
        text = "processes are left that even SIGKILL does not end"
        if i.running_definition().ready.kind == "told":
            text = f"its restarter {display(i.definition.restarter)} does not end it"
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
        h = i.halted
        if h is not None and h.kind == "fault" and i.static is None:
            # It was to go to maintenance for another reason: that one still holds.
            i.fault = Fault(h.reason, h.cls, h.cause.text.removeprefix("went to maintenance: "))
            i.reason, i.cause = h.reason, h.cause
    if i.unclean and i.definition.unclean == "maintenance" and i.halted is not None:
        limit = i.definition.restart.failures
        word = "fault_threshold_reached" if limit and i.fails >= limit else "method_failed"
        set_fault(core, i, word, i.failed_text, None)
    if (i.main_ran or i.was_up) and i.definition.decide:
        enter_stage(core, i, Stage.DECIDE)
        methods.run(core, i, "decide", i.definition.decide, _arguments(i))
        return
    if i.halted is None and gates.wanted(core, i):
        _judge(core, i)
    _to_cleanup(core, i)


def _arguments(i: Instance) -> tuple[str, ...]:
    """How the last process ended, for a decide program, in the words that it expects."""
    status = i.gone or i.records.get("main") or i.records.get("start")
    if i.definition.decide_arguments != "cause":
        return _numbers(status, i.definition.decide_arguments)
    if status is None or status.kind == "unknown":
        return ("exit", "0")
    if status.kind == "exit":
        return ("exit", str(status.number))
    name = causes.signal(status.number).removeprefix("SIG")
    kind = _DEATHS.get(name, "crash")
    if kind == "crash" and name not in ("SEGV", "FPE"):
        name = str(status.number)  # nosh.md 2.3: only ten signals have a name there
    return (kind, name, str(status.number), *(("core",) if status.core else ()))


def _numbers(status: Status | None, form: str) -> tuple[str, ...]:
    """An exit code and a second number: the low byte of wait(2)'s status (runsv(8)), or the signal
    (s6-supervise(8)).
    """
    exited = status is None or status.kind != "signal"
    code = status.number if status is not None and status.kind == "exit" else 0
    number = 0 if status is None or exited else status.number
    if form == "pair":
        return (str(code if exited else 256), str(number))
    dumped = 128 if status is not None and status.core else 0
    return (str(code if exited else -1), str(number | dumped))


_DEATHS = {"TERM": "term", "INT": "term", "HUP": "term", "PIPE": "term", "KILL": "kill"} | {
    "ABRT": "abort",
    "ALRM": "abort",
    "QUIT": "abort",
}


def _spent(core: Core, i: Instance) -> bool:
    """Whether it was to run once: then that is over, whatever program or policy say."""
    o = i.override
    if o is None or not o.once:
        return False
    why = f"ran once, as was asked, and {i.cause.text}" if i.cause.text else "ran once"
    i.override = Override(False, "once-done", o.who, why, lock=o.lock)
    i.effective = False
    i.reason, i.cause = "once_done", causes.choice(i)
    core.touch(i)
    return True


def _judge(core: Core, i: Instance) -> None:
    """The policy: again, or done, or maintenance."""
    if _spent(core, i):
        return
    policy = i.definition.restart
    now = core.now.mono
    status = last_status(i)
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


def deciding(core: Core, i: Instance) -> bool:
    answer = methods.advance(core, i, "decide", i.definition.decide)
    if answer == "wait":
        return False
    again = answer == "done" and i.definition.decide_by == "program"
    if i.halted is None and gates.wanted(core, i):
        if i.definition.decide_by == "policy" and not _refused(i):
            _judge(core, i)
        elif _spent(core, i):
            again = False
        elif not again:
            i.override = Override(False, "decider", why="ended, and its restart program said no")
            i.effective = False
            i.cause = causes.choice(i)
        elif i.definition.rebegin == "start" and _may_go_on(core, i):
            _go_on(core, i)
            return True
        i.restarts += again
    _to_cleanup(core, i)
    return True


def _refused(i: Instance) -> bool:
    """The program that ran between two runs says that there shall be no other."""
    result = i.result
    finals = i.definition.restart.fatal_exits
    return isinstance(result, Status) and result.kind == "exit" and result.number in finals


def _may_go_on(core: Core, i: Instance) -> bool:
    """A run may follow the last one without going to rest between them."""
    return gates.halt(core, i) is None and gates.blocked(core, i) is None


def _go_on(core: Core, i: Instance) -> None:
    """The next run begins at once, and with its start method."""
    i.restarts += 1
    core.emit(Release(i.fmri, i.run))
    core.ctids += 1
    i.ctid = core.ctids
    new_run(core, i)
    i.rested = i.settled
    begin_start(core, i)


def _to_cleanup(core: Core, i: Instance) -> None:
    steps: tuple[Step, ...] = i.definition.cleanup
    if steps and i.run:
        enter_stage(core, i, Stage.CLEANUP)
        methods.run(core, i, "cleanup", steps)
    else:
        _rest(core, i)


def cleaning(core: Core, i: Instance) -> bool:
    if gates.hurried(core, i) and i.pending:
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
    status = last_status(i)
    by_itself = i.halted is None
    i.halted = None
    i.deadline = None
    i.method = i.pending = ""
    i.main_alive = False
    i.main = 0
    i.gone = None
    i.hurt = ""
    i.degraders = {}
    i.ready_seen = i.aside = False
    i.waits = ()
    if i.settled is False and not gates.wanted(core, i):
        i.settled = True
    i.rested = i.settled
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
