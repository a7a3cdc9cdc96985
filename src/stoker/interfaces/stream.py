"""The stream of events to one client.

The manager keeps the last few thousand events; a stream is a cursor into them. It takes more only
when the client has read what it was sent, so a slow client costs one bounded buffer, and when it
falls behind what is kept, the manager's answer begins with a gap event that says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stoker.model import EventView

if TYPE_CHECKING:
    from .asking import Ask
    from .offers import Offers

__all__ = ["EventStream", "Lines"]


class Batch(msgspec.Struct, frozen=True):
    """Events with their lines; `text`: all of these; `cursor`: of the last one."""

    rows: list[tuple[EventView, bytes]]
    text: bytes
    cursor: int


class Lines:
    """The manager's events as JSON lines, made once for all streams that are at the same event."""

    def __init__(self, manager: Offers) -> None:
        self._manager = manager
        self._encoder = msgspec.json.Encoder()
        self._between = (-1, -1)
        self._found: Batch | None = None

    def after(self, cursor: int) -> Batch | None:
        """The next events after a cursor, None when there are none."""
        between = (cursor, self._manager.cursor)
        if cursor == between[1]:  # has heard of everything; what the others get next is kept
            return None
        if between != self._between:
            encode = self._encoder.encode
            rows = [(one, encode(one) + b"\n") for one in self._manager.events(cursor)]
            text = b"".join([line for _, line in rows])
            self._found = Batch(rows, text, rows[-1][0].cursor) if rows else None
            self._between = between
        return self._found


class EventStream:
    """Events after `cursor` (None: from now on) about `fmris` (None: all), as JSON lines."""

    def __init__(self, ask: Ask, cursor: int | None, fmris: set[str] | None, follow: bool) -> None:
        self._ask = ask
        self._cursor = cursor
        self._fmris = fmris
        self._follow = follow

    def begin(self) -> None:
        """Answer the request with the stream; ends by itself unless it follows."""
        exchange = self._ask.exchange
        if self._cursor is None:
            self._cursor = self._ask.manager.cursor if self._follow else 0
        exchange.begin_stream()
        exchange.on_gone = self._end
        exchange.on_room = self._pump
        if self._follow:
            self._ask.door.watch(self._pump)
        self._pump()

    def _pump(self) -> None:
        exchange = self._ask.exchange
        assert self._cursor is not None
        while exchange.room():
            found = self._ask.door.lines.after(self._cursor)
            if found is None:
                if not self._follow:
                    self._end()
                    exchange.end_stream()
                return
            self._cursor = found.cursor
            text = found.text
            if self._fmris is not None:
                text = b"".join([line for event, line in found.rows if self._shown(event)])
            if text:
                exchange.write(text)

    def _shown(self, event: EventView) -> bool:
        return self._fmris is None or event.kind == "gap" or event.fmri in self._fmris

    def _end(self) -> None:
        self._ask.door.unwatch(self._pump)
