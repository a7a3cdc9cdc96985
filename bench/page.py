"""Where each start of the service leaves a stamp: a file that all of them map.

Slots are taken in the sequence of the starts. So nobody who measures has to ask a manager anything,
and looking costs a read of our own memory. The stamps are the services' own (CLOCK_MONOTONIC), so
how often we look does not show in them.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

__all__ = ["ROOM", "Late", "Page"]

ROOM = 262_144  # starts between two calls of `clear`
_SLOT = struct.Struct("=qq")
_LOOK = 0.001  # seconds between two looks


class Late(Exception):
    """What was waited for did not come about."""


class Page:
    """The page of one measurement, at `path`. Times are nanoseconds of time.monotonic_ns()."""

    def __init__(self, path: Path) -> None:
        self.path = path
        size = (ROOM + 1) * _SLOT.size
        with open(path, "w+b") as file:
            os.truncate(file.fileno(), size)
            self._map = mmap.mmap(file.fileno(), size)
        path.chmod(0o666)

    @property
    def taken(self) -> int:
        """How many starts there were."""
        return min(ROOM, int(_SLOT.unpack_from(self._map)[0]))

    def slot(self, number: int) -> tuple[int, int]:
        """(stamp, pid) of a start; the stamp is 0 while it is just being written."""
        found: tuple[int, int] = _SLOT.unpack_from(self._map, (number + 1) * _SLOT.size)
        return found

    def pids(self, first: int = 0) -> list[int]:
        """Who started, from a slot on."""
        return [self.slot(number)[1] for number in range(first, self.taken)]

    def wait(self, count: int, timeout: float) -> int:
        """Wait until there were `count` starts; the latest stamp of those. Raises Late."""
        end = time.monotonic() + timeout
        while self.taken < count or not all(
            self.slot(n)[0] for n in range(max(0, count - 64), count)
        ):
            if time.monotonic() > end:
                raise Late(f"{self.taken} of {count} have started after {timeout:.0f} s")
            time.sleep(_LOOK)
        return max(self.slot(number)[0] for number in range(count))

    def clear(self) -> None:
        """Forget all starts; nobody may be starting."""
        taken = self.taken
        self._map[: (taken + 1) * _SLOT.size] = bytes((taken + 1) * _SLOT.size)


def all_gone(pids: list[int], timeout: float) -> None:
    """Wait until none of these is there, reaped too. Raises Late."""
    end = time.monotonic() + timeout
    left = list(pids)
    while left:
        try:
            os.kill(left[-1], 0)
        except ProcessLookupError:
            left.pop()
            continue
        if time.monotonic() > end:
            raise Late(f"at least one of {len(left)} processes is there after {timeout:.0f} s")
        time.sleep(_LOOK)
