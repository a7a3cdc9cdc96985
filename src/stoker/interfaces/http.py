"""HTTP on one connection, as h11 reads and writes it: bytes in, bytes out, no sockets.

Loaded when a client says more than `connection` knows at sight: h11 and what it imports for itself
cost a manager 18 ms and a megabyte, which a successor should not spend before it answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import h11

__all__ = ["Http", "Reader"]


class Reader(Protocol):
    """Who is told what a client said, piece by piece."""

    @property
    def wants(self) -> bool:
        """False once nothing more is to be told."""

    def begin(self, method: str, target: str, headers: dict[str, str]) -> None:
        """A request's head; names of headers in lower case."""

    def more(self, data: bytes) -> None:
        """A piece of its body."""

    def complete(self) -> None:
        """The request is whole; the next is told when this one has its answer."""

    def lack(self, ever: bool) -> None:
        """All that came has been told; with `ever`, it lacks something to be a request."""

    def refuse(self, status: int, message: str) -> None:
        """What came is no request."""

    def close(self) -> None:
        """The client has said that there will be no more."""


class Http:
    """One client's HTTP. `most`: bytes of a request's head."""

    def __init__(self, most: int) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=most)

    @property
    def ahead(self) -> int:
        """Bytes that were received and not yet taken."""
        return len(self._h11.trailing_data[0])

    @property
    def between(self) -> bool:
        """True when no request is under way."""
        return self._h11.our_state is h11.IDLE

    @property
    def answerable(self) -> bool:
        """True while an answer to what is under way has not begun."""
        return self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    # -- what the client says

    def receive(self, data: bytes) -> None:
        """More bytes. Raises RuntimeError where they follow the end of everything."""
        self._h11.receive_data(data)

    def skip(self, request: bytes) -> None:
        """A whole request that its reader knows already; its answer is to come by us."""
        self._h11.receive_data(request)
        while not isinstance(self._h11.next_event(), h11.EndOfMessage):
            pass

    def take(self, reader: Reader) -> None:
        """Tell the reader what was received, until a request is complete or bytes are lacking."""
        while reader.wants:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                reader.refuse(error.error_status_hint or 400, str(error))
                return
            if event is h11.NEED_DATA or event is h11.PAUSED:
                reader.lack(event is h11.NEED_DATA)
                return
            if isinstance(event, h11.Request):
                _begin(reader, event)
            elif isinstance(event, h11.Data):
                reader.more(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                reader.complete()
                return
            elif isinstance(event, h11.ConnectionClosed):
                reader.close()
                return

    # -- what the client is told

    def proceed(self) -> bytes | None:
        """What lets a client go on that waits for 100 Continue; None for any other."""
        if not self._h11.they_are_waiting_for_100_continue:
            return None
        return self._h11.send(h11.InformationalResponse(status_code=100, headers=[]))

    def head(self, status: int, headers: Iterable[tuple[str, str]]) -> bytes | None:
        """The head of an answer; without Content-Length its body is chunked."""
        return self._h11.send(h11.Response(status_code=status, headers=list(headers)))

    def body(self, data: bytes) -> bytes | None:
        """A piece of the answer's body."""
        return self._h11.send(h11.Data(data=data))

    def end(self) -> bytes | None:
        """The end of the answer."""
        return self._h11.send(h11.EndOfMessage())

    @property
    def over(self) -> bool:
        """True when nothing may follow the answer that was sent."""
        return self._h11.our_state is h11.MUST_CLOSE

    def again(self) -> bool:
        """Turn to the next request; False when this one is not over on both sides."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True


def _begin(reader: Reader, event: h11.Request) -> None:
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
    method = event.method.decode("ascii", "replace")
    reader.begin(method, event.target.decode("ascii", "replace"), headers)
