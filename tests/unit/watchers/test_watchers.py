"""What each watcher sees, and how it tells it."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from stoker.linux import clock, routes
from stoker.watchers import Sight, main

mounts = import_module("stoker.watchers.mounts")
network = import_module("stoker.watchers.network")
time_watcher = import_module("stoker.watchers.time")
telling = import_module("stoker.watchers.telling")


# -- MOUNTS


@pytest.fixture
def fstab(tmp_path: Path) -> Path:
    return tmp_path / "fstab"


@pytest.fixture
def seen(fstab: Path) -> Iterator[Any]:
    watcher = mounts.Mounts(str(fstab))
    yield watcher
    watcher.close()


def test_mounts_are_met_when_all_of_fstab_is_mounted(fstab: Path, seen: Any) -> None:
    assert seen.look().met
    fstab.write_text("proc /proc proc defaults 0 0\n")
    assert seen.look() == Sight(True, "all of fstab is mounted")


@pytest.mark.parametrize(
    ("line", "met"),
    [
        ("/dev/x /no/such ext4 defaults 0 0", False),
        ("/dev/x /no/such ext4 noauto 0 0", True),
        ("/dev/x /no/such ext4 nofail 0 0", True),
        ("/dev/x none swap sw 0 0", True),
        ("# /dev/x /no/such ext4 defaults 0 0", True),
    ],
)
def test_only_automatic_entries_count(fstab: Path, seen: Any, line: str, met: bool) -> None:
    fstab.write_text(line + "\n")
    assert seen.look().met is met


def test_what_is_missing_is_named(fstab: Path, seen: Any) -> None:
    fstab.write_text("".join(f"x /no/{n} ext4 defaults 0 0\n" for n in range(5)))
    assert seen.look().why == "/no/0, /no/1, /no/2 and 2 more are not mounted"


def test_a_change_of_fstab_wakes_it_once(fstab: Path, seen: Any) -> None:
    # The mount table's own descriptor is left out: others may mount something meanwhile.
    (fd,) = [fd for fd, events in seen.descriptors().items() if events == select.POLLIN]
    assert seen.patience() is None
    fstab.write_text("proc /proc proc defaults 0 0\n")
    assert select.select([fd], [], [], 60)[0] == [fd]
    seen.heard(fd)
    assert select.select([fd], [], [], 0)[0] == []


# -- NETWORK


def message(kind: int, body: bytes) -> bytes:
    size = 16 + len(body)
    return struct.pack("=IHHII", size, kind, 2, 1, 0) + body + b"\0" * (-size % 4)


def route(length: int = 0, kind: int = 1, flags: int = 0, gateway: str = "192.0.2.1") -> bytes:
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, length, 0, 0, 254, 3, 0, kind, flags)
    body += struct.pack("=HH", 8, 5) + socket.inet_aton(gateway)
    body += struct.pack("=HH", 8, 4) + struct.pack("=I", socket.if_nametoindex("lo"))
    return message(24, body)


def test_a_default_route_is_one_to_everywhere_that_leads_somewhere() -> None:
    done = message(3, b"\0\0\0\0")
    assert routes.parse(route() + done) == ([("lo", "192.0.2.1")], True)
    for other in (route(length=24), route(kind=7), route(flags=1), route(flags=16)):
        assert routes.parse(other + done) == ([], True)
    assert routes.parse(route()) == ([("lo", "192.0.2.1")], False)
    assert routes.parse(b"\1\2\3") == ([], False)


def test_the_kernel_answers_and_the_watcher_says_what_it_sees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert all(len(one) == 2 for one in routes.default_routes())
    watcher = network.Network()
    try:
        assert watcher.patience() is None
        monkeypatch.setattr(routes, "default_routes", list)
        assert watcher.look() == Sight(False, "there is no default route")
        monkeypatch.setattr(routes, "default_routes", lambda: [("eth0", "192.0.2.1")])
        assert watcher.look().met
        assert list(watcher.descriptors().values()) == [select.POLLIN]
        for fd in watcher.descriptors():
            watcher.heard(fd)
    finally:
        watcher.close()


# -- TIME


def test_time_is_the_kernels_own_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = time_watcher.Time()
    try:
        for found, met in ((True, True), (False, False), (None, False)):
            monkeypatch.setattr(clock, "synchronised", lambda found=found: found)
            assert watcher.look().met is met
    finally:
        watcher.close()


def test_a_wrong_clock_is_looked_at_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "synchronised", lambda: False)
    watcher = time_watcher.Time()
    try:
        times = []
        for _ in range(8):
            watcher.look()
            times.append(watcher.patience())
        assert times == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        watcher.heard(next(iter(watcher.descriptors())))  # the clock was set
        watcher.look()
        assert watcher.patience() == 1.0
        monkeypatch.setattr(clock, "synchronised", lambda: True)
        watcher.look()
        assert watcher.patience() == 300.0
    finally:
        watcher.close()


def test_a_clock_that_was_not_set_is_silent() -> None:
    changes = clock.ClockChanges()
    try:
        assert not changes.read()
        assert select.select([changes.fd], [], [], 0) == ([], [], [])
    finally:
        changes.close()


# -- telling


class Manager:
    """Answers the requests of one connection after the other, each once, in a thread."""

    def __init__(self, path: Path, *answers: dict[str, Any] | None) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers = list(answers)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        kept = []
        for answer in self._answers:
            connection, _ = self._socket.accept()
            kept.append(connection)
            head, _, body = self._read(connection)
            self.asked.append({"line": head.split("\r\n")[0], **json.loads(body)})
            if answer is None:
                connection.close()
                continue
            data = json.dumps({"version": 1, "operation": answer}).encode()
            connection.sendall(b"HTTP/1.1 202 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        self._kept = kept

    @staticmethod
    def _read(connection: socket.socket) -> tuple[str, str, str]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, mark, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
        return head.decode(), mark.decode(), body.decode()

    def end(self) -> None:
        self._thread.join(30)
        self._socket.close()


@pytest.fixture
def notified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(telling.notify, "send", said.append)
    return said


def test_what_is_seen_is_told_once_and_then_it_is_ready(
    tmp_path: Path, notified: list[str]
) -> None:
    manager = Manager(tmp_path / "s", {"number": 1, "outcome": "done", "note": ""})
    teller = telling.Teller("svc:/clock:default", str(tmp_path / "s"), "TIME")
    assert teller.tell(Sight(True, "right")) is None
    assert teller.tell(Sight(True, "right")) is None
    teller.lost()
    manager.end()
    (asked,) = manager.asked
    assert asked["line"] == "POST /v1/operations HTTP/1.1"
    told = (asked["verb"], asked["names"], asked["input"], asked["value"], asked["why"])
    assert told == ("give", ["svc:/clock:default"], "TIME", True, "right")
    assert notified == ["READY=1\nSTATUS=met: right"]


def test_a_manager_that_is_not_there_hangs_up_or_refuses_is_told_later(
    tmp_path: Path, notified: list[str]
) -> None:
    teller = telling.Teller("clock", str(tmp_path / "s"), "TIME")
    first = teller.tell(Sight(False))
    assert first is not None and first > 0
    failed = {"number": 1, "outcome": "failed", "note": "who is that?"}
    manager = Manager(tmp_path / "s", None, failed, {"number": 2, "outcome": "done", "note": ""})
    assert teller.tell(Sight(False)) is not None
    assert teller.tell(Sight(False)) is not None
    assert notified == []
    assert teller.tell(Sight(False)) is None
    assert notified == ["READY=1\nSTATUS=unmet"]
    # The next manager is told the same again.
    teller.lost()
    manager.end()
    later = teller.tell(Sight(False))
    assert later is not None


def test_the_program_says_how_it_is_used_and_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([]) == 2
    assert main(["tides"]) == 2
    assert "time|mounts|network|sleep" in capsys.readouterr().err
    monkeypatch.delenv("STOKER_SOCKET", raising=False)
    assert main(["time"]) == 1
    assert "started by a manager" in capsys.readouterr().err


def test_a_watcher_loads_little() -> None:
    code = (
        "import sys; from stoker.watchers import main; main(['time']); print(*sorted(sys.modules))"
    )
    reader, writer = os.pipe()
    path = [entry for entry in sys.path if entry]
    argv = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {path!r}; {code}"]
    pid = os.posix_spawn(sys.executable, argv, {}, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)])
    os.close(writer)
    with os.fdopen(reader) as said:
        loaded = said.read().split()
    assert os.waitpid(pid, 0)[1] == 0
    assert "stoker.watchers.time" in loaded
    assert not {"msgspec", "h11", "json", "asyncio", "sqlite3", "jeepney"} & set(loaded)
