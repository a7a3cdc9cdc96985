"""A manager with nothing behind it: the same offers, answered from lists that a test fills."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stoker.errors import NoSuchService, StokerError
from stoker.interfaces import ControlSocket
from stoker.linux import Loop
from stoker.model import (
    Compiled,
    Definition,
    EventView,
    InstanceView,
    MemberView,
    OperationView,
    Request,
    Settings,
    StatusView,
    display,
    project_place,
)


def view(fmri: str, state: str = "online", **more: Any) -> InstanceView:
    """A listing row."""
    row: dict[str, Any] = {
        "name": display(fmri), "enabled": True, "wanted": True, "state": state,
        "next_state": None, "reason": "none", "state_time": "2026-01-01T00:00:00.000000Z",
        "since": "2026-01-01T00:00:00.000000Z",
        "phase": "running", "stage": "up", "pid": 4242, "contract": 7, "run": 1, "restarts": 0,
    }  # fmt: skip
    return InstanceView(fmri=fmri, **{**row, **more})


class Engine:
    """The read-only half."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def fmris(self) -> list[str]:
        return list(self.fake.rows)

    def operation(self, number: int) -> OperationView | None:
        return self.fake.asked.get(number)

    def operations(self) -> list[OperationView]:
        return list(self.fake.asked.values())

    def instance(self, fmri: str) -> Any:
        class Found:
            definition = Definition(
                fmri=fmri,
                origins={"start": "web.toml:1"},
                context={"environment": {"DB_PASSWORD": "hush", "LANG": "C"}},  # type: ignore[arg-type]
            )

        return Found


class Fake:
    """See `stoker.interfaces.Offers`."""

    def __init__(self, directory: Path, runtime: Path) -> None:
        self.place = project_place(str(directory), {}, os.getuid(), runtime=str(runtime))
        self.settings = Settings()
        self.generation = 3
        self.compiled = Compiled()
        self.engine = Engine(self)
        self.rows: dict[str, InstanceView] = {}
        self.asked: dict[int, OperationView] = {}
        self.requests: list[Request] = []
        self.lines: list[str] = []
        self.happened: list[EventView] = []
        self.kept = 1000
        self.callers: list[Callable[[], object]] = []
        self.ends_at_once = True
        self.outcome = "done"
        self.reloads = 0
        self.trouble: StokerError | None = None  # in the way of being replaced

    def now(self) -> Any:
        return (0, 0)

    def about(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "keeper_pid": 1, "containment": "session", "notices": []}

    def submit(self, request: Request) -> int:
        number = len(self.requests) + 1
        self.requests.append(request)
        members = [MemberView(fmri, request.verb) for fmri in request.names]
        self.asked[number] = OperationView(number, request.verb, request.who, request.why, members)
        if self.ends_at_once:
            self.asked[number].outcome = self.outcome
            for member in members:
                member.outcome = self.outcome
        return number

    def views(self) -> list[InstanceView]:
        return list(self.rows.values())

    def view(self, fmri: str) -> InstanceView:
        if fmri not in self.rows:
            raise NoSuchService(f"no such service: {fmri}")
        return self.rows[fmri]

    def status(self, fmri: str) -> StatusView:
        return StatusView(instance=self.view(fmri))

    @property
    def cursor(self) -> int:
        return self.happened[-1].cursor if self.happened else 0

    def events(self, cursor: int) -> list[EventView]:
        kept = self.happened[-self.kept :]
        if kept and 0 < cursor < kept[0].cursor - 1:
            return [EventView(kept[0].cursor - 1, "", "gap")]
        return [event for event in kept if event.cursor > cursor][:100]

    def happens(self, fmri: str, **data: Any) -> None:
        self.happened.append(EventView(self.cursor + 1, "", "transition", fmri, data))

    def turn(self) -> None:
        for call in list(self.callers):
            call()

    def subscribe(self, call: Callable[[], object]) -> Callable[[], object]:
        self.callers.append(call)
        return lambda: self.callers.remove(call)

    def reload(self, call: Callable[[Any], object], dry_run: bool = False, who: str = "") -> None:
        self.reloads += 1
        call({"changes": [], "mistakes": [], "operation": None})

    def reexec(self, call: Callable[[StokerError | None], object]) -> None:
        if self.trouble is None:
            self.generation += 1
        call(self.trouble)

    def log(self, text: str) -> None:
        self.lines.append(text)


class Served:
    """A fake manager served by a loop in a thread; `do` runs something in that thread."""

    def __init__(self, fake: Fake, loop: Loop, door: ControlSocket) -> None:
        self.fake, self.loop, self.door = fake, loop, door
        self.path = fake.place.socket
        self._todo: list[tuple[Callable[[], Any], threading.Event, list[Any]]] = []
        self._bell, self._ring = os.pipe()
        loop.watch(self._bell, 1, self._work)

    def _work(self, _events: int) -> None:
        os.read(self._bell, 4096)
        while self._todo:
            call, done, answer = self._todo.pop(0)
            try:
                answer.append(call())
            finally:
                done.set()

    def do(self, call: Callable[[], Any]) -> Any:
        done, answer = threading.Event(), list[Any]()
        self._todo.append((call, done, answer))
        os.write(self._ring, b"x")
        assert done.wait(30), "the loop does not answer"
        return answer[0]

    def close(self) -> None:
        os.close(self._bell)
        os.close(self._ring)

    def connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(self.path)  # first: a connect with a time limit does not wait for the queue
        sock.settimeout(30)
        return sock

    def raw(self, data: bytes) -> bytes:
        """Send bytes, and read until the server closes."""
        with self.connect() as sock:
            found = b""
            try:
                sock.sendall(data)
                while piece := sock.recv(65536):
                    found += piece
            except (BrokenPipeError, ConnectionResetError):
                # It closed without reading all that we sent; what it answered before is here.
                while not found and (piece := sock.recv(65536)):
                    found += piece
            return found

    def ask(
        self, method: str, path: str, body: Any = None, headers: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """One request on a connection of its own; status and answer."""
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        found = self.raw(head.encode() + data)
        top, _, rest = found.partition(b"\r\n\r\n")
        return int(top.split()[1]), json.loads(rest)


@contextmanager
def served() -> Iterator[Served]:
    """A fake manager on a socket in a directory of its own."""
    base = Path(tempfile.mkdtemp(prefix="st-"))  # short: the path of a socket is limited
    try:
        yield from _served(base)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _served(base: Path) -> Iterator[Served]:
    runtime = base / "run"
    runtime.mkdir()
    fake = Fake(base, runtime)
    for name in ("a", "b", "web"):
        fmri = f"svc:/{name}:default"
        fake.rows[fmri] = view(fmri)
    errors: list[Exception] = []
    loop = Loop(errors.append)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(fake.place.socket)
    listener.listen(64)
    door = ControlSocket(loop, listener, fake)
    place = Served(fake, loop, door)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield place
    finally:
        place.do(lambda: (door.close(), loop.stop()))
        thread.join(30)
        loop.close()
        place.close()
    assert not errors, errors
