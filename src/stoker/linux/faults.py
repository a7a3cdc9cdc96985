"""Places at which a program can be made to die, for tests of what is left behind.

``STOKER_FAULT=NAME:COUNT[:FILE]``: the COUNTth time that `point(NAME)` is passed the process kills
itself with SIGKILL. With FILE that happens only while the file exists, and the file is removed
first, so that the successor, which has the same environment, lives. With a ``^`` before NAME it is
the parent that dies, and the process goes on once that is gone. Without the variable a point costs
the call of an empty function.
"""

from __future__ import annotations

import os
import signal
import time

_told, _, _rest = os.environ.get("STOKER_FAULT", "").partition(":")
_name = _told.removeprefix("^")
_count, _, _file = _rest.partition(":")
_left = int(_count) if _count.isdigit() else 1


def point(name: str) -> None:
    """Die here if this is the place and the time."""
    if name != _name:
        return
    global _left
    _left -= 1
    if _left != 0:
        return
    if _file:
        try:
            os.unlink(_file)
        except OSError:  # it has done its work in an earlier life of this program
            return
    parent = os.getppid()
    os.kill(parent if _told != _name else os.getpid(), signal.SIGKILL)
    while os.getppid() == parent:
        time.sleep(0.001)


if not _name:

    def point(name: str) -> None:
        """Nothing: no place was named."""
