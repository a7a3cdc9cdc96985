"""OpenRC's supervise-daemon, one for each service, started one after the other by a shell."""

from __future__ import annotations

import os
import signal
import sys

from .. import namespace, proc
from .base import Absent, Edges, Peer
from .shapes import Contained

_REAPER = """
import os, time
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.1)
"""


class _Place(Contained):
    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        program = self.peer.program("supervise-daemon")
        start = "set -e\nmkdir -p /run/openrc/options /run/openrc/started /run/openrc/daemons\n"
        for name in self.names:
            pidfile = f"/run/{name}.pid"
            start += f"RC_SVCNAME={name} {program} {name} --start --pidfile {pidfile} "
            start += f"--respawn-max 0 {self.service.program}\n"
        (self.base / "start").write_text(f"{start}exec {sys.executable} -I -S -c '{_REAPER}'\n")
        self.environment["LD_LIBRARY_PATH"] = self.peer.tools.libraries()

    def start(self) -> None:
        self.launch(*namespace.unshare([], ["/bin/sh", str(self.base / "start")]))

    def stop(self) -> None:
        for pid in self.managers():  # what --stop sends, without waiting for one after the other
            os.kill(pid, signal.SIGTERM)

    def managers(self) -> list[int]:
        if not self.first:
            return []
        return [p for p in proc.below(self.first, {"supervise-daemo"}) if p != self.first]


class SuperviseDaemon(Peer):
    """OpenRC's supervise-daemon. The time of starting holds a process for each service."""

    name = "openrc"
    slow = True
    place = _Place

    def version(self) -> str:
        self.root()
        self.program("supervise-daemon")
        if not namespace.may_unshare():
            raise Absent("no namespace can be made for it here")
        return self.debian("openrc")
