"""The same service directories under us, runit, s6 and daemontools: from nothing to all of them up,
supervise directories and all; and by our scanner, which loads each by the RPC.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from .. import proc
from ..peers import Edges, Peer
from ..peers.base import linked
from ..peers.ours import Stoker, StokerPlace
from .scene import Scene, running

__all__ = ["Bundles", "Scanned"]

_PEERS = ("stoker", "runit", "s6", "daemontools")


class _Directories(StokerPlace):
    """The directories themselves are what we are given."""

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        self.environment["STOKER_RUNTIME_DIR"] = str(self.runtime)
        linked(self.service, self.services, count)


class _Scanner(StokerPlace):
    """They are loaded and started by a scanner, into a manager that has nothing of its own."""

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        self.environment["STOKER_RUNTIME_DIR"] = str(self.runtime)
        self.services.mkdir()
        linked(self.service, self.base / "scanned", count)

    def start(self) -> None:
        super().start()
        program = Path(sys.executable).with_name("stoker")
        self.launch(str(program), "service-dt-scanner", str(self.base / "scanned"))


class _ByDirectories(Stoker):
    place = _Directories


class _ByScanner(Stoker):
    place = _Scanner


class Bundles(Scene):
    """`count` directories with a `run` each."""

    ours: type[Stoker] = _ByDirectories
    what = "directories"

    def __init__(self, count: int) -> None:
        self.count = count
        self.name = f"{count} {self.what}"

    def suits(self, peer: Peer) -> bool:
        return peer.name in _PEERS and (peer.most is None or self.count <= peer.most)

    def measure(self, peer: Peer) -> dict[str, float]:
        peer = self.ours(peer.tools) if peer.name == "stoker" else peer
        with running(peer, self.count) as up:
            found = {
                f"start of {self.name}, s": up.took,
                f"its processor time, {self.name}, s": up.cpu,
            }
            time.sleep(0.3)  # what is still to be done after the last start is done
            found[f"PSS with {self.name}, MB"] = proc.pss(up.place.managers())
            found[f"stop of {self.name}, s"] = up.stop()
        return found


class Scanned(Bundles):
    """The same, by our scanner."""

    ours = _ByScanner
    what = "scanned directories"

    def suits(self, peer: Peer) -> bool:
        return peer.name == "stoker"
