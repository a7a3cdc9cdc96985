"""runit: runsvdir over directories whose `run` is the service itself. Scans every five seconds;
knows 1,000 services at most.
"""

from __future__ import annotations

import signal
import time

from .base import Edges, Peer, Place, linked


class _Place(Place):
    programs = ("runsvdir", "runsv")

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        linked(self.service, self.base / "services", count)
        time.sleep(1.1)  # it does not look at a directory that was changed in this very second

    def start(self) -> None:
        self.launch(self.peer.program("runsvdir"), str(self.base / "services"))

    def stop(self) -> None:
        self.launched[0].send_signal(signal.SIGHUP)

    def _sv(self, word: str, name: str) -> list[str]:
        return [self.peer.program("sv"), word, str(self.base / "services" / name)]

    def stop_one(self, name: str) -> list[str]:
        return self._sv("stop", name)

    def start_one(self, name: str) -> list[str]:
        return self._sv("start", name)

    def status_one(self, name: str) -> list[str]:
        return self._sv("status", name)

    def status_all(self) -> list[str]:
        paths = [str(self.base / "services" / name) for name in self.names]
        return [self.peer.program("sv"), "status", *paths]


class Runit(Peer):
    """runit."""

    name = "runit"
    most = 1000
    bound = "runsvdir looks after no more than 1,000"
    place = _Place

    def version(self) -> str:
        self.program("runsvdir")
        return self.debian("runit")
