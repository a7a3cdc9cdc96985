"""What surrounds a recorder: a keeper played by a thread, and the manager's end of the link."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stoker.linux.channel import decode, encode

SOURCE = Path(__file__).resolve().parents[3] / "src"
NONCE = "fedcba9876543210"
DEADLINE = 30.0


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait for something that no descriptor tells; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not (value := true()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return value


class Keeper:
    """Holds descriptors by name for one program at a time, as `keeper.py` does."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.lock = threading.Lock()
        self.wanted: list[str] = []
        self.ready = threading.Event()
        self.generation = 0
        self.end: socket.socket | None = None
        self.thread: threading.Thread | None = None

    def attach(self) -> socket.socket:
        """A new life of the program: its end of the channel."""
        self.generation += 1
        self.ready.clear()
        self.wanted = []
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end = ours
        ours.send(encode("HELLO", 1, self.generation, "", "", 0, ""))
        self.thread = threading.Thread(target=self._serve, args=(ours,), daemon=True)
        self.thread.start()
        return theirs

    def _serve(self, end: socket.socket) -> None:
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(end, 65536, 253)
            except OSError:
                return
            if not data:
                return
            packet = decode(data)
            with self.lock:
                if packet.verb == "PUT":
                    for name, fd in zip(packet.args, fds, strict=True):
                        old = self.held.get(name)
                        self.held[name] = fd
                        if old is not None:
                            os.close(old)
                elif packet.verb == "LIST":
                    for name, fd in self.held.items():
                        if name.startswith(packet.args[0]):
                            socket.send_fds(end, [encode("ITEM", name)], [fd])
                    end.send(encode("END", ""))
                elif packet.verb == "WANT":
                    self.wanted.append(packet.args[0])
                elif packet.verb == "READY":
                    self.ready.set()

    def put(self, name: str, fd: int) -> None:
        """Hold a copy of `fd`, and relay it as the manager's PUT would be."""
        with self.lock:
            self.held[name] = os.dup(fd)
            if self.end is not None and any(name.startswith(one) for one in self.wanted):
                socket.send_fds(self.end, [encode("ITEM", name)], [fd])

    def detach(self) -> None:
        """The program is gone."""
        if self.end is not None:
            self.end.shutdown(socket.SHUT_RDWR)
            assert self.thread is not None
            self.thread.join(DEADLINE)
            self.end.close()
            self.end = None

    def close(self) -> None:
        self.detach()
        for fd in self.held.values():
            os.close(fd)
        self.held.clear()


class Recorder:
    """A recorder process in `root`, its keeper and its manager's end. Use as a context."""

    def __init__(self, root: Path) -> None:
        self.run = root / "run"
        self.logs = root / "logs"
        self.state = root / "state"
        for folder in (self.run, self.logs, self.state):
            folder.mkdir(mode=0o700)
        place = {"version": 1, "logs": str(self.logs), "state": str(self.state)}
        (self.run / "place.json").write_text(json.dumps(place))
        (self.run / "mark").write_text(NONCE + "\n")
        self.keeper = Keeper()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.manager = near
        near.settimeout(DEADLINE)
        self.keeper.held["link/recorder"] = far.detach()
        self.sinks: dict[str, int] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.log = root / "stoker.log"
        self.limits: Callable[[], None] | None = None

    def start(self, fault: str = "", wait: bool = True, before: tuple[str, ...] = ()) -> None:
        """`before`: words that execute the rest of the command in their own process."""
        theirs = self.keeper.attach()
        code = (
            f"import sys; sys.path.insert(0, {str(SOURCE)!r});"
            "from stoker.recorder import main; sys.exit(main(sys.argv[1:]))"
        )
        environment = {"STOKER_KEEPER": str(theirs.fileno()), "STOKER_FAULT": fault}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-I", "-S", "-c", code, str(self.run)],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        theirs.close()
        if wait:
            assert self.keeper.ready.wait(DEADLINE), self.log.read_text()

    def pipe(self, name: str) -> int:
        """A new output pipe `log/NAME`: its write end."""
        source, sink = os.pipe()
        self.keeper.put(f"log/{name}", source)
        shown = f"pipe:[{os.fstat(source).st_ino}]"
        os.close(source)
        self.sinks[name] = sink
        # It comes by another way than messages do, so it might come after them.
        until(lambda: shown in self.open_files(), "the recorder to have the pipe")
        return sink

    def open_files(self) -> list[str]:
        """What its descriptors are."""
        assert self.process is not None
        folder = f"/proc/{self.process.pid}/fd"
        found = []
        for name in os.listdir(folder):
            try:
                found.append(os.readlink(f"{folder}/{name}"))
            except FileNotFoundError:
                pass  # closed while we looked
        return found

    def mark(self, name: str, run: int) -> None:
        os.write(self.sinks[name], f"\0\x1estoker{NONCE} run {run} 9\n".encode())

    def tell(self, *message: Any) -> None:
        self.manager.send(json.dumps(message).encode())

    def hear(self, kind: str) -> list[Any]:
        """The next message of this kind; others before it are passed over."""
        while True:
            message = json.loads(self.manager.recv(65536))
            if message[0] == kind:
                return list(message)

    def settle(self) -> None:
        """Return when all that was said and written before this has been handled."""
        self.tell("save", "settle", "svc:/settle:default", None)
        while self.hear("saved")[1] != "settle":
            pass

    def drained(self, fmri: str) -> None:
        """Return when what this instance wrote so far is in its file."""
        self.tell("run", fmri, 0, "end", 1, None, None)
        self.settle()

    def ask(self, question: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Put a question to RUN/records."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(DEADLINE)
            asking.connect(str(self.run / "records"))
            asking.sendall(json.dumps(question).encode() + b"\n")
            answer = None
            with asking.makefile("rb") as answers:
                for line in answers:
                    answer = json.loads(line)
                    if answer == {"end": True}:
                        return
                    yield answer
        raise AssertionError(f"the answer has no end, but {answer}")

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(DEADLINE)
        self.keeper.detach()
        return status

    def died(self) -> int:
        """Wait for the recorder's own end; its status."""
        assert self.process is not None
        status = self.process.wait(DEADLINE)
        self.keeper.detach()
        return status

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for sink in self.sinks.values():
            try:
                os.close(sink)
            except OSError:
                pass  # the test has closed it already
        self.keeper.close()
        self.manager.close()


def readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])
