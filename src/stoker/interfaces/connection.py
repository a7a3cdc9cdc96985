"""One client on the control socket: bytes in, requests out, answers back. Never blocks.

Bounds: a request's head 16 KiB, its body 1 MiB; of what a client sends ahead while its answer is
awaited, 64 KiB; of a stream, 256 KiB wait in our buffer, after which the stream is not asked for
more until the client has read. Requests that were sent ahead are taken one at a time, with a turn
for everybody else between, and none while an answer waits to be read. A client that reads nothing
of an answer for 60 s is dropped.

HTTP is h11's (see `http`). One thing is known at sight: a whole GET with no other headers than our
own client sends, between two requests. Its answer, if that is whole too, leaves h11 as it was, or
unloaded; as soon as there is more to it, be it a stream or a second request sent ahead, h11 is told
of it first.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from stoker import __version__

from .roles import Peer
from .wire import PROTOCOL

if TYPE_CHECKING:
    from .http import Http

__all__ = ["MAX_BODY", "STREAM_ROOM", "Connection", "Exchange"]

MAX_HEAD = 16 * 1024
MAX_BODY = 1024 * 1024
MAX_AHEAD = 64 * 1024
STREAM_ROOM = 256 * 1024
PATIENCE = 60_000_000_000
_READ, _WRITE = select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT
_GONE = select.EPOLLHUP | select.EPOLLERR
_HEADERS = (("Server", f"stoker/{__version__}"), ("Stoker-Protocol", str(PROTOCOL)))
_JSON = "application/json"
_PLAIN = re.compile(
    rb"GET (/[!-~]*) HTTP/1\.1\r\nHost: [\w.-]+\r\n"
    rb"(?:Stoker-Protocol: ([\w.]+)\r\n)?(?:Content-Length: 0\r\n)?\r\n"
)


class Exchange:
    """One request and the way to answer it, now or later, at once or as a stream.

    `on_gone` is called when the client has left before the answer was complete; `on_room` when a
    stream may go on.
    """

    def __init__(
        self, connection: Connection, method: str, target: str, headers: dict[str, str]
    ) -> None:
        self.connection = connection
        self.peer = connection.peer
        self.method = method
        self.target = target
        self.headers = headers
        self.body = b""
        self.on_gone: Callable[[], object] | None = None
        self.on_room: Callable[[], object] | None = None
        self.answered = False
        self.streaming = False

    def answer(self, status: int, body: Any) -> None:
        """Answer with JSON. `body` is anything msgspec encodes. A second answer is ignored."""
        if self.answered:
            return
        self.answered = True
        self.on_gone = self.on_room = None
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self.connection.send_answer(status, data)

    def begin_stream(self) -> None:
        """Begin an answer of JSON lines that has no end yet."""
        self.answered = self.streaming = True
        self.connection.send_head(200, "application/x-ndjson", None)

    def write(self, data: bytes) -> None:
        """More of the stream."""
        self.connection.send_data(data)

    def room(self) -> bool:
        """False when the client has not read what it was sent."""
        return self.connection.room()

    @property
    def waiting(self) -> int:
        """Bytes that the client has not read."""
        return self.connection.waiting

    def end_stream(self) -> None:
        """The stream is complete."""
        self.on_gone = self.on_room = None
        self.connection.send_end()


class Connection:
    """A client, from accept to close. `dispatch(exchange)` is called for each request."""

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        peer: Peer,
        dispatch: Callable[[Exchange], object],
        closed: Callable[[Connection], object],
    ) -> None:
        self.peer = peer
        self._loop = loop
        self._sock = sock
        self._dispatch = dispatch
        self._closed = closed
        self._http: Http | None = None  # while all was plain
        self._out = bytearray()
        self._exchange: Exchange | None = None
        self._plain = b""  # the request under way, while `_http` does not know of it
        self._body: list[bytes] = []
        self._size = 0
        self._ending = False
        self._reading = True
        self._half = False
        self._stuck: Any = None
        self._watched = 0
        sock.setblocking(False)
        self._watch()

    # -- what the loop tells

    def _happened(self, events: int) -> None:
        if events & _WRITE:
            self._flush()
        if self._sock.fileno() < 0:
            return
        if events & select.EPOLLIN:
            self._read()
        elif events & _GONE:
            self.close()
        elif events & select.EPOLLRDHUP:
            self._end_of_input()

    def _read(self) -> None:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self._end_of_input()
            return
        if self._take_plain(data):
            return
        try:
            self._in_full().receive(data)
        except RuntimeError:
            self.close()
            return
        except (ImportError, OSError):  # h11 cannot be loaded: nobody waits for an answer then
            self.close()
            raise
        self._advance()
        if self._sock.fileno() >= 0 and self._ahead() > MAX_AHEAD:
            self._reading = False
            self._watch()

    def _end_of_input(self) -> None:
        """The client sends no more: complete the answer under way, give up one that waits. What it
        has asked before is answered.
        """
        if self._between() and self._ahead():
            self._half = True
            self._watch()
            if not self._out:
                self._loop.at(0, self._advance)
        elif self._out and not (self._exchange and not self._exchange.answered):
            self._half = self._ending = True
            self._watch()
        else:
            self.close()

    # -- requests

    def _take_plain(self, data: bytes) -> bool:
        """Deal with what is plainly a whole question."""
        if self._ending or not self._between() or self._ahead():
            return False
        asked = _PLAIN.fullmatch(data) if len(data) <= MAX_HEAD else None
        if asked is None:
            return False
        target, spoken = asked.groups()
        headers = {"stoker-protocol": spoken.decode("ascii")} if spoken else {}
        self._plain = data
        self._exchange = Exchange(self, "GET", target.decode("ascii"), headers)
        self._dispatch(self._exchange)
        return True

    def _in_full(self) -> Http:
        """HTTP as h11 has it, which gets to know of the plain request that is under way, if any."""
        if self._http is None:
            from .http import Http  # here: most clients never say what needs it

            self._http = Http(MAX_HEAD)
        if self._plain:
            self._http.skip(self._plain)
            self._plain = b""
        return self._http

    def _ahead(self) -> int:
        """Bytes that the client sent and nobody has taken."""
        return 0 if self._http is None else self._http.ahead

    def _advance(self) -> None:
        """Take what came, until a request is complete or more bytes are needed."""
        self._in_full().take(self)

    @property
    def wants(self) -> bool:
        """False once no more requests are taken."""
        return self._sock.fileno() >= 0 and not self._ending

    def begin(self, method: str, target: str, headers: dict[str, str]) -> None:
        """A request's head has come."""
        self._body, self._size = [], 0
        self._exchange = Exchange(self, method, target, headers)

    def more(self, data: bytes) -> None:
        """A piece of its body has come."""
        self._size += len(data)
        if self._size > MAX_BODY:
            self.refuse(413, f"the body is longer than {MAX_BODY} bytes")
            return
        self._body.append(data)

    def lack(self, ever: bool) -> None:
        """More is needed, and of half a request no more will come."""
        if self._half and ever:
            self.close()
        elif (more := self._in_full().proceed()) is not None:
            self._put(more)
            self._watch()

    def complete(self) -> None:
        """A whole request has come."""
        exchange = self._exchange
        if exchange is not None:
            exchange.body = b"".join(self._body)
            self._body = []
            self._dispatch(exchange)

    def refuse(self, status: int, message: str) -> None:
        """What came is no request: say so, and close when that is sent."""
        if self._in_full().answerable:
            error = {"code": "bad_request", "message": message, "hint": "", "exit_status": 2}
            body = msgspec.json.encode({"version": 1, "error": error})
            self._ending = True
            if self._exchange is not None:
                self._exchange.answered = True
            self.send_answer(status, body, last=True)
        else:
            self.close()

    # -- answers

    def send_answer(self, status: int, data: bytes, last: bool = False) -> None:
        """A whole answer."""
        data = data if data.endswith(b"\n") else data + b"\n"
        if not self._plain:
            self.send_head(status, _JSON, len(data), last)
            self.send_data(data)
            self.send_end()
        elif self._sock.fileno() >= 0:
            rows = [f"HTTP/1.1 {status} ", *map(": ".join, _headers(_JSON, len(data))), "", ""]
            self._plain, self._exchange = b"", None
            self._put("\r\n".join(rows).encode("ascii") + data)
            self._reading = False
            self._flush()

    def send_head(self, status: int, kind: str, length: int | None, last: bool = False) -> None:
        """Status and headers; without a length the body is chunked."""
        headers = _headers(kind, length)
        if last:
            headers.append(("Connection", "close"))
        self._put(self._in_full().head(status, headers))

    def send_data(self, data: bytes) -> None:
        """Part of a body."""
        if self._sock.fileno() >= 0:
            self._put(self._in_full().body(data))

    def send_end(self) -> None:
        """The body is complete; the next request may begin."""
        if self._sock.fileno() < 0:
            return
        http = self._in_full()
        self._put(http.end())
        self._exchange = None
        if self._ending or http.over:
            self._ending = True
        elif http.again():
            self._reading = False  # until the client has its answer
        self._flush()

    def _between(self) -> bool:
        """True when no request is under way."""
        return self._exchange is None and (self._http is None or self._http.between)

    def _next(self) -> None:
        """The client has its answer: take its next request, which may be here already."""
        self._reading = True
        if self._ahead():
            self._loop.at(0, self._advance)
        elif self._half:
            self.close()

    @property
    def waiting(self) -> int:
        """Bytes that wait for the client."""
        return len(self._out)

    def room(self) -> bool:
        """True while little enough is waiting for the client."""
        return self.waiting < STREAM_ROOM

    def _put(self, data: bytes | None) -> None:
        if data and self._sock.fileno() >= 0:
            first = not self._out
            self._out += data
            if first and self._exchange is not None and self._exchange.streaming:
                self._flush()

    def _flush(self) -> None:
        full = not self.room()
        sent = 0
        try:
            while self._out:
                count = self._sock.send(self._out[:262144])
                del self._out[:count]
                sent += count
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._ending and not self._out:
            self.close()
            return
        self._mind(sent > 0)
        if not self._out and not self._reading and self._between():
            self._next()
        self._watch()
        exchange = self._exchange
        if full and self.room() and exchange is not None and exchange.on_room is not None:
            exchange.on_room()

    def _mind(self, moved: bool) -> None:
        """A whole answer that nobody reads is dropped; a stream merely has a gap."""
        if self._stuck is not None and (moved or not self._out):
            self._stuck.cancel()
            self._stuck = None
        streaming = self._exchange is not None and self._exchange.streaming
        if self._out and not streaming and self._stuck is None:
            self._stuck = self._loop.at(time.monotonic_ns() + PATIENCE, self.close)

    def _watch(self) -> None:
        if self._sock.fileno() < 0:
            return
        events = 0 if self._half else _READ if self._reading else select.EPOLLRDHUP
        events |= _WRITE if self._out else 0
        if events != self._watched:
            self._watched = events
            self._loop.watch(self._sock.fileno(), events, self._happened, patient=True)

    def close(self) -> None:
        """Let the client go. Harmless when it is gone."""
        if self._sock.fileno() < 0:
            return
        self._loop.forget(self._sock.fileno())
        self._sock.close()
        if self._stuck is not None:
            self._stuck.cancel()
        exchange, self._exchange = self._exchange, None
        self._out.clear()
        if exchange is not None and exchange.on_gone is not None:
            gone, exchange.on_gone = exchange.on_gone, None
            exchange.answered = True
            gone()
        self._closed(self)


def _headers(kind: str, length: int | None) -> list[tuple[str, str]]:
    """Those of every answer."""
    size = [] if length is None else [("Content-Length", str(length))]
    return [("Content-Type", kind), *_HEADERS, *size]
