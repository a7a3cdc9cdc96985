"""Traces of what a predecessor started: who bears a mark among our children and the keeper's, alive
or just dead; and the wait for those that are only being born.

A predecessor's children fell to the keeper when it died. So whoever it had started directly is the
keeper's child until the keeper reaps it, and then an end that the keeper tells of: looked for in
this order, it is found.
"""

from __future__ import annotations

import os
import select
import signal
import time

from stoker.linux import limits, pidfd, proc

from . import spawner
from .contracts import Contract

__all__ = ["Traces", "born", "end_process"]

_SPAWNERS = {spawner.__file__, os.path.splitext(spawner.__file__)[0]}
_BIRTH = 5.0  # seconds for a process that its dead spawner has not released to end


class Traces:
    """Looked for once, when first asked."""

    def __init__(self) -> None:
        self._bearers: dict[int, list[tuple[int, int]]] | None = None
        self._own = limits.mark_of(os.getpid())

    def marked(self, mark: int) -> bool:
        """Whether that is a mark at all, not what everything here has that nobody marked."""
        return mark not in (0, self._own)

    def bearing(self, mark: int) -> list[tuple[int, int]]:
        """(start, pid) of those that bear this mark, zombies too."""
        if self._bearers is None:
            self._bearers = self._look()
        return self._bearers.get(mark, [])

    def _look(self) -> dict[int, list[tuple[int, int]]]:
        deadline = time.monotonic() + _BIRTH
        while any(map(self._unborn, _children())) and time.monotonic() < deadline:
            time.sleep(0.001)
        found: dict[int, list[tuple[int, int]]] = {}
        for pid in _children():
            mark = limits.mark_of(pid)
            stat = proc.stat(pid) if self.marked(mark) else None
            if stat is not None:
                found.setdefault(mark, []).append((stat.start, pid))
        return found

    def _unborn(self, pid: int) -> bool:
        """Whether it is a fork of a manager or of a spawner that has not got to its exec."""
        if self.marked(limits.mark_of(pid)):
            return False
        return _of_spawner(pid) or proc.cmdline(pid) == proc.cmdline(os.getpid())


def _of_spawner(pid: int) -> bool:
    """Whether it is a spawner, compiled or not, or its child before the exec."""
    return not _SPAWNERS.isdisjoint(proc.cmdline(pid) or ())


def _children() -> list[int]:
    """Our children and those of the keeper, which is our parent."""
    us = os.getpid()
    return [pid for parent in (us, os.getppid()) for pid in proc.children(parent) if pid != us]


def born(contract: Contract) -> None:
    """Wait until every process in the contract is what it was started for, or has ended: one that
    the predecessor's spawner had made and not released ends by itself, in a moment.
    """
    deadline = time.monotonic() + _BIRTH
    while any(map(_of_spawner, contract.members())):
        if time.monotonic() > deadline:
            return
        time.sleep(0.001)


def end_process(pid: int, start: int, patience: float = 10.0) -> bool:
    """KILL exactly this process (the predecessor's spawner) and wait until it has ended: what it
    was told to do it has then done or will never do. True when it is gone. For the time before the
    loop runs.
    """
    fd = pidfd.open_pid(pid)
    if fd is None:
        return True
    try:
        if start and not proc.is_same(pid, start):
            return True
        pidfd.send_signal(fd, signal.SIGKILL)
        deadline = time.monotonic() + patience
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
    finally:
        os.close(fd)
