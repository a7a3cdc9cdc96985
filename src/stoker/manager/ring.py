"""The events that clients follow: a bounded ring with cursors.

A cursor says after which event to go on; it grows, also from one manager to the next (the manager's
generation stands in its upper bits). Who asks with a cursor that is too old, or of an earlier
manager, is given a `gap` first. Nothing is formatted unless somebody looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from stoker.engine import Publish
from stoker.model import EventView, rfc3339

__all__ = ["Ring"]

_SHIFT = 32
MOST = 4096


class _Entry(msgspec.Struct):
    cursor: int
    wall: int
    kind: str
    fmri: str
    data: dict[str, Any] | Publish

    def view(self) -> EventView:
        data = _shown(self.data) if isinstance(self.data, Publish) else self.data
        return EventView(self.cursor, rfc3339(self.wall), self.kind, self.fmri, data)


def _shown(effect: Publish) -> dict[str, Any]:
    return {
        "from": effect.old_state,
        "to": effect.state,
        "next": effect.next_state or None,
        "reason": effect.reason,
        "cause": effect.cause,
        "run": effect.run,
        "text": effect.text,
    }


class Ring:
    """The last `most` events. `generation` must be higher than that of any ring before."""

    def __init__(self, generation: int, most: int = MOST) -> None:
        self._entries: deque[_Entry] = deque(maxlen=most)
        self._first = (generation << _SHIFT) + 1
        self._next = self._first
        self._callers: dict[int, Callable[[], object]] = {}
        self._callers_made = 0

    @property
    def cursor(self) -> int:
        """The cursor of the newest event: what comes after it is new."""
        return self._next - 1

    def add(
        self, wall: int, kind: str, fmri: str = "", data: dict[str, Any] | Publish | None = None
    ) -> None:
        """Note an event; a transition as it was published. Subscribers are called by `tell`, once
        for all that a turn added.
        """
        self._entries.append(_Entry(self._next, wall, kind, fmri, {} if data is None else data))
        self._next += 1

    def after(self, cursor: int, most: int = 1000) -> list[EventView]:
        """Up to `most` events behind `cursor` (0: from the oldest that is kept), a gap first if
        some are lost.
        """
        found: list[EventView] = []
        oldest = self._entries[0].cursor if self._entries else self._next
        if 0 < cursor < oldest - 1 or cursor >= self._next:
            wall = self._entries[0].wall if self._entries else 0
            why = (
                "of another manager"
                if cursor < self._first - 1 or cursor >= self._next
                else "too old"
            )
            data = {"after": cursor, "why": f"the cursor is {why}; events between are not known"}
            found.append(EventView(oldest - 1, rfc3339(wall), "gap", "", data))
            cursor = oldest - 1
        skip = max(0, cursor + 1 - oldest)
        for index in range(skip, min(len(self._entries), skip + most)):
            found.append(self._entries[index].view())
        return found

    def subscribe(self, call: Callable[[], object]) -> Callable[[], None]:
        """Call `call()` after each turn that added events; returns what ends it."""
        self._callers_made += 1
        number = self._callers_made
        self._callers[number] = call
        return lambda: self._callers.pop(number, None) and None

    def tell(self, failed: Callable[[Exception], object]) -> None:
        """Call all subscribers; one that raises is reported to `failed` and does not disturb the
        others.
        """
        for call in list(self._callers.values()):
            try:
                call()
            except Exception as error:
                failed(error)
