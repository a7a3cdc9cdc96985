"""Small acts that several stages share."""

from __future__ import annotations

from stoker.model import Class, Stage

from . import methods
from .core import Core, Shutdown
from .effects import ProbeOff, ProbeOn
from .events import Status
from .facts import Cause, Fault, Instance

__all__ = [
    "begin_start",
    "depart",
    "enter_stage",
    "fresh",
    "health_on",
    "last_status",
    "new_run",
    "probes_off",
    "set_fault",
    "shut_down",
]


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
    core.show(i)


def new_run(core: Core, i: Instance) -> None:
    i.run += 1
    i.turn = core.turn
    i.baseline = core.seq
    i.records = {}
    i.run_definition, i.run_digest = i.definition, ""
    i.was_up = i.main_alive = i.main_ran = i.ready_seen = i.parting = i.unclean = False
    i.aside = False
    i.contract_ok = True
    i.main = i.main_start = 0
    i.gone, i.hurt, i.result, i.halted = None, "", None, None
    i.not_before = i.deadline = i.healthy_since = None
    i.rung = -1
    i.status_text = ""
    i.watchdog = 0
    i.herald = ""
    i.waits = ()
    i.asked_refresh = False
    i.probe_fails, i.probe_ok, i.probing = {}, {}, ()
    if i.degraders:
        i.degraders = {}


def begin_start(core: Core, i: Instance) -> None:
    enter_stage(core, i, Stage.START)
    d = i.running_definition()
    if d.start:
        methods.run(core, i, "start", d.start)
    else:
        i.ready_seen = True


def health_on(core: Core, i: Instance) -> None:
    """Look at what the newest definition asks for, those with the same grace together, and no more
    at what it does not ask for: what runs takes another health over.
    """
    wanted = i.definition.health
    if gone := tuple(one.name for one in i.probing if one not in wanted):
        core.emit(ProbeOff(i.fmri, i.run, gone))
    graces: dict[float, list[str]] = {}
    for one in wanted:
        if one not in i.probing:
            graces.setdefault(one.grace, []).append(one.name)
    for grace, names in graces.items():
        core.emit(ProbeOn(i.fmri, i.run, tuple(names), i.definition, grace))
    i.probing = wanted
    known = {one.name for one in wanted}
    i.probe_ok = {name: ok for name, ok in i.probe_ok.items() if name in known}
    i.probe_fails = {name: count for name, count in i.probe_fails.items() if name in known}
    for word in [word for word in i.degraders if word.startswith("probe ")]:
        if word.removeprefix("probe ") not in known:
            del i.degraders[word]


def probes_off(core: Core, i: Instance) -> None:
    d = i.running_definition()
    if i.stage is Stage.START and d.ready.kind in methods.PROBED:
        core.emit(ProbeOff(i.fmri, i.run, ("ready",)))
    if i.probing:
        core.emit(ProbeOff(i.fmri, i.run, tuple(one.name for one in i.probing)))
        i.probing = ()


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


def set_fault(core: Core, i: Instance, word: str, text: str, retry: float | None) -> None:
    """Put aside until a person, or the time `retry` seconds from now, takes it back."""
    i.fault = Fault(word, Class.FAULT, text, core.after(retry))
    i.settled = True
    i.rested = i.stage is Stage.IDLE
    i.reason = word
    core.touch(i)
    if i.stage is Stage.KILL:
        core.show(i)


def last_status(i: Instance) -> Status | None:
    return i.gone or i.records.get("main") or i.records.get("start") or i.records.get("prepare")


def shut_down(core: Core, status: int, cause: Cause, hurry: bool = False) -> None:
    """Everything goes down, in reverse order; then Exit. What takes too long is killed."""
    before = core.shutdown
    at = core.after(core.down_timeout) if before is None else before.hurry_at
    core.shutdown = Shutdown(status, cause, hurry, at)
    core.touch_engine()
    for i in core.instances.values():
        if i.stage is not Stage.IDLE:
            i.settled = False
            core.touch(i)
        elif i.shown_state == "offline":
            i.reason, i.cause = "disable_request", cause
        core.mark(i)
