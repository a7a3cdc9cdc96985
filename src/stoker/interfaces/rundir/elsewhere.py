"""Services that somebody else watches over: a `runsyssv` started by hand, or left by the original
sysmgr. They are not started a second time; when that process has ended they are ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from stoker.linux import Loop, proc
from stoker.linux import loop as epoll

__all__ = ["Elsewhere"]


class Elsewhere:
    """Knows them by name, and waits for the ends of those who watch over them."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._ends: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._ends

    def hold(self, name: str, pid: int, ended: Callable[[], object]) -> bool:
        """Whether PID is a living `runsyssv` of NAME; then `ended()` is called when it is over."""
        words = proc.cmdline(pid) or [] if pid > 1 else []
        parts = [os.path.basename(word) for word in words]
        if "runsyssv" not in parts[:-1] or parts[-1] != name:
            return False
        try:
            end = os.pidfd_open(pid)
        except OSError:  # it has just ended, or this kernel cannot tell us when it does
            return False

        def over(_events: int) -> None:
            self.release(name)
            ended()

        self.release(name)
        self._ends[name] = end
        self._loop.watch(end, epoll.READ, over)
        return True

    def release(self, name: str) -> None:
        """It is nobody's any more."""
        end = self._ends.pop(name, -1)
        if end >= 0:
            self._loop.forget(end)
            os.close(end)

    def close(self) -> None:
        """Wait for none of them."""
        for name in list(self._ends):
            self.release(name)
