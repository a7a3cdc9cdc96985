"""Children that have ended: look first, reap later (waitid(2)).

``__WALL`` is given throughout, so that a child counts whatever signal its end sends: one made by
clone3(2) with another exit signal than SIGCHLD would otherwise stay unseen for ever.
"""

from __future__ import annotations

import os
from typing import NamedTuple

_WALL = 0x40000000


class Ended(NamedTuple):
    """``code`` is os.CLD_EXITED, CLD_KILLED or CLD_DUMPED; ``status`` the exit status or the
    signal.
    """

    pid: int
    code: int
    status: int


def _wait(kind: int, which: int, options: int) -> Ended | None:
    try:
        found = os.waitid(kind, which, os.WEXITED | os.WNOHANG | options | _WALL)
    except ChildProcessError:
        return None
    return Ended(found.si_pid, found.si_code, found.si_status) if found else None


def peek(pid: int | None = None) -> Ended | None:
    """A child that has ended, left as it is (WNOWAIT); ``pid``: only that one. None when there is
    none.

    Until it is reaped its pid and its /proc entry stay, and the same child may be returned again.
    """
    return _wait(os.P_ALL if pid is None else os.P_PID, pid or 0, os.WNOWAIT)


def reap(pid: int) -> Ended | None:
    """Reap one ended child; None when it is not a child of ours or has not ended. Never waits."""
    return _wait(os.P_PID, pid, 0)
