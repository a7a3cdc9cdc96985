"""One line for one event of the stream."""

from __future__ import annotations

from .say import clean, clock, paint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["text_of"]


def text_of(event: dict[str, Any], paints: bool = False) -> str:
    """Time, name, and what happened."""
    from stoker.model import display

    data = event.get("data") or {}
    name = display(event["fmri"]) if event.get("fmri") else "stoker"
    time = clock(event["time"]) if event.get("time") else "--:--:--.---"
    return f"{time} {clean(name)}: {_what(event['kind'], data, paints)}"


def _what(kind: str, data: dict[str, Any], paints: bool) -> str:
    if kind == "transition":
        return _transition(data, paints)
    if kind == "operation":
        who = f" by {data['who']}" if data.get("who") else ""
        outcome = data.get("outcome") or "begins"
        note = f": {data['note']}" if data.get("note") else ""
        return clean(
            f"operation {data.get('number')}: {data.get('verb', '')}{who}: {outcome}{note}"
        )
    if kind == "gap":
        return "some events are missing here" + (f": {data['why']}" if data.get("why") else "")
    words = data.get("text") or ", ".join(f"{key} {value}" for key, value in data.items())
    return clean(f"{kind}: {words}" if kind != "message" else str(words))


def _transition(data: dict[str, Any], paints: bool) -> str:
    old = str(data.get("old_state") or data.get("from") or "")
    state = str(data.get("state") or data.get("to") or "")
    following = str(data.get("next_state") or "")
    shown = paint(state, state, paints)
    if following:
        text = f"{shown} → {following}"
    else:
        text = f"{old} → {shown}" if old and old != state else shown
    reason = data.get("reason")
    if reason and reason != "none":
        text += f" ({reason})"
    if data.get("cause"):
        text += f": {clean(str(data['cause']))}"
    return text
