"""A manager that dies, and a storm, with somebody who asks meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

from .. import load
from ..peers import Peer
from .scene import Running, Scene, running

__all__ = ["Crash", "Door", "Ours", "Storm"]


class Ours(Scene):
    """What only we are asked."""

    def __init__(self, count: int) -> None:
        self.count = count

    def suits(self, peer: Peer) -> bool:
        return peer.name == "stoker"


class Crash(Ours):
    """The manager is killed: until the next one answers, knowing every process of before."""

    name = "crash"

    def measure(self, peer: Peer) -> dict[str, float]:
        with running(peer, self.count) as up:
            door = Door(up)
            old = door.manager()
            before = door.pids()
            time.sleep(0.5)
            begun = time.monotonic()
            os.kill(old, signal.SIGKILL)
            new = up_again(up, old)
            took = time.monotonic() - begun
            if new.pids() != before or up.stamps.taken != self.count:
                raise RuntimeError("after the crash the processes are not those of before")
            up.stop()
        return {f"manager killed → {self.count} adopted, answering, ms": took * 1000}


class Storm(Scene):
    """All end at the same moment, for the first time, so that nobody need wait to start again. Of
    ours the status of one is asked meanwhile.
    """

    name = "storm"
    rate = 200

    def __init__(self, count: int) -> None:
        self.count = count

    def suits(self, peer: Peer) -> bool:
        return not (peer.waits or peer.slow or peer.name == "floor")

    def measure(self, peer: Peer) -> dict[str, float]:
        with running(peer, self.count) as up:
            time.sleep(0.5)
            pids = up.place.outside(up.stamps.pids())
            program = load.make(up.place.base.parent) if peer.name == "stoker" else None
            if program is None:
                found = self._storm(up, pids)
            else:
                door = Door(up)
                with load.Load(program, door.path, door.one("s00001"), self.rate, 0) as beside:
                    found = self._storm(up, pids)
                    told = beside.end()
                if told.answered:
                    found["storm: status meanwhile, longest, ms"] = told.longest
            up.stop()
        return found

    def _storm(self, up: Running, pids: list[int]) -> dict[str, float]:
        begun = time.monotonic_ns()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        last = up.stamps.wait(2 * self.count, 60)
        return {f"storm: all {self.count} end, until all run, s": (last - begun) / 1e9}


class Door:
    """One connection to a control socket, kept open."""

    def __init__(self, up: Running) -> None:
        self.path = Path(up.place.base, "run", "control")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(self.path))
        self._more = b""

    def get(self, path: str) -> bytes:
        """The body of one answer. Raises ConnectionError."""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: stoker\r\n\r\n".encode())
        data = self._more
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        rows = head.lower().split(b"\r\n")
        size = next(int(row.split(b":")[1]) for row in rows if row.startswith(b"content-length"))
        while len(body) < size:
            body += self._receive()
        self._more = body[size:]
        return body[:size]

    def _receive(self) -> bytes:
        more = self.socket.recv(1 << 20)
        if not more:
            raise ConnectionError("the manager has ended")
        return more

    def ask(self, path: str) -> dict[str, object]:
        """An answer, decoded."""
        found: dict[str, object] = json.loads(self.get(path))
        return found

    def one(self, name: str) -> str:
        """What is to be asked for the status of one."""
        return f"/v1/instances/{name}"

    def status(self, name: str) -> bytes:
        """The status of one."""
        return self.get(self.one(name))

    def manager(self) -> int:
        """The manager's pid."""
        found = self.ask("/v1")
        inner = found.get("manager", found)
        assert isinstance(inner, dict)
        return int(inner["pid"])

    def pids(self) -> dict[str, object]:
        """The main process of each instance."""
        rows = self.ask("/v1/instances")["instances"]
        assert isinstance(rows, list)
        return {row["fmri"]: row["pid"] for row in rows}


def up_again(up: Running, old: int) -> Door:
    """Wait until another manager than `old` answers. The socket itself is the keeper's."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            door = Door(up)
            if door.manager() != old:
                return door
        except OSError:  # the old one took the connection with it
            pass
        time.sleep(0.001)
    raise TimeoutError("no new manager answers")
