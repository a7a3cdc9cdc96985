"""TIME: something keeps the wall clock right, as the kernel's own flag says (adjtimex(2)).

Woken when the clock is set. A daemon that slews it right sets nothing, and a lost source is only
found out by the kernel's estimate of the error growing: so it is also looked at again at growing
intervals, up to half a minute while it is wrong, and every five minutes while it is right.
"""

from __future__ import annotations

import select

from stoker.linux import clock

from .telling import Sight, watch

__all__ = ["Time", "run"]

_FIRST, _LONGEST, _RIGHT = 1.0, 30.0, 300.0  # seconds


class Time:
    """The flag, and word of the clock being set."""

    gives = "TIME"

    def __init__(self) -> None:
        self._changes = clock.ClockChanges()
        self._met = False
        self._next = _FIRST / 2

    def look(self) -> Sight:
        """The flag now."""
        found = clock.synchronised()
        self._met = bool(found)
        if self._met:
            self._next = _FIRST / 2
            return Sight(True, "the clock is synchronised")
        self._next = min(self._next * 2, _LONGEST)
        if found is None:
            return Sight(False, "the kernel does not say whether the clock is synchronised")
        return Sight(False, "the clock is not synchronised")

    def descriptors(self) -> dict[int, int]:
        """The timer that ends when the clock is set."""
        return {self._changes.fd: select.POLLIN}

    def heard(self, fd: int) -> None:
        """It was set: what is wrong may be right now, or soon."""
        self._changes.read()
        self._next = _FIRST / 2

    def patience(self) -> float | None:
        """See the module."""
        return _RIGHT if self._met else self._next

    def close(self) -> None:
        """Give the descriptor back."""
        self._changes.close()


def run() -> None:
    """Watch for ever."""
    watch(Time())
