"""Stand-ins: for each service that is shown a process that can be signalled in its place.

It does nothing but read a pipe, of which the keeper and every manager hold the other end: it lives
as long as one of them, and the death of a manager alone means nothing to it. It has no signal
handler, so what kills it is told by how it ended. Its command line is ``runsyssv FILE``, as it
always was. The program is ``.stoker/runsyssv`` (see `stoker.compat`), else ``/bin/sh``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from stoker.linux import proc

__all__ = ["StandIns"]

_READ, _WRITE = "breath", "life"
_KILL = 9


class StandIns:
    """`prefix`: of the names under which the keeper holds the pipe; `await_end(pid, call)` and
    `died(name, end)`: one that we did not end ourselves.
    """

    def __init__(
        self,
        program: str,
        prefix: str,
        held: Mapping[str, int],
        put: Callable[[Mapping[str, int]], object],
        await_end: Callable[[int, Callable[[Any], object]], object],
        died: Callable[[str, Any], object],
        keeper: int,
    ) -> None:
        self._program = program
        self._await_end = await_end
        self._died = died
        self._keeper = keeper
        self._pids: dict[str, int] = {}
        names = (prefix + _READ, prefix + _WRITE)
        if set(names) <= set(held):
            self.held = {name: held[name] for name in names}
        else:
            self.held = dict(zip(names, os.pipe2(os.O_CLOEXEC), strict=True))
            put(self.held)
        self._pipe = self.held[prefix + _READ]

    def pid(self, name: str) -> int:
        """Who stands in for NAME; 0 for nobody."""
        return self._pids.get(name, 0)

    def is_dying(self, name: str) -> bool:
        """Whether that of NAME was killed, and its end is still to be heard of. What kills it stays
        among its pending signals until it is reaped (proc(5)).
        """
        pid = self.pid(name)
        if not pid:
            return False
        status = proc.status(pid)
        state = status.get("State", "Z")[0]
        return state in "ZX" or (state != "T" and int(status.get("ShdPnd", "0"), 16) != 0)

    def start(self, name: str, file: str) -> int:
        """Start one for NAME, whose service is `file`; returns its pid. Raises OSError."""
        program, argv = self._program, ["runsyssv", file]
        if not os.access(program, os.X_OK):
            program, argv = "/bin/sh", ["sh", "-c", "read -r life", "runsyssv", file]
        pid = _spawn(program, argv, self._pipe)
        self._begin(name, pid)
        return pid

    def adopt(self, name: str, pid: int, file: str) -> bool:
        """Take over one that an earlier manager started; False when that is not what PID is."""
        if not self.is_ours(pid, file):
            return False
        self._begin(name, pid)
        return True

    def is_ours(self, pid: int, file: str) -> bool:
        """Whether PID is a living stand-in below the keeper."""
        stat = proc.stat(pid) if pid > 1 else None
        if stat is None or stat.zombie or stat.ppid not in (self._keeper, os.getpid()):
            return False
        return (proc.cmdline(pid) or [])[-2:] == ["runsyssv", file]

    def _begin(self, name: str, pid: int) -> None:
        self._pids[name] = pid
        self._await_end(pid, lambda end: self._ended(name, pid, end))

    def _ended(self, name: str, pid: int, end: Any) -> None:
        if self._pids.get(name) == pid:
            del self._pids[name]
            self._died(name, end)

    def end(self, name: str, file: str) -> None:
        """NAME needs none any more."""
        pid = self._pids.pop(name, 0)
        # Looked at once more: the keeper may have reaped one that is not our child.
        if pid and self.is_ours(pid, file):
            os.kill(pid, _KILL)


def _spawn(program: str, argv: list[str], stdin: int) -> int:
    """By vfork, in a session of its own, all signals as they are by default."""
    null = os.devnull
    actions = [
        (os.POSIX_SPAWN_DUP2, stdin, 0),
        (os.POSIX_SPAWN_OPEN, 1, null, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0),
    ]
    every = [n for n in signal.valid_signals() if n not in (signal.SIGKILL, signal.SIGSTOP)]
    try:
        return os.posix_spawn(
            program, argv, {}, file_actions=actions, setsid=True, setsigmask=[], setsigdef=every
        )
    except NotImplementedError:  # this C library cannot: it then is in our session
        return os.posix_spawn(
            program, argv, {}, file_actions=actions, setsigmask=[], setsigdef=every
        )
