"""The messages between manager and recorder: JSON arrays, one to a packet, over the keeper's pair
of sockets.

Sending never waits: what the other side does not take yet is queued, up to a bound, and goes out
when it does.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stoker.linux import Loop

__all__ = ["Link", "chunks"]

LONGEST = 60_000  # bytes of one packet
MOST_QUEUED = 10_000
AT_ONCE = 256  # packets read before the loop has its turn again


class Link:
    """One end of the pair. `receive(message)` is called for each array that arrives; `ended()`
    when the other end is gone.
    """

    def __init__(
        self,
        loop: Loop,
        fd: int,
        receive: Callable[[list[Any]], object],
        ended: Callable[[], object],
        said: Callable[[str], object],
    ) -> None:
        self._loop = loop
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._receive = receive
        self._ended = ended
        self._said = said
        self._queue: deque[bytes] = deque()
        self.dropped = 0
        loop.watch(fd, select.EPOLLIN, self._ready)

    def send(self, *message: Any) -> None:
        """Send one message, now or as soon as there is room."""
        data = json.dumps(message, separators=(",", ":")).encode("ascii")
        if self._queue or not self._push(data):
            if len(self._queue) >= MOST_QUEUED:
                self.dropped += 1
                return
            if not self._queue:
                self._loop.watch(
                    self._socket.fileno(), select.EPOLLIN | select.EPOLLOUT, self._ready
                )
            self._queue.append(data)

    def send_descriptors(self, message: list[Any], fds: list[int]) -> None:
        """Send a message that carries descriptors, waiting until it is taken. Raises OSError."""
        data = json.dumps(message, separators=(",", ":")).encode("ascii")
        self._socket.setblocking(True)
        try:
            socket.send_fds(self._socket, [data], fds)
        finally:
            self._socket.setblocking(False)

    def _push(self, data: bytes) -> bool:
        if self._socket.fileno() < 0:
            return True  # nobody is there to read it
        try:
            self._socket.send(data)
        except BlockingIOError:
            return False
        except OSError:
            return True  # the other end is gone: the end is noticed when reading
        return True

    def _ready(self, events: int) -> None:
        while self._queue and self._push(self._queue[0]):
            self._queue.popleft()
        if events & select.EPOLLOUT and not self._queue:
            self._loop.watch(self._socket.fileno(), select.EPOLLIN, self._ready)
        if not events & ~select.EPOLLOUT:
            return
        for _ in range(AT_ONCE):
            if not self._next():
                return

    def _next(self) -> bool:
        """Take one message; False when there is none."""
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.close()
            self._ended()
            return False
        self._one(data)
        return True

    def hear(self) -> None:
        """Take what has come already, out of turn: what was said before an output must be known
        before the output is read.
        """
        while self._socket.fileno() >= 0 and self._next():
            pass

    def _one(self, data: bytes) -> None:
        try:
            message = json.loads(data)
            if not isinstance(message, list) or not message:
                raise ValueError("not an array")
            self._receive(message)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            # One packet that makes no sense must not stop the draining.
            self._said(f"a message of the manager was not understood: {error}: {data[:80]!r}")

    def close(self) -> None:
        """Stop listening."""
        if self._socket.fileno() >= 0:
            self._loop.forget(self._socket.fileno())
            self._socket.close()


def chunks(
    items: Mapping[str, Any], longest: int = LONGEST - 200
) -> Iterator[tuple[dict[str, Any], bool]]:
    """A mapping in pieces whose JSON is at most `longest` bytes, each with whether more come; at
    least one.
    """
    piece: dict[str, Any] = {}
    size = 0
    for key, value in items.items():
        length = len(json.dumps({key: value}))
        if piece and size + length > longest:
            yield piece, True
            piece, size = {}, 0
        piece[key] = value
        size += length
    yield piece, False


def write_line(text: str, when: str) -> None:
    """One line into stoker.log, which is descriptor 2."""
    try:
        os.write(2, f"{when} recorder: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # closed or a full disk: there is no better place to say it
