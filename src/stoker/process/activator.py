"""Waits at the sockets of a service until somebody comes, and starts its program then.

    python -I -S activator.py WHEN NAME=VALUE … -- PROGRAM ARGUMENT …

It is the main process of the service until then, and has the sockets as LISTEN_FDS. WHEN is "first"
(it becomes the program at the first connection or datagram), "each" (a process for every
connection, which it has as its input and output) or "wait" (one process at a time for each socket,
which has that as its input and output). See `stoker.model.Activation` for the values.

Standard library only, and little of it: there is one of these for each such service. It says what
it refuses in the service's log, and ends with 96 (a mistake in the configuration, as SMF counts it)
when the program cannot be executed or is started too often.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import signal
import sys
import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

FIRST, MISCONFIGURED = 3, 96
_BRIEF = 0.2  # seconds after a failure that passes: no descriptor, no process
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN)


def say(text: str) -> None:
    """A line in the service's log."""
    try:
        os.write(2, f"{text}\n".encode("utf-8", "surrogateescape"))
    except OSError:  # nobody keeps it
        pass


def environment() -> dict[bytes, bytes]:
    """What we were given: an interpreter adds to its own."""
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [pair.partition(b"=") for pair in file.read().split(b"\0") if pair]
        return {name: value for name, _, value in pairs}
    except OSError:  # no /proc
        return dict(os.environb)


def program(name: str, path: str) -> str:
    """Where the program is; "" if there is none."""
    if "/" in name:
        return name if os.access(name, os.X_OK) else ""
    for folder in path.split(":"):
        found = f"{folder or '.'}/{name}"
        if os.access(found, os.X_OK) and not os.path.isdir(found):
            return found
    return ""


