"""Running the steps of a method, one after the other."""

from __future__ import annotations

from stoker.model import Definition, Step

from .causes import how
from .core import Core
from .effects import Kill, Signal, Spawn
from .events import Status
from .facts import Instance

__all__ = ["LATE", "PROBED", "abort", "advance", "again", "failed", "is_main", "run", "told"]

PROBED = frozenset(("probe", "log", "pidfile", "file"))
"""Kinds of readiness that the executor is told to look for; the others come by themselves."""

OWN = frozenset(("stop", "refresh", "decide", "cleanup"))
"""Methods that run in a contract of their own."""

LATE = "did not end in time"

STAYS = "did not end in time, nor of SIGKILL"

GRACE = 10.0
"""Seconds that a method may take to die of KILL before nobody waits for it any more."""


def is_main(i: Instance, d: Definition) -> bool:
    """The step that runs is the service's main process, rather than a command that brings it up."""
    return (
        i.method == "start"
        and d.ready.kind not in ("exit", "pidfile")
        and i.step == len(d.start) - 1 >= 0
        and bool(d.start[i.step].argv)
    )


def run(
    core: Core,
    i: Instance,
    method: str,
    steps: tuple[Step, ...],
    arguments: tuple[str, ...] = (),
    number: int = 0,
) -> None:
    """Begin step `number`. A step that is a word is done at once."""
    step = steps[number]
    i.method, i.step = method, number
    i.result = None
    i.method_pid = 0
    i.deadline = None
    core.changed[i.fmri] = None
    if step.argv:
        i.pending = "asked"
        core.effects.append(
            Spawn(i.fmri, i.run, i.ctid, method, step, i.running_definition(), number, arguments)
        )
        return
    i.pending = ""
    if step.word == ":kill":
        if i.populated:
            core.emit(Signal(i.fmri, i.run, "all", step.signal))
        elif method not in OWN:
            i.result = "had no process to signal"
            return  # on the way down an empty contract is signalled with success
    i.result = Status("exit", 0)


def advance(core: Core, i: Instance, method: str, steps: tuple[Step, ...]) -> str:
    """How the method stands: "wait", "done", "failed" or "skip". Begins the next step itself."""
    while True:
        if i.method != method or (i.result is None and not i.pending):
            return "done"
        on_fail = steps[i.step].on_fail if i.step < len(steps) else "fail"
        if i.result is None:
            if i.deadline is None or core.now.mono < i.deadline:
                return "wait"
            if not _late(core, i, on_fail):
                return "wait"
        result = i.result
        ok = isinstance(result, Status) and result.ok
        if isinstance(result, Status):
            i.records[method] = result
        if not ok and on_fail != "ignore":
            return "skip" if on_fail == "skip" else "failed"
        if i.step + 1 >= len(steps):
            return "done"
        run(core, i, method, steps, number=i.step + 1)


def _late(core: Core, i: Instance, on_fail: str) -> bool:
    """Its time is over. A step that others follow must be gone before the next one begins."""
    core.touch(i)
    i.deadline = None
    if i.method in OWN:
        if i.pending == "running":
            core.emit(Kill(i.fmri, i.run, "method"))
            i.pending = "killed"
            i.deadline = core.after(GRACE)
            return False
        if i.pending == "killed":
            i.pending = ""
            i.result = STAYS
            return True
        core.emit(Kill(i.fmri, i.run, "method"))
    elif on_fail == "ignore" and i.pending == "running":
        core.emit(Signal(i.fmri, i.run, "method", 9))
        i.pending = "killed"
        return False
    i.pending = ""
    i.result = LATE
    return True


def abort(core: Core, i: Instance) -> None:
    """Give the running method up. Those in the run's own contract are swept with it."""
    if i.pending and i.method in OWN:
        core.emit(Kill(i.fmri, i.run, "method"))
        i.pending = i.method = ""
    elif i.pending in ("running", "killed"):
        i.pending = ""


def told(i: Instance) -> str:
    """How the method ended, for a sentence: "ended with exit status 1"."""
    if isinstance(i.result, str):
        return i.result
    return how(i.result)


def failed(i: Instance) -> str:
    """Count that stop or refresh failed; the word for maintenance if that was the last time."""
    policy = i.definition.restart
    i.fails += 1
    status = i.result
    if isinstance(status, Status) and status.kind == "exit" and status.number in policy.fatal_exits:
        return "method_failed"
    return "fault_threshold_reached" if policy.failures and i.fails >= policy.failures else ""


def again(i: Instance) -> bool:
    """May it be run once more at once? Only where failures are counted (smf.md 4.2)."""
    steps = getattr(i.definition, i.method)
    return bool(steps) and i.definition.restart.failures > 0 and i.result != STAYS
