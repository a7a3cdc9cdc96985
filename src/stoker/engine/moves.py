"""The stage machine: from what is known of one instance to its next step.

`decide` takes every step that is possible now. A step function answers true when it changed the
stage, so that the next one is asked at once; waiting is an answer, never a loop. The way up is
here; `running.py` and `descent.py` have the other stages.
"""

from __future__ import annotations

from stoker.model import Class, Definition, Stage

from . import causes, decider, gates, methods
from .aftermath import SOON, finish, look_calm, set_leaving
from .basics import (
    begin_start,
    enter_stage,
    fresh,
    health_on,
    new_run,
    probes_off,
    set_fault,
)
from .core import Core
from .descent import cleaning, deciding, killing, stopping, to_kill
from .effects import ProbeOff, ProbeOn
from .events import Status
from .facts import Cause, Halt, Instance, Override
from .graph import RESTART_RANK, unlink
from .inputs import heed, withdraw
from .running import leave, refreshing, stay_up

__all__ = ["change_of_mind", "decide"]


def change_of_mind(core: Core, i: Instance) -> None:
    """Take in what is wanted of an instance now."""
    _expire(core, i)
    now_effective = gates.effective(i)
    if now_effective != i.effective:
        _flip(core, i, now_effective)
    i.alone = False
    if core.inputs and i.definition.gives:
        heed(core, i)  # before anybody acts on what it said


def decide(core: Core, i: Instance) -> None:
    """Bring an instance as far as it can go now, then tell whoever depends on it."""
    change_of_mind(core, i)
    step = _STEPS[i.stage]
    while step(core, i):
        step = _STEPS[i.stage]
    if not i.shown_next and i.stage is not Stage.IDLE and i.stage is not Stage.UP:
        core.show(i)  # an adopted one says again where it is going
    finish(core, i)
    if core.starts.waiting or core.stops.waiting:
        _next_turns(core)


def _next_turns(core: Core) -> None:
    """Somebody is done, or did not take the turn that it was given: the next one may."""
    for lane in (core.starts, core.stops):
        one = lane.next(core.cap)
        if one in core.instances:
            core.mark(core.instances[one])


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
    if i.later:
        look_calm(core, i)  # those that come after it may be decided about before it is
    if i.stage is Stage.IDLE and i.fault is None:
        if first:
            i.reason = "per_configuration"
        elif i.reason != "clear_request":
            i.reason = "enable_request" if now_effective else "disable_request"
        i.cause = i.why or causes.choice(i)
    i.why = None
    if now_effective and not i.alone and (i.fmri in core.pulls or i.definition.conflicts):
        from .closures import pull

        pull(core, i)


def _idle(core: Core, i: Instance) -> bool:
    if core.starts.waiting:
        core.starts.waiting.pop(i.fmri, None)
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
        if core.inputs and i.definition.gives:
            heed(core, i)
        return False
    core.show(i)
    reason = gates.blocked(core, i)
    if reason is not None:
        if reason.code == "concurrency":
            core.starts.waiting[i.fmri] = None
        return False
    if i.turn == core.turn:
        i.not_before = core.now.mono + SOON
        return False
    return _begin(core, i)


def _forget(core: Core, i: Instance) -> None:
    if core.instances.pop(i.fmri, None) is None:
        return
    several = core.services.get(i.fmri.rpartition(":")[0])
    if several is not None and i in several:
        several.remove(i)
    core.show(i)
    i.settled = True  # an ordering does not wait for what is gone, not even within a loop
    if i.leaving:
        set_leaving(core, i, False)  # while it still knows whom it held up
    unlink(i)
    withdraw(core, i.fmri)
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
    new_run(core, i)
    if i.reason not in ("restart_request", "clear_request"):
        i.reason = "dependencies_satisfied"
    if d.prepare:
        enter_stage(core, i, Stage.PREPARE)
        methods.run(core, i, "prepare", d.prepare)
    else:
        begin_start(core, i)
    return True


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
        to_kill(core, i)
        return True
    if answer == "failed":
        return _failed(core, i, f"prepare {methods.told(i)}")
    found = gates.halt(core, i)
    if found is not None:
        leave(core, i, found)
        return True
    begin_start(core, i)
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
    if d.ready.nothing is not None and i.result == Status("exit", d.ready.nothing):
        i.contract_ok = False
        i.result = Status("exit", 0)
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
        if i.parting:
            i.parting = False
            i.halted = None
            core.touch(i)
        return False
    # How a start of a definition that nobody knows any more would end, nobody can say.
    foreign = i.run_definition is None and gates.differs(i)
    if i.definition.interrupt == "finish" and not gates.hurried(core, i) and not foreign:
        if not i.parting or i.halted != found:
            core.touch(i)
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
    if i.result == methods.LATE and i.definition.restart.late_is_final:
        i.fails = max(i.fails, i.definition.restart.failures)
    i.settled = True
    i.parting = False
    i.halted = None
    i.reason, i.cause = "method_failed", Cause(f"failed: {text}")
    probes_off(core, i)
    to_kill(core, i)
    return True


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
        if core.customs.bounced_by_return:
            group.arrived = i.arrived
        if group.rank >= RESTART_RANK and group.kind != "require_all":
            group.source = i
            core.mark(group.owner)
    health_on(core, i)
    enter_stage(core, i, Stage.UP)


_STEPS = {
    Stage.IDLE: _idle,
    Stage.PREPARE: _prepare,
    Stage.START: _starting,
    Stage.UP: stay_up,
    Stage.REFRESH: refreshing,
    Stage.STOP: stopping,
    Stage.KILL: killing,
    Stage.DECIDE: deciding,
    Stage.CLEANUP: cleaning,
}
