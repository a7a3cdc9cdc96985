"""How a started instance says that it is up: sd_notify's socket, a newline on a descriptor.

Each waiter belongs to one run. Its descriptors are held by the keeper too (``notify/FMRI``,
``ready/FMRI``), so that a word that is said while no manager lives is heard by the next one.

The notify socket has a name in the abstract name space that the kernel chose: nobody can have taken
it before, and a service of another user, which may not look into our directories, reaches it. Who
may speak is decided by the credentials of each datagram: the process must belong to the run's
contract. A sender that is gone already (systemd-notify in a shell script) is believed if it ran as
the service's user.
"""

from __future__ import annotations

import array
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator

from stoker.linux import Loop, Timer, proc
from stoker.linux import loop as epoll

__all__ = ["NotifySocket", "ReadyPipe", "parse_notification"]

_CREDENTIALS = struct.Struct("3i")
_LARGEST = 8192
_MOST = 64  # datagrams in one batch: a flood of one service does not hold up the others

Tell = Callable[[str, str, int], object]


def parse_notification(data: bytes) -> Iterator[tuple[str, str]]:
    """(NAME, value) of each assignment; what is none is passed over."""
    for line in data.decode("utf-8", "replace").split("\n"):
        name, sign, value = line.strip("\0\r").partition("=")
        if sign and name:
            yield name, value


class NotifySocket:
    """sd_notify(3), the receiver's side. `tell(kind, text, number)`: kind ready, status, mainpid,
    reloading, stopping, extend and watchdog_usec (number: microseconds), watchdog, watchdog_late.
    """

    def __init__(
        self,
        loop: Loop,
        allowed: Callable[[int, int], bool],
        tell: Tell,
        fd: int | None = None,
        watchdog: int = 0,
    ) -> None:
        """`allowed(pid, uid)`: whether a sender may speak. `fd`: a predecessor's socket, and
        `watchdog` the microseconds that were agreed on there; they begin anew. Raises OSError.
        """
        self._loop = loop
        self._allowed = allowed
        self._tell = tell
        self._watchdog = watchdog * 1000  # nanoseconds
        self._timer: Timer | None = None
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        if fd is None:
            self.socket = socket.socket(socket.AF_UNIX, kind)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self.socket.bind("")  # the kernel chooses a free abstract name
        else:
            self.socket = socket.socket(fileno=fd)
        name = self.socket.getsockname()
        self.name = "@" + (name[1:].decode() if isinstance(name, bytes) else name[1:])
        loop.watch(self.socket.fileno(), epoll.READ, self._readable)
        self._wind()

    def close(self) -> None:
        """Hear nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.forget(self.socket.fileno())
        self.socket.close()

    def read_now(self) -> None:
        """Hear what was said already: before an exit counts, what was said before it does."""
        self._readable(epoll.READ)

    def _readable(self, _events: int) -> None:
        for _ in range(_MOST):
            if self.socket.fileno() < 0:  # closed by what the last word led to
                return
            try:
                data, extra, _flags, _address = self.socket.recvmsg(_LARGEST, 4096)
            except BlockingIOError:
                return
            sender = _unpack(extra)
            if sender is not None and self._allowed(*sender):
                for name, value in parse_notification(data):
                    self._said(name, value)

    def _said(self, name: str, value: str) -> None:
        if name == "READY" and value == "1":
            self._tell("ready", "", 0)
        elif name == "STATUS":
            self._tell("status", value[:1000], 0)
        elif name == "MAINPID" and value.isdecimal():
            self._tell("mainpid", "", int(value))
        elif name in ("RELOADING", "STOPPING") and value == "1":
            self._tell(name.lower(), "", 0)
        elif name == "EXTEND_TIMEOUT_USEC" and value.isdecimal():
            self._tell("extend", "", int(value))
        elif name == "WATCHDOG_USEC" and value.isdecimal():
            self._watchdog = int(value) * 1000
            self._wind()
            self._tell("watchdog_usec", "", int(value))
        elif name == "WATCHDOG" and value == "1":
            self._wind()
            self._tell("watchdog", "", 0)
        elif name == "WATCHDOG" and value == "trigger":
            self._late()

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watchdog:
            self._timer = self._loop.at(time.monotonic_ns() + self._watchdog, self._late)

    def _late(self) -> None:
        self._timer = None
        self._tell("watchdog_late", "the watchdog was not served in time", 0)


def _unpack(extra: list[tuple[int, int, bytes]]) -> tuple[int, int] | None:
    """(pid, uid) of the sender. Descriptors that came along are closed, which is what BARRIER=1
    waits for.
    """
    sender = None
    for level, kind, data in extra:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_CREDENTIALS:
            pid, uid, _gid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])
            sender = (pid, uid)
        elif kind == socket.SCM_RIGHTS:
            fds = array.array("i")
            fds.frombytes(data[: len(data) // fds.itemsize * fds.itemsize])
            for fd in fds:
                os.close(fd)
    return sender


def sender_allowed(contains: Callable[[int], bool], uid: int, pid: int, sender_uid: int) -> bool:
    """Whether a datagram's sender belongs to a contract; see the module's text for one that is
    gone.
    """
    if contains(pid):
        return True
    stat = proc.stat(pid)
    gone = stat is None or stat.zombie
    return gone and sender_uid in (uid, 0)


class ReadyPipe:
    """A newline on a descriptor means ready (s6). `ready()` is called once; an end without a
    newline says nothing.
    """

    def __init__(self, loop: Loop, ready: Callable[[], object], fd: int | None = None) -> None:
        """`fd`: the read end of a predecessor. Raises OSError."""
        self._loop = loop
        self._ready = ready
        self.writer = -1
        if fd is None:
            fd, self.writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(fd, False)
        self.reader = fd
        loop.watch(fd, epoll.READ, self._readable)

    def started(self) -> None:
        """The child has its end: ours must not keep the pipe open."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> None:
        """Hear nothing more."""
        self.started()
        if self.reader >= 0:
            self._loop.forget(self.reader)
            os.close(self.reader)
            self.reader = -1

    def read_now(self) -> None:
        """Hear what was said already."""
        if self.reader >= 0:
            self._readable(epoll.READ)

    def _readable(self, _events: int) -> None:
        try:
            data = os.read(self.reader, 4096)
        except BlockingIOError:
            return
        if b"\n" in data:
            self.close()
            self._ready()
        elif not data:
            self.close()
