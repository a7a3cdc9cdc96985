"""The wall clock being set, or the machine waking up: what was to happen at a time of day is looked
at anew. Without it a "until 18:00" would come as many hours late as the machine slept.
"""

from __future__ import annotations

from collections.abc import Callable

from stoker.linux import Loop, clock
from stoker.linux import loop as epoll

__all__ = ["ClockWatch"]


class ClockWatch:
    """Calls `moved()` from the loop. Where the kernel does not tell, nothing is called."""

    def __init__(self, loop: Loop, moved: Callable[[], object]) -> None:
        self._loop = loop
        self._moved = moved
        self._changes: clock.ClockChanges | None = None
        try:
            self._changes = clock.ClockChanges()
        except OSError:  # no timerfd here: such times are then counted as they stood when set
            return
        loop.watch(self._changes.fd, epoll.READ, self._happened)

    def _happened(self, _events: int) -> None:
        if self._changes is not None and self._changes.read():
            self._moved()

    def close(self) -> None:
        """Watch no more."""
        if self._changes is not None:
            self._loop.forget(self._changes.fd)
            self._changes.close()
            self._changes = None
