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
    known = event.get("time") and event["kind"] != "gap"
    time = clock(event["time"]) if known else "--:--:--.---"
    return f"{time} {clean(name)}: {_what(event['kind'], data, paints)}"


def _what(kind: str, data: dict[str, Any], paints: bool) -> str:
    if kind == "transition":
        return _transition(data, paints)
    if kind == "operation":
        return clean(_operation(data))
    if kind == "gap":
        return "some events are missing here" + (f": {data['why']}" if data.get("why") else "")
    words = data.get("text") or ", ".join(f"{key} {value}" for key, value in data.items())
    return clean(f"{kind}: {words}" if kind != "message" else str(words))


def _operation(data: dict[str, Any]) -> str:
    """How one begins, or how it (or one of its members) ended."""
    text = f"operation {data.get('number')}"
    if data.get("verb"):
        text += f": {data['verb']}" + (f" by {data['who']}" if data.get("who") else "")
        return text + (f" ({data['why']})" if data.get("why") else "")
    note = f": {data['note']}" if data.get("note") else ""
    return f"{text}: {data.get('outcome') or 'goes on'}{note}"


def _transition(data: dict[str, Any], paints: bool) -> str:
    old, state = str(data.get("from") or ""), str(data.get("to") or "")
    shown = paint(state, state, paints)
    if data.get("next"):
        following = data["next"]
        text = f"{shown}, " + ("refreshing" if following == state else f"becoming {following}")
    else:
        text = f"{old} → {shown}" if old and old != state else shown
    if data.get("reason") and data["reason"] != "none":
        text += f" ({data['reason']})"
    said = str(data.get("text") or "")
    why = said if " " in said else data.get("cause")
    return f"{text}: {clean(str(why))}" if why else text
