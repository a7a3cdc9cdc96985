"""Facts: each event writes what happened into the instance it concerns, and decides nothing.

A fact about an earlier run is dropped: `run` says which it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable

from stoker.model import Class, Stage

from . import inputs, methods, operations, verbs
from .core import Core
from .delegated import told
from .descent import send_rung
from .effects import Kill, ProbeOn
from .events import (
    Adopted,
    Asked,
    Defined,
    Due,
    Empty,
    Event,
    Exited,
    Fact,
    Hurt,
    Notified,
    NotSaved,
    NotSpawned,
    Probed,
    Ready,
    Removed,
    Saved,
    Spawned,
    Status,
    Told,
    Waits,
)
from .facts import Cause, Instance
from .gates import stale
from .record import adopt
from .running import announced

__all__ = ["apply"]

NOT_EXECUTED = 111


def apply(core: Core, event: Event) -> None:
    """Write one fact."""
    kind = type(event)
    if kind in _OF_RUN:
        i = core.instances.get(event.fmri)  # type: ignore[union-attr]
        if i is None or i.run != event.run:  # type: ignore[union-attr]
            return
        if i.stage is Stage.IDLE and kind not in _OF_REST:
            return  # that run is over
        core.changed[i.fmri] = None
        _OF_RUN[kind](core, i, event)
        core.mark(i)
    elif isinstance(event, Defined):
        _defined(core, event)
    elif isinstance(event, Removed):
        _removed(core, event.fmri)
    elif isinstance(event, Asked):
        verbs.asked(core, event.number, event.request)
    elif isinstance(event, Fact):
        fact(core, event.target, event.value)
    elif isinstance(event, Adopted):
        one = core.instances.get(event.fmri)
        if one is not None:
            adopt(core, one, event)
    elif isinstance(event, Saved | NotSaved):
        operations.saved(core, event.token, "" if isinstance(event, Saved) else event.why)
    elif not isinstance(event, Due):
        raise TypeError(f"not an event: {event!r}")


def _defined(core: Core, event: Defined) -> None:
    d = event.definition
    i = core.instances.get(d.fmri)
    if i is None:
        i = Instance(d)
        i.since = i.spoken = core.now.wall
        i.intent = event.intent
        core.instances[d.fmri] = i
        core.rebuild = True
    elif i.definition != d:
        if not i.restored and not any(stale(i, group) for group in i.groups):
            # All departures up to now have been acted upon; new edges begin from here.
            i.baseline = max(i.baseline, core.seq if i.bounce <= i.baseline else i.baseline)
        i.definition = d
        core.rebuild = True
    if i.removed:
        i.removed = False
    if core.inputs:
        inputs.withdraw(core, d.fmri, but=d.gives)
    core.changed[i.fmri] = None
    core.mark(i)


def _removed(core: Core, fmri: str) -> None:
    i = core.instances.get(fmri)
    if i is not None:
        i.removed = True
        i.settled = False
        i.reason, i.cause = "removed", Cause("was removed from the definitions")
        core.touch(i)
        core.mark(i)


def fact(core: Core, target: str, value: bool) -> None:
    """An input, a file or "active" has this value now."""
    if target == "active":
        if core.active != value:
            core.active = value
            for i in core.instances.values():
                core.mark(i)
            core.touch_engine()
        return
    core.unknown.pop(target, None)
    before = core.facts.get(target)
    if before == value:
        return
    core.facts[target] = value
    core.touch_engine()
    if before and not value:
        core.fact_stamps[target] = core.stamp()
    operations.fact_changed(core, target, bool(before and not value))


def _spawned(core: Core, i: Instance, e: Spawned) -> None:
    method = "start" if e.method == "main" else e.method
    if method in methods.OWN:
        _spawned_apart(core, i, e)
        return
    i.populated = True
    d = i.running_definition()
    was_asked = i.pending == "asked"
    main = methods.is_main(i, d) and method == "start"
    if main:
        i.main, i.main_start = e.pid, e.start
        i.main_alive = i.main_ran = True
        i.pending = ""
    else:
        i.pending = "running" if i.stage in (Stage.PREPARE, Stage.START) else ""
        i.method_pid = e.pid
    if i.stage is Stage.KILL:
        i.method = ""
        i.pending = ""
        if was_asked and i.rung >= 0:
            send_rung(core, i)
        return
    ready = d.ready
    if not main:
        steps = d.prepare if method == "prepare" else d.start
        limit = steps[i.step].timeout if i.step < len(steps) else None
        if method == "start" and ready.timeout is not None:
            limit = ready.timeout if limit is None else min(limit, ready.timeout)
        i.deadline = core.after(limit)
        return
    if ready.kind == "spawn":
        i.ready_seen = True
        return
    i.deadline = core.after(ready.delay if ready.kind == "delay" else ready.timeout)
    if ready.kind in methods.PROBED:
        core.emit(ProbeOn(i.fmri, i.run, ("ready",), d))


def _spawned_apart(core: Core, i: Instance, e: Spawned) -> None:
    """A method in a contract of its own."""
    if i.method != e.method or not i.pending:
        core.emit(Kill(i.fmri, i.run, "method"))
        return
    i.pending = "running"
    i.method_pid = e.pid
    steps = getattr(i.definition, e.method)
    i.deadline = core.after(steps[i.step].timeout) if i.step < len(steps) else None


def _not_spawned(core: Core, i: Instance, e: NotSpawned) -> None:
    method = "start" if e.method == "main" else e.method
    if i.method == method and i.pending == "asked":
        i.pending = ""
        i.result = f"could not be started: {e.text}"
        if i.definition.decide and methods.is_main(i, i.running_definition()):
            # Its decide program is told what a child that cannot execute it would end with (nosh).
            i.main_ran = True
            i.gone = i.records["main"] = i.records["start"] = Status("exit", NOT_EXECUTED)


def _exited(core: Core, i: Instance, e: Exited) -> None:
    d = i.running_definition()
    of_start = e.method in ("main", "start")
    if of_start and i.method == "start" and i.pending and not methods.is_main(i, d):
        e = Exited(e.fmri, e.run, "start", e.status)
    elif e.method == "main" or (of_start and (i.method != "start" or methods.is_main(i, d))):
        _main_gone(i, e)
        return
    if i.method == e.method and i.pending:
        late = i.pending == "killed"
        i.pending = ""
        i.result = methods.LATE if late else e.status


def _main_gone(i: Instance, e: Exited) -> None:
    if i.main_alive or i.main_ran:
        i.main_alive = False
        i.gone = e.status
        i.records["main"] = e.status
        if i.running_definition().ready.kind not in ("exit", "pidfile"):
            i.records["start"] = e.status


def _empty(core: Core, i: Instance, e: Empty) -> None:
    if i.pending == "asked" and i.method in ("prepare", "start"):
        return  # the next process of this contract is already on its way
    i.populated = False
    if i.main_alive:
        _main_gone(i, Exited(i.fmri, i.run, "main", Status("unknown")))


def _hurt(core: Core, i: Instance, e: Hurt) -> None:
    d = i.running_definition()
    if i.stage not in (Stage.UP, Stage.REFRESH) or d.ends != "empty" or e.kind in d.ignore:
        return
    i.hurt = e.kind
    words = {"core": "dumped core", "oom": "was killed for want of memory"}
    i.failed_text = f"ended: one of its processes {words.get(e.kind, 'was killed by a signal')}"


def _ready(core: Core, i: Instance, e: Ready) -> None:
    if e.pid:
        i.main, i.main_alive, i.main_ran = e.pid, True, True
        i.gone = None
    if i.stage is Stage.START and i.pending != "asked":
        i.ready_seen = True
        return
    if i.herald == "reloading":
        i.herald = "ready"
    if i.status_text in _SAYS_ITSELF:
        i.status_text = ""


_SAYS_ITSELF = ("reloading", "stopping")
"""Words of sd_notify that are shown as what the service says, until its next READY or STATUS."""


def _notified(core: Core, i: Instance, e: Notified) -> None:
    if e.kind == "status":
        i.status_text = e.text
    elif e.kind in _SAYS_ITSELF:
        i.status_text = e.kind
        if e.kind == "reloading":
            announced(core, i)
    elif e.kind == "mainpid" and e.number:
        i.main, i.main_alive, i.main_ran = e.number, True, True
        i.gone = None
    elif e.kind == "extend" and i.deadline is not None:
        i.deadline = max(i.deadline, core.now.mono + e.number * 1000)
    elif e.kind == "watchdog_usec":
        i.watchdog = e.number  # kept for whoever listens after the next manager's start
    elif e.kind == "watchdog_late" and i.stage in (Stage.UP, Stage.REFRESH):
        bounce(core, i, "watchdog", "ended: it was silent for longer than its watchdog allows")


def _waits(core: Core, i: Instance, e: Waits) -> None:
    i.waits = e.targets


def bounce(core: Core, i: Instance, reason: str, why: str) -> None:
    """The machine's own restart of what runs badly: it counts as a failure."""
    i.hurt = "health"
    i.failed_text = why
    i.bounce_class = Class.FAULT
    i.bounce_reason = reason


