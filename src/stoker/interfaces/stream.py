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

__all__ = ["EventStream"]


class EventStream:
    """Events after `cursor` (None: from now on) about `fmris` (None: all), as JSON lines."""

    def __init__(self, ask: Ask, cursor: int | None, fmris: set[str] | None, follow: bool) -> None:
        self._ask = ask
        self._cursor = cursor
        self._fmris = fmris
        self._follow = follow
        self._encoder = msgspec.json.Encoder()

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
            events = self._ask.manager.events(self._cursor)
            if not events:
                if not self._follow:
                    self._end()
                    exchange.end_stream()
                return
            self._cursor = events[-1].cursor
            lines = [self._encoder.encode(event) for event in events if self._shown(event)]
            if lines:
                exchange.write(b"\n".join(lines) + b"\n")

    def _shown(self, event: EventView) -> bool:
        if self._fmris is None or event.kind == "gap":
            return True
        return event.fmri in self._fmris

    def _end(self) -> None:
        self._ask.door.unwatch(self._pump)
