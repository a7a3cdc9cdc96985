"""Put instances in maintenance, or call them degraded."""

from __future__ import annotations

from ..call import Call
from ..operation import change

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask for it, wait, and say how it ended."""
    return change(call, "mark", call.names, state=call.arguments["state"])
