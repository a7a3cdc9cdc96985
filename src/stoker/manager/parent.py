"""Telling whoever started the place how it is: sd_notify(3), by the NOTIFY_SOCKET in which the
keeper was started.

READY when the manager serves (not when all services are up: one that is slow must not hold up the
boot), with the keeper as MAINPID, because the keeper outlives managers; RELOADING while definitions
are read; STOPPING when everything goes down; STATUS with the number of services in each state.
Without a NOTIFY_SOCKET nothing of this costs anything. Services never get that variable.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable

from stoker.linux import Loop, Timer

__all__ = ["Parent"]

_PAUSE = 2_000_000_000  # nanoseconds between two STATUS


class Parent:
    """`keeper`: its pid. `states()`: the state of each instance. `address`: as NOTIFY_SOCKET has
    it; none: nobody is told.
    """

    def __init__(
        self,
        loop: Loop,
        keeper: int,
        states: Callable[[], Iterable[str]],
        address: str | None = None,
    ) -> None:
        self._loop = loop
        self._keeper = keeper
        self._states = states
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._timer: Timer | None = None
        self._told = ""
        self._stopping = False

    @property
    def listens(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._address)

    def ready(self) -> None:
        """The manager serves, or has read the definitions again."""
        if self.listens and not self._stopping:
            self._told = self._status()
            self._send("READY=1", f"MAINPID={self._keeper}", f"STATUS={self._told}")

    def reloading(self) -> None:
        """The definitions are being read."""
        if self.listens and not self._stopping:
            self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Everything goes down."""
        if self.listens and not self._stopping:
            self._stopping = True
            self._send("STOPPING=1", "STATUS=going down")

    def changed(self) -> None:
        """States may have changed: told a little later, and not often."""
        if self.listens and self._timer is None and not self._stopping:
            self._timer = self._loop.at(time.monotonic_ns() + _PAUSE, self._tell)

    def _tell(self) -> None:
        self._timer = None
        status = self._status()
        if status != self._told and not self._stopping:
            self._told = status
            self._send(f"STATUS={status}")

    def _status(self) -> str:
        counts = sorted(Counter(self._states()).items())
        return ", ".join(f"{count} {state}" for state, count in counts) or "no services"

    def _send(self, *lines: str) -> None:
        from stoker.linux import notify  # here: it brings the whole of `socket`

        notify.send("\n".join(lines), self._address)
