"""What the executor hears of a run: its processes' ends, its words, and who its main process is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from stoker.linux import cgroup, proc

from .contracts import ctid_of
from .readiness import sender_allowed
from .reaper import End
from .runs import Child, Run
from .spawner import UNBORN
from .whose import run_of

if TYPE_CHECKING:
    from .executor import Executor

__all__ = ["Hearing", "starved"]


def starved(run: Run, end: End) -> bool:
    """Whether the kernel ended a process because its contract's memory was at its limit: one more
    than we know of has ended so. Without the controller nobody can tell.
    """
    if (end.kind, end.number) != ("signal", signal.SIGKILL) or run.contract.path is None:
        return False
    known, run.starved = run.starved, cgroup.Cgroup(run.contract.path).memory_kills()
    return run.starved > known


class Hearing:
    """The ears of `executor`: what is heard goes to its report, with what follows from it."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def gone(self, child: Child, end: End) -> None:
        """A process of ours was reaped: what it said before it ended is heard before its end is
        told.
        """
        run = child.run
        if not run.released:
            if run.notify is not None:
                run.notify.read_now()
            if run.ready_pipe is not None:
                run.ready_pipe.read_now()
        if run.main is not child and run.methods.get(child.method) is not child:
            # It was given up, and the next of its kind runs in the same contract: this end is not
            # the end of that one.
            return
        if run.methods.get(child.method) is child:
            del run.methods[child.method]
        if run.main is child:
            run.main = None
        if child.contract is not run.contract:
            child.contract.kill()
            self._executor.emptiness.remove_later(child.contract)
        if run.released:
            return
        if starved(run, end):
            text = f"the kernel killed process {child.pid}: memory was at its limit"
            self._executor.report.notified(run.fmri, run.number, "status", text, 0)
            self._executor.report.trouble(f"{run.fmri}: {text}")
        exited = self._executor.report.exited
        exited(run.fmri, run.number, child.word, end.kind, end.number, end.core)
        self._executor.emptiness.check(run)

    def unheard(self, run: Run) -> bool:
        """Whether a process that a run's contract was empty of has ended, and nobody has said how:
        what it died of may be the reason why others stop. Without cgroups a contract is only looked
        at because an end was heard.
        """
        if run.definition.ends != "empty" or run.killing or run.contract.path is None:
            return False
        reaper, contracts = self._executor.reaper, self._executor.contracts
        reaper.reap()
        reaper.ask()
        orphans = [*proc.children(os.getpid()), *proc.children(os.getppid())]
        name = run.contract.name
        return any(pid not in reaper.children and contracts.owner(pid) == name for pid in orphans)

    def run_of(self, pid: int) -> Run | None:
        """The run that a process belongs to; None when it is of no service."""
        return run_of(list(self._executor.runs.values()), pid)

    def stray(self, _pid: int, owner: str, end: End) -> None:
        """A child that a service left behind has ended."""
        ctid = ctid_of(owner) if owner else None
        unborn = end == End("signal", UNBORN)  # it was never a process of that service
        if ctid is not None and not unborn:
            run = next(
                (one for one in self._executor.runs.values() if one.contract.name == owner), None
            )
            if run is not None and end.kind == "signal" and not run.killing:
                kind = "core" if end.core else "oom" if starved(run, end) else "signal"
                self._executor.report.hurt(run.fmri, run.number, kind)
        self._executor.emptiness.stray_ended()

    def allowed(self, run: Run) -> Callable[[int, int], bool]:
        """Whether a sender may speak for a run, by pid and uid."""
        return lambda pid, uid: sender_allowed(run.contract.contains, run.uid, pid, uid)

    def piped(self, run: Run) -> Callable[[], object]:
        """What to call when the run has written its newline."""
        return lambda: self._executor.report.ready(run.fmri, run.number, 0)

    def teller(self, run: Run) -> Callable[[str, str, int], object]:
        """What to call with each word of the run's sd_notify."""

        def tell(kind: str, text: str, number: int) -> None:
            if run.released:
                return
            if kind == "ready":
                self._executor.report.ready(run.fmri, run.number, 0)
                return
            if kind == "mainpid":
                if not run.contract.contains(number):
                    return  # a stranger's number
                self.become_main(run, number)
            self._executor.report.notified(run.fmri, run.number, kind, text, number)

        return tell

    def become_main(self, run: Run, pid: int) -> None:
        """Another process of the contract is the main one from now on (pidfile, MAINPID)."""
        old = run.main
        if old is not None and old.pid == pid:
            return
        stat = proc.stat(pid)
        if stat is None:
            return
        if old is not None:  # it goes on as an ordinary process of the contract
            self._executor.reaper.drop(old)
            run.methods.pop(old.method, None)
        child = Child(pid, stat.start, "start", run, run.contract, True, stat.ppid == os.getpid())
        run.main = child
        run.contract.enroll(pid)
        self._executor.reaper.add(child)