def _probed(core: Core, i: Instance, e: Probed) -> None:
    health = next((h for h in i.definition.health if h.name == e.name), None)
    if health is None or i.stage not in (Stage.UP, Stage.REFRESH):
        return
    i.probe_ok[e.name] = e.ok
    if e.ok:
        i.probe_fails.pop(e.name, None)
        if i.degraders.pop(f"probe {e.name}", None) is not None:
            i.reason, i.cause = "probe_recovered", Cause(f"passes probe {e.name} again")
            if not i.degraders:
                i.healthy_since = core.now.mono
        return
    count = i.probe_fails[e.name] = i.probe_fails.get(e.name, 0) + 1
    if count < health.threshold:
        return
    text = f"probe {e.name} failed {count} times" + (f": {e.text}" if e.text else "")
    if health.action == "degrade":
        if f"probe {e.name}" not in i.degraders:
            i.degraders[f"probe {e.name}"] = text
            i.reason, i.cause = "probe_failed", Cause(text)
            i.healthy_since = None
    elif health.action == "restart":
        bounce(core, i, "probe_failed", f"ended: {text}")


_OF_RUN: dict[type, Callable[..., None]] = {
    Spawned: _spawned,
    NotSpawned: _not_spawned,
    Exited: _exited,
    Empty: _empty,
    Hurt: _hurt,
    Ready: _ready,
    Notified: _notified,
    Waits: _waits,
    Probed: _probed,
    Told: told,
}
_OF_REST = (Empty, Told)
