"""daemontools: svscan over directories whose `run` is the service itself; 1,000 at most."""

from __future__ import annotations

from .base import Edges, Peer, Place, linked


class _Place(Place):
    programs = ("svscan", "supervise")

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        linked(self.service, self.base / "services", count)

    def start(self) -> None:
        self.launch(self.peer.program("svscan"), str(self.base / "services"))

    def stop(self) -> None:
        self.launched[0].kill()  # it would start them again; then, as its page says:
        self.launched[0].wait(10)
        self.run(self.peer.program("svc"), "-dx", *map(self._at, self.names))

    def _at(self, name: str) -> str:
        return str(self.base / "services" / name)

    def status_one(self, name: str) -> list[str]:
        return [self.peer.program("svstat"), self._at(name)]

    def status_all(self) -> list[str]:
        return [self.peer.program("svstat"), *map(self._at, self.names)]


class Daemontools(Peer):
    """daemontools. `svc` does not wait, so start and stop of one have no figure."""

    name = "daemontools"
    most = 1000
    bound = "svscan looks after no more than 1,000"
    place = _Place

    def version(self) -> str:
        self.program("svscan")
        return self.debian("daemontools")
