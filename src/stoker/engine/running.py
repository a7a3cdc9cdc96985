"""While an instance is up: ends, halts, refreshes, and leaving."""

from __future__ import annotations

from stoker.model import Class, Stage

from . import causes, gates, methods
from .aftermath import finish
from .basics import (
    depart,
    enter_stage,
    health_on,
    probes_off,
    set_fault,
)
from .core import Core
from .delegated import TOLD
from .descent import to_kill
from .events import Status
from .facts import Cause, Halt, Instance

__all__ = ["announced", "leave", "refreshing", "stay_up"]

ANNOUNCES = 1.0
"""Seconds after its signal in which a service that will say when it is ready again says RELOADING.
"""


def stay_up(core: Core, i: Instance) -> bool:
    if i.probing != i.definition.health and not i.aside:
        health_on(core, i)
        core.touch(i)
    if core.stops.waiting:
        core.stops.waiting.pop(i.fmri, None)
    ended = _ended(i)
    found = gates.halt(core, i)
    if found is None:
        if i.parting or not i.settled:
            i.parting = False
            i.halted = None
            i.settled = True
            core.touch(i)
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
    if ended is None and not _has_its_turn(core, i, found):
        return False
    leave(core, i, found)
    return True


def _has_its_turn(core: Core, i: Instance, found: Halt) -> bool:
    """No more orderly stops at once than the limit allows; what has to go at once goes."""
    orderly = found.waits or (found.kind in ("bounce", "changed") and found.cls != Class.FAULT)
    if not orderly or not core.stops.full(core.cap) or gates.hurried(core, i):
        return True
    core.stops.waiting[i.fmri] = None
    if i.settled or i.halted != found:
        core.touch(i)
    i.settled = False
    i.halted = found
    return False


def _may_part(core: Core, i: Instance, found: Halt) -> bool:
    """Withdrawn: may it leave now? First all that depends on it is told and looked at."""
    if i.parting and i.halted != found:
        core.touch(i)
    i.halted = found
    if gates.hurried(core, i):
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
        if i.hurt in ("health", TOLD):
            return i.bounce_class, i.bounce_reason, Cause(i.failed_text)
        reason = "ct_ev_core" if i.hurt == "core" else "ct_ev_signal"
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
        if cls != Class.FAULT and found.kind != "stale_fault":
            i.starts.clear()
    else:
        i.ended = core.stamp()
        i.settled = True
        if not i.delay_step:
            i.rested = False  # whoever ends again and again keeps nobody waiting
    assert cause is not None
    if found is not None or not i.aside:
        i.reason, i.cause = reason, cause
    i.asked_refresh = False
    methods.abort(core, i)
    probes_off(core, i)
    if i.was_up and not i.aside:
        depart(core, i, cls)
    if i.definition.stop and _has_to_stop(core, i):
        enter_stage(core, i, Stage.STOP)
        methods.run(core, i, "stop", i.definition.stop)
    else:
        to_kill(core, i)


def _has_to_stop(core: Core, i: Instance) -> bool:
    """Is the stop method of any use? Not where nothing is watched (any more), or left, nor for what
    was set aside (smf.md: disabling from maintenance runs none), nor for what never was up, unless
    its start was left to finish for this.
    """
    if gates.hurried(core, i) or not i.contract_ok or i.aside:
        return False
    d = i.definition
    if i.running_definition().ready.kind == TOLD:
        return False  # how it is stopped is its restarter's affair, whatever a new definition says
    if not i.was_up and not (i.ready_seen and d.interrupt == "finish"):
        return False
    return d.stop_when_empty or (i.halted is not None and (i.populated or d.ends == "never"))


def _refresh(core: Core, i: Instance) -> bool:
    i.asked_refresh = False
    if not i.definition.refresh:
        depart(core, i, Class.REFRESH)
        return True
    i.settled = False
    enter_stage(core, i, Stage.REFRESH)
    methods.run(core, i, "refresh", i.definition.refresh)
    return True


def refreshing(core: Core, i: Instance) -> bool:
    if i.deadline is None and i.pending and _in_the_way(core, i):
        methods.abort(core, i)
        i.result = Status("signal", 9)
    answer = "" if i.herald else methods.advance(core, i, "refresh", i.definition.refresh)
    if answer in ("", "done"):
        answer = _heralded(core, i)
    if answer == "wait":
        return False
    i.settled = True
    i.herald = ""
    if answer == "done":
        i.fails = 0
        depart(core, i, Class.REFRESH)
    else:
        i.failed, i.failed_text = core.stamp(), f"refresh {methods.told(i)}"
        word = methods.failed(i)
        if word:
            set_fault(core, i, word, i.failed_text, None)
        elif methods.again(i) and not _in_the_way(core, i):
            methods.run(core, i, "refresh", i.definition.refresh)
            return True
    i.method = ""
    i.deadline = None
    enter_stage(core, i, Stage.UP)
    return True


def _heralded(core: Core, i: Instance) -> str:
    """How it stands with one that was sent a signal and says by sd_notify when it has read its
    configuration again, as systemd's notify-reload: "wait", "done" or "failed".
    """
    if not i.herald:
        steps, ready = i.definition.refresh, i.running_definition().ready
        if ready.kind != "notify" or not steps or steps[-1].word != ":kill":
            return "done"
        i.herald = "asked"
        i.deadline = core.after(ANNOUNCES)
        core.touch(i)
    if i.herald == "ready" or _in_the_way(core, i):
        return "done"
    if i.deadline is None or core.now.mono < i.deadline:
        return "wait"
    i.deadline = None
    if i.herald == "asked":
        return "done"  # it is of those that say nothing
    i.result = "did not say that it was ready again in time"
    return "failed"


def announced(core: Core, i: Instance) -> None:
    """It says RELOADING: READY is now waited for."""
    if i.herald == "asked":
        i.herald = "reloading"
        steps, ready = i.definition.refresh, i.running_definition().ready
        timeout = (steps[-1].timeout if steps else None) or ready.timeout
        i.deadline = None if timeout is None else core.after(timeout)


def _in_the_way(core: Core, i: Instance) -> bool:
    """A refresh without a time limit must not hold up an end or a halt for ever."""
    return _ended(i) is not None or gates.halt(core, i) is not None
