"""Supervise directories from outside: is somebody there, what does `status` say, write a command.

A status file of 18 bytes is daemontools', of 20 or more with a known state another's (nosh.md 4.3):
this is how nosh's own programs read those of others. They know nothing of s6's, of 35; we do.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from typing import NamedTuple

from stoker.model import NEW_LEAP, OLD_LEAP, tai_wall

__all__ = [
    "CLASSES",
    "STATES",
    "End",
    "Status",
    "ago",
    "command",
    "is_supervised",
    "read_status",
    "when",
]

STATES = {0: "stopped", 1: "starting", 2: "started", 3: "running", 4: "stopping", 5: "failed"}
CLASSES = {
    **dict.fromkeys((1, 2, 13, 15), "term"),
    9: "kill",
    **dict.fromkeys((3, 6, 14), "abort"),
}
"""Signals by what a restart program is told of them; all others are "crash"."""


_S6 = 35  # bytes


class End(NamedTuple):
    """How a program ended: 0 not, 1 exited, 2 by a signal, 3 with a core; number; TAI64 and wall
    seconds.
    """

    kind: int
    number: int
    tai: bytes
    wall: float


class Status(NamedTuple):
    """What a status file says. `state` is None where the file has none; `ends` only in nosh's."""

    tai: bytes
    wall: float
    pid: int
    paused: bool
    want: str
    state: int | None
    ends: tuple[End, ...] = ()

    @property
    def up(self) -> bool:
        """Whether it runs, by its state, or by its process where there is no state."""
        return self.pid != 0 if self.state is None else self.state == 3

    @property
    def word(self) -> str:
        """The state in a word."""
        if self.state is None:
            return "up" if self.pid else "down"
        return STATES.get(self.state, "unknown")


def is_supervised(directory: str) -> bool:
    """Whether somebody reads `ok`. Raises OSError where the directory cannot be opened."""
    os.close(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    try:
        os.close(os.open(f"{directory}/ok", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT, errno.EACCES, errno.ENOTDIR):
            return False
        raise
    return True


def read_status(directory: str) -> Status | None:
    """What the file says now; None while it is being made. Raises OSError."""
    with open(f"{directory}/status", "rb") as file:
        data = file.read(128)
    if len(data) < 18:
        return None
    if len(data) == _S6:
        return _of_s6(data)
    (pid,) = struct.unpack_from("<I", data, 12)
    want = chr(data[17]) if data[17] else ""
    leap = NEW_LEAP if len(data) > 20 else OLD_LEAP
    tai = data[:12]
    ends = []
    for offset in (19, 36, 53, 70):
        if len(data) >= offset + 17:
            kind, number = struct.unpack_from(">BI", data, offset)
            stamp = data[offset + 5 : offset + 17]
            ends.append(End(kind, number, stamp, _wall(stamp, leap)))
    state = data[18] if len(data) > 18 else None
    if len(data) == 20 and data[18] in (0, 1) and data[19] in (0, 1, 2):
        state = None  # runit's: "got TERM" and its own state
    return Status(tai, _wall(tai, leap), pid, data[16] != 0, want, state, tuple(ends))


def _of_s6(data: bytes) -> Status:
    """What s6 2.11 writes: two times, a process, how the last one ended, flags."""
    pid, _ended, flags = struct.unpack_from(">QHB", data, 24)
    paused, finishing, wanted = (bool(flags & bit) for bit in (1, 2, 4))
    wall = _wall(data[:12], NEW_LEAP)
    return Status(data[:12], wall, 0 if finishing else pid, paused, "u" if wanted else "d", None)


def _wall(tai: bytes, leap: int) -> float:
    return tai_wall(tai, leap) / 1e9


def command(directory: str, letters: str) -> None:
    """Write commands, all at once. Raises OSError."""
    fd = os.open(f"{directory}/control", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(fd, letters.encode())
    finally:
        os.close(fd)


def ago(wall: float) -> str:
    """How long ago, in days, hours, minutes and seconds."""
    seconds = max(0, int(time.time() - wall))
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3_600)
    minutes, seconds = divmod(seconds, 60)
    parts = [f"{days}d"] if days else []
    parts += [f"{hours}h"] if parts or hours else []
    parts += [f"{minutes}m"] if parts or minutes else []
    return " ".join([*parts, f"{seconds}s"])


def when(wall: float) -> str:
    """A moment in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(wall))
