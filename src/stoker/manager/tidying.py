"""After much has happened (a start, a storm, a reload), what that took is given back.

malloc keeps what was freed below something that stays. One look some moments later, when nothing
is waiting to be done; nobody wakes up for it otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from stoker.linux import Loop, Timer, memory

__all__ = ["Tidying"]

_MUCH = 200  # events
_PAUSE = 200_000_000  # nanoseconds


class Tidying:
    """`busy()`: whether something is still to be done at once."""

    def __init__(self, loop: Loop, busy: Callable[[], bool]) -> None:
        self._loop = loop
        self._busy = busy
        self._count = 0
        self._timer: Timer | None = None

    def dealt(self, count: int) -> None:
        """So many events were dealt with."""
        self._count += count
        if self._count >= _MUCH and self._timer is None:
            self._timer = self._loop.at(time.monotonic_ns() + _PAUSE, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._busy():
            self.dealt(0)
            return
        self._count = 0
        memory.give_back()
