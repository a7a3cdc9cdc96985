"""The floor: a bare loop of subprocess.Popen over the same services, which then knows nothing."""

from __future__ import annotations

import sys

from .base import Edges, Peer, Place, name_of

_LOOP = """
import os, signal, subprocess, sys
directory, count = sys.argv[1], int(sys.argv[2])
quiet = {"stdin": subprocess.DEVNULL, "start_new_session": True}
stopping = []
def stop(*_):
    stopping.append(1)
signal.signal(signal.SIGTERM, stop)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
left = [subprocess.Popen([f"{directory}/s{n:05}"], **quiet) for n in range(count)]
signal.sigwait([signal.SIGTERM])
for one in left:
    one.send_signal(signal.SIGKILL)
for one in left:
    one.wait()
"""


class _Place(Place):
    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        (self.base / "services").mkdir()
        for number in range(count):
            self.service.put(self.base / "services" / name_of(number))

    def start(self) -> None:
        directory = str(self.base / "services")
        self.launch(sys.executable, "-I", "-c", _LOOP, directory, str(self.count))

    def stop(self) -> None:
        self.launched[0].terminate()
        self.launched[0].wait(60)

    def managers(self) -> list[int]:
        return [one.pid for one in self.launched if one.poll() is None]


class Popen(Peer):
    """Not a manager: the least that starting and stopping can take in Python."""

    name = "floor"
    place = _Place

    def version(self) -> str:
        return f"subprocess.Popen, Python {sys.version.split()[0]}"