class Activator:
    """Its sockets, its command, and what of it runs."""

    def __init__(self, words: dict[str, str], argv: tuple[str, ...]) -> None:
        self.argv = argv
        self.name = words.get("name", argv[0])
        self.stderr = words.get("stderr", "log")
        self.copies = int(words.get("copies", "0"))
        self.rate = int(words.get("rate", "0"))
        self.pause = float(words.get("pause", "10"))
        self.failures = int(words.get("failures", "0"))
        self.within = float(words.get("within", "60"))
        self.trace = "trace" in words
        self.env = environment()
        self.path = program(argv[0], os.fsdecode(self.env.get(b"PATH", b"/usr/bin:/bin")))
        count = int(self.env.get(b"LISTEN_FDS", b"0"))
        self.sockets = list(range(FIRST, FIRST + count))
        self.running: dict[int, int] = {}  # pid to the socket that it has, -1 for a connection
        self.starts: deque[float] = deque()
        self.closed_until = 0.0

    # -- the program in our place

    def first(self) -> None:
        """Wait for the first one, then become the program."""
        poll = select.poll()
        for fd in self.sockets:
            poll.register(fd, select.POLLIN)
        poll.poll()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
            signal.signal(number, signal.SIG_DFL)
        os.execve(self.path, self.argv, self.env)

    # -- processes of ours

    def serve(self, each: bool) -> None:
        """For every connection, or for every socket that has something, a process."""
        for fd in self.sockets:
            os.set_inheritable(fd, False)
            os.set_blocking(fd, not each)
        for name in (b"LISTEN_FDS", b"LISTEN_FDNAMES", b"LISTEN_PID"):
            self.env.pop(name, None)
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        while True:
            self.reap()
            for fd in self.ready(reader):
                if each:
                    self.connection(fd)
                else:
                    self.hand_over(fd)

    def ready(self, reader: int) -> list[int]:
        """Wait; the sockets that have something for us now."""
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        left = self.closed_until - time.monotonic()
        full = 0 < self.copies <= len(self.running)
        if left <= 0 and not full:
            taken = set(self.running.values())
            for fd in self.sockets:
                if fd not in taken:
                    poll.register(fd, select.POLLIN)
        found = [fd for fd, _ in poll.poll(max(1, int(left * 1000) + 1) if left > 0 else None)]
        if reader in found:
            try:
                os.read(reader, 4096)
            except BlockingIOError:  # read already
                pass
        return [fd for fd in found if fd != reader]

    def reap(self) -> None:
        """Those that have ended."""
        while self.running:
            try:
                pid, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.running.clear()
                return
            if not pid:
                return
            self.running.pop(pid, None)

    def connection(self, listener: int) -> None:
        """Take one connection and start a process for it."""
        if self.rate and self.often(self.rate, 1.0):
            say(f"{self.name}: more than {self.rate} connections a second: none for "
                f"{self.pause:g} s")  # fmt: skip
            self.closed_until = time.monotonic() + self.pause
            self.starts.clear()
            return
        try:
            fd, peer = _accept(listener)
        except (BlockingIOError, ConnectionAbortedError):  # it has gone again
            return
        except OSError as error:
            self.passing(error, "no connection could be taken")
            return
        env = self.env
        if isinstance(peer, tuple):
            env = {
                **env,
                b"REMOTE_ADDR": str(peer[0]).removeprefix("::ffff:").encode(),
                b"REMOTE_PORT": str(peer[1]).encode(),
            }
        if self.trace:
            address = os.fsdecode(env.get(b"REMOTE_ADDR", b""))
            port = os.fsdecode(env.get(b"REMOTE_PORT", b""))
            say(f"{self.name}: connection from {f'{address} port {port}' if port else 'here'}")
        self.start(fd, env, -1)
        os.close(fd)

    def hand_over(self, listener: int) -> None:
        """Give the socket itself to a process; it is ours again when that has ended."""
        if self.failures and self.often(self.failures, self.within):
            say(f"{self.name}: started more than {self.failures} times in {self.within:g} s")
            sys.exit(MISCONFIGURED)
        self.start(listener, self.env, listener)

    def often(self, most: int, seconds: float) -> bool:
        """Count one more; whether there were more than so many lately."""
        now = time.monotonic()
        self.starts.append(now)
        while self.starts and self.starts[0] <= now - seconds:
            self.starts.popleft()
        return len(self.starts) > most

    def start(self, fd: int, env: dict[bytes, bytes], listener: int) -> None:
        """A process with that as its input and output."""
        given = [(os.POSIX_SPAWN_DUP2, fd, number) for number in (0, 1)]
        if self.stderr == "socket":
            given.append((os.POSIX_SPAWN_DUP2, fd, 2))
        ours = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)
        try:
            pid = os.posix_spawn(
                self.path, self.argv, env, file_actions=given, setsigdef=ours, setsigmask=()
            )
        except OSError as error:
            if error.errno not in _PASSING:
                say(f"{self.name}: {self.path}: {error.strerror}")
                sys.exit(MISCONFIGURED)
            self.passing(error, "no process could be started")
        else:
            self.running[pid] = listener

    def passing(self, error: OSError, what: str) -> None:
        """Something that may be better in a moment."""
        say(f"{self.name}: {what}: {error.strerror}")
        self.closed_until = time.monotonic() + _BRIEF


def _accept(listener: int) -> tuple[int, object]:
    held = _socket.socket(fileno=listener)
    try:
        fd, peer = held._accept()  # type: ignore[attr-defined] # what socket.accept is made of
    finally:
        held.detach()
    return fd, peer


def main(words: Sequence[str]) -> None:
    """The program."""
    border = list(words).index("--")
    when, *pairs = words[:border]
    given = dict(pair.split("=", 1) for pair in pairs)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    activator = Activator(given, tuple(words[border + 1 :]))
    if not activator.path:
        say(f"{activator.argv[0]}: no such program")
        sys.exit(MISCONFIGURED)
    if when == "first":
        activator.first()
    activator.serve(when == "each")


if __name__ == "__main__":
    main(sys.argv[1:])
