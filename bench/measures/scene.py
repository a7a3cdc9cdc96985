"""A scene: one place of one manager, from nothing to nothing, and what is measured on the way."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import proc, service
from ..page import all_gone
from ..peers import Edges, Peer, Place

__all__ = ["Running", "Scene", "own_cpu", "running", "went"]

PATIENCE = 180.0  # seconds for a start or stop; whoever takes longer has no figure


class Scene:
    """Something to be measured. `rounds`: how often, None: as often as was asked for."""

    name = ""
    rounds: int | None = None

    def suits(self, peer: Peer) -> bool:
        """Whether this peer can do it at all."""
        return True

    def beyond(self, peer: Peer) -> str:
        """Why it is not even tried, where that is to be said."""
        return ""

    def measure(self, peer: Peer) -> dict[str, float]:
        """The figures of one round, by key with unit."""
        raise NotImplementedError


class Running:
    """A place that is up. `took`: seconds from its start to the last service's first instruction;
    `cpu`: processor seconds of everything that managed until then.
    """

    def __init__(self, place: Place, took: float, cpu: float) -> None:
        self.place = place
        self.took = took
        self.cpu = cpu
        self.stamps = place.service.stamps

    def kill(self, pid: int, timeout: float = 20) -> float:
        """End a service with KILL; milliseconds until its successor runs."""
        import os
        import signal

        known = self.stamps.taken
        begun = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + timeout
        while self.stamps.taken <= known or not self.stamps.slot(known)[0]:
            if time.monotonic() > end:
                raise TimeoutError("a service that was killed does not come again")
            time.sleep(0.0002)
        return (self.stamps.slot(known)[0] - begun) / 1e6

    def stop(self) -> float:
        """Take everything down; seconds until no service is there."""
        pids = self.place.outside(self.stamps.pids())
        begun = time.monotonic()
        self.place.stop()
        all_gone(pids, PATIENCE)
        return time.monotonic() - begun


def own_cpu() -> float:
    """Processor seconds of commands that we have waited for (clients; services never are)."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def running(
    peer: Peer, count: int, edges: Edges | None = None, timeout: float = PATIENCE
) -> Iterator[Running]:
    """A place with so many services up, gone afterwards whatever happens."""
    base = Path(tempfile.mkdtemp(prefix="sb-"))
    base.chmod(0o755)
    try:
        made = service.make(base)
        (base / "p").mkdir()
        place = peer.at(base / "p", made)
        try:
            place.prepare(count, edges)
            before, begun = own_cpu(), time.monotonic_ns()
            place.start()
            last = made.stamps.wait(count, timeout) if count else time.monotonic_ns()
            cpu = proc.cost(place.managers()).cpu + own_cpu() - before
            yield Running(place, (last - begun) / 1e9, cpu)
        finally:
            place.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def went(place: Place, argv: list[str]) -> float:
    """Run a command; milliseconds it took. Raises CalledProcessError."""
    begun = time.monotonic()
    place.run(*argv, timeout=60)
    return (time.monotonic() - begun) * 1000
