"""Ends of processes: looked at, written down, reaped, in that order, so that a status survives our
own death between any two of them.

A child that was looked at and not reaped falls to the keeper, which reports it. A child that was
written down is not reported again. What is not our child (adopted, or named by a pidfile) ends by
its pidfd; its status comes from the keeper, or from the kernel where it keeps it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from msgspec import Struct

from stoker.linux import Loop, faults, files, pidfd, proc, wait
from stoker.linux import loop as epoll

from .contracts import Contracts
from .report import Report
from .runs import Child

__all__ = ["End", "Reaper"]

_BATCH = 32
_RETRY = (
    0.0,
    0.02,
    0.1,
    0.5,
    1.0,
    2.0,
)  # seconds between questions about an end nobody has told of


class End(Struct, frozen=True):
    """How a process ended: kind "exit", "signal" or "unknown"."""

    kind: str
    number: int = 0
    core: bool = False

    @classmethod
    def of(cls, code: int, status: int) -> End:
        """From si_code and si_status of waitid(2)."""
        if code == os.CLD_EXITED:
            return cls("exit", status)
        return cls("signal", status, code == os.CLD_DUMPED)

    @classmethod
    def of_wait(cls, status: int) -> End:
        """From a status of waitpid(2)."""
        if os.WIFEXITED(status):
            return cls("exit", os.WEXITSTATUS(status))
        return cls("signal", os.WTERMSIG(status), os.WCOREDUMP(status))


class Reaper:
    """Reaps children and hears of other ends. `gone(child, end)` for a process that we know;
    `stray(pid, owner, end)` for another child, `owner` the name of its contract; `ask()` makes the
    keeper tell its exits again.
    """

    def __init__(
        self,
        loop: Loop,
        contracts: Contracts,
        report: Report,
        gone: Callable[[Child, End], object],
        stray: Callable[[int, str, End], object],
        spawner_ended: Callable[[int], bool],
    ) -> None:
        self._loop = loop
        self._contracts = contracts
        self._report = report
        self._gone = gone
        self._stray = stray
        self._spawner_ended = spawner_ended
        self.children: dict[int, Child] = {}
        self.helpers: dict[int, Callable[[End], object]] = {}
        self.ask: Callable[[], object] = lambda: None

    def add(self, child: Child) -> None:
        """A process to wait for. One that is not our child is watched by a pidfd."""
        self.children[child.pid] = child
        if child.ours:
            return
        if child.pidfd >= 0:  # opened, and then looked at, by who gives it to us
            self._loop.watch(child.pidfd, epoll.READ, lambda _events: self._ended_elsewhere(child))
            return
        fd = pidfd.open_pid(child.pid)
        if fd is None or (child.start and not proc.is_same(child.pid, child.start)):
            if fd is not None:
                os.close(fd)
            self._missing(child)
            return
        child.pidfd = fd
        self._loop.watch(fd, epoll.READ, lambda _events: self._ended_elsewhere(child))

    def drop(self, child: Child) -> None:
        """Wait for it no more."""
        if self.children.get(child.pid) is child:
            del self.children[child.pid]
        self._close(child)

    def reap(self) -> None:
        """SIGCHLD: everything that has ended, a bounded number in one batch."""
        for _ in range(_BATCH):
            ended = wait.peek()
            if ended is None:
                return
            faults.point("peek")
            end = End.of(ended.code, ended.status)
            child = self.children.get(ended.pid)
            owner = ""
            if child is not None:
                self._ending(child, end)
                faults.point("append-exit")
            elif ended.pid not in self.helpers and not self._spawner_ended(ended.pid):
                owner = self._contracts.owner(ended.pid)
            wait.reap(ended.pid)
            faults.point("reap")
            self._contracts.ended(ended.pid)
            self._told(ended.pid, child, owner, end)
        self._loop.at(time.monotonic_ns(), self.reap)

    def elsewhere(self, pid: int, start: int, end: End, owner: str) -> None:
        """The keeper has reaped a process; `owner`: the name of its contract, "" if not known."""
        child = self.children.get(pid)
        if child is not None and child.start and start and child.start != start:
            child = None  # another process with that number
        if child is not None and child.ours:
            child = None
        if child is not None:
            self._ending(child, end)
        self._contracts.ended(pid)
        self._told(pid, child, owner, end)

    def _told(self, pid: int, child: Child | None, owner: str, end: End) -> None:
        if child is not None:
            self.drop(child)
            self._gone(child, end)
            return
        helper = self.helpers.pop(pid, None)
        if helper is not None:
            helper(end)
        else:
            self._stray(pid, owner, end)

    # -- not our children

    def _close(self, child: Child) -> None:
        if child.pidfd >= 0:
            self._loop.forget(child.pidfd)
            os.close(child.pidfd)
            child.pidfd = -1

    def _ended_elsewhere(self, child: Child) -> None:
        """The pidfd says that it has ended: who knows its status?"""
        if child.pidfd >= 0:
            self._loop.forget(child.pidfd)
        if wait.peek(child.pid) is not None:  # it became our child meanwhile
            child.ours = True
            self.reap()
            return
        self._missing(child)

    def _missing(self, child: Child) -> None:
        """Ask the kernel, then the keeper, a few times; then it is an end that nobody knows."""
        if self.children.get(child.pid) is not child:
            return
        status = pidfd.exit_status(child.pidfd) if child.pidfd >= 0 else None
        if status is not None:
            self._finish(child, End.of_wait(status))
            return
        self.ask()
        if self.children.get(child.pid) is not child:
            return  # the keeper's answer had it
        status = _of_zombie(child.pid, child.start)
        if status is not None:
            self._finish(child, End.of_wait(status))
            return
        if child.tries >= len(_RETRY):
            self._finish(child, End("unknown"))
            return
        pause = _RETRY[child.tries]
        child.tries += 1
        self._loop.at(time.monotonic_ns() + int(pause * 1e9), lambda: self._missing(child))

    def _finish(self, child: Child, end: End) -> None:
        self._ending(child, end)
        self._contracts.ended(child.pid)
        self._told(child.pid, child, "", end)

    def _ending(self, child: Child, end: End) -> None:
        run = child.run
        self._report.ending(run.fmri, run.number, child.word, end.kind, end.number, end.core)


def _of_zombie(pid: int, start: int) -> int | None:
    """The wait status of a zombie that is not ours, as /proc/PID/stat ends with it; None when it is
    none.

    The kernel writes 0 there for whom it does not tell, so another user's is not believed.
    """
    stat = proc.stat(pid)
    if stat is None or not stat.zombie or (start and stat.start != start):
        return None
    try:
        if os.geteuid() not in (0, os.stat(f"/proc/{pid}").st_uid):
            return None
    except OSError:  # it was reaped this moment
        return None
    fields = (files.read(f"/proc/{pid}/stat") or b"").rpartition(b")")[2].split()
    return int(fields[49]) if len(fields) > 49 else None
