"""s6: s6-svscan over directories whose `run` is the service itself. It waits a second before each
restart, by policy.
"""

from __future__ import annotations

from .base import Edges, Peer, Place, linked


class _Place(Place):
    programs = ("s6-svscan", "s6-supervise")

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        linked(self.service, self.base / "services", count)

    def start(self) -> None:
        most = str(max(500, self.count + 10))
        self.launch(self.peer.program("s6-svscan"), "-c", most, str(self.base / "services"))

    def stop(self) -> None:
        self.run(self.peer.program("s6-svscanctl"), "-t", str(self.base / "services"))
        self.launched[0].wait(120)

    def _at(self, name: str) -> str:
        return str(self.base / "services" / name)

    def stop_one(self, name: str) -> list[str]:
        return [self.peer.program("s6-svc"), "-wD", "-d", self._at(name)]

    def start_one(self, name: str) -> list[str]:
        return [self.peer.program("s6-svc"), "-wu", "-u", self._at(name)]

    def status_one(self, name: str) -> list[str]:
        return [self.peer.program("s6-svstat"), self._at(name)]

    def status_all(self) -> list[str]:
        program, services = self.peer.program("s6-svstat"), self.base / "services"
        return ["/bin/sh", "-c", f"for one in {services}/s*; do {program} $one; done"]


class S6(Peer):
    """s6."""

    name = "s6"
    waits = 1.0
    place = _Place

    def version(self) -> str:
        self.program("s6-svscan")
        return self.debian("s6")
