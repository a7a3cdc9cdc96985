"""Tell the manager something about the machine."""

from __future__ import annotations

from ..call import Call
from ..operation import change

__all__ = ["run"]


def run(call: Call) -> int:
    """An input goes on (by default) or off."""
    name, _, given = call.arguments["name"].removeprefix("input:").partition("=")
    word = call.arguments["value"] or given or "on"
    if word not in ("on", "off"):
        from stoker.errors import UsageError

        raise UsageError(f"an input is on or off, not {word!r}", hint=f"usage: {call.verb.usage}")
    return change(call, "input", [], input=name, value=word == "on")
