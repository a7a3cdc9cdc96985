"""What only we are asked: a manager that dies, a storm, a busy control socket."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .. import proc
from ..peers import Peer
from .scene import Running, Scene, running

__all__ = ["Crash", "Doors", "Storm"]


class _Ours(Scene):
    def __init__(self, count: int) -> None:
        self.count = count

    def suits(self, peer: Peer) -> bool:
        return peer.name == "stoker"


class Crash(_Ours):
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
    """All end at the same moment, for the first time, so that nobody need wait to start again."""

    name = "storm"

    def __init__(self, count: int) -> None:
        self.count = count

    def suits(self, peer: Peer) -> bool:
        return not (peer.waits or peer.slow or peer.name == "floor")

    def measure(self, peer: Peer) -> dict[str, float]:
        with running(peer, self.count) as up:
            time.sleep(0.5)
            asker = _Asker(up) if peer.name == "stoker" else None
            pids = up.place.outside(up.stamps.pids())
            begun = time.monotonic_ns()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            last = up.stamps.wait(2 * self.count, 60)
            found = {f"storm: all {self.count} end, until all run, s": (last - begun) / 1e9}
            if asker is not None:
                found |= asker.end("storm: status meanwhile")
            up.stop()
        return found


class Doors(_Ours):
    """The control socket under load: requests, followers of events, and restarts beside them."""

    name = "doors"
    followers = 200
    rate = 2000

    def __init__(self, count: int, kills: int) -> None:
        super().__init__(max(count, 2 * kills + 20))
        self.kills = kills

    def measure(self, peer: Peer) -> dict[str, float]:
        with running(peer, self.count) as up:
            time.sleep(0.5)
            door = Door(up)
            pids = up.place.outside(up.stamps.pids())
            found = self._flat_out(up, door)
            quiet = self._restarts(up, pids[10 : 10 + self.kills])
            sockets = [_follow(up) for _ in range(self.followers)]
            load = _Load(up, sockets, self.rate)
            loaded = self._restarts(up, pids[10 + self.kills : 10 + 2 * self.kills])
            found["control: offered beside restarts, a second"] = load.end()
            for one in sockets:
                one.close()
            found |= {
                "control: restart p99 quiet, ms": _p99(quiet),
                "control: restart p99 with requests and followers, ms": _p99(loaded),
                "control: restart p50 with requests and followers, ms": statistics.median(loaded),
            }
            up.stop()
        return found

    def _flat_out(self, up: Running, door: Door) -> dict[str, float]:
        """One client that asks for the status of one, as fast as it is answered."""
        manager = [door.manager()]
        before, begun, count = proc.cost(manager), time.monotonic(), 0
        while time.monotonic() < begun + 2:
            door.status("s00001")
            count += 1
        spent = proc.cost(manager).since(before).cpu
        return {
            "control: status of one, requests, a second of its core": count / spent,
            "control: status of one, requests by one client, a second": count / 2,
        }

    def _restarts(self, up: Running, pids: list[int]) -> list[float]:
        times = []
        for pid in pids:
            times.append(up.kill(pid))
            time.sleep(0.005)
        return times


class Door:
    """One connection to a control socket, kept open."""

    def __init__(self, up: Running) -> None:
        self.socket = _connect(up)
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

    def status(self, name: str) -> bytes:
        """The status of one."""
        return self.get(f"/v1/instances/{name}")

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


def _connect(up: Running) -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(30)
    one.connect(str(Path(up.place.base, "run", "control")))
    return one


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


class _Thread:
    """Something that goes on beside what is measured, until `stop` is set."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self) -> None:
        raise NotImplementedError

    def halt(self) -> None:
        self.over.set()
        self.thread.join(60)


class _Asker(_Thread):
    """Asks for one's status every few milliseconds and remembers how long each answer took."""

    def __init__(self, up: Running) -> None:
        self.door = Door(up)
        self.times: list[float] = []
        super().__init__()

    def work(self) -> None:
        while True:
            begun = time.monotonic()
            self.door.status("s00001")
            self.times.append((time.monotonic() - begun) * 1000)
            if self.over.wait(0.004):
                return

    def end(self, what: str) -> dict[str, float]:
        """Stop; the figures."""
        self.halt()
        return {f"{what}, longest, ms": max(self.times)}


class _Load(_Thread):
    """So many requests a second, and everything that followers are sent is read."""

    def __init__(self, up: Running, followers: list[socket.socket], rate: int) -> None:
        self.door = Door(up)
        self.rate = rate
        self.count = 0
        self.begun = time.monotonic()
        self.poll = select.epoll()
        for one in followers:
            one.setblocking(False)
            self.poll.register(one.fileno(), select.EPOLLIN)
        self.known: dict[int, Callable[[int], bytes]] = {
            one.fileno(): one.recv for one in followers
        }
        super().__init__()

    def work(self) -> None:
        while not self.over.is_set():
            due = int((time.monotonic() - self.begun) * self.rate)
            for _ in range(min(due - self.count, 40)):
                self.door.status("s00001")
                self.count += 1
            for fd, _ in self.poll.poll(0.001):
                self.known[fd](1 << 20)

    def end(self) -> float:
        """Stop; requests a second that were answered."""
        self.halt()
        return self.count / (time.monotonic() - self.begun)


def _follow(up: Running) -> socket.socket:
    one = _connect(up)
    one.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: stoker\r\n\r\n")
    return one


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]
