"""Put instances in maintenance, or call them degraded."""

from __future__ import annotations

from stoker.errors import UsageError

from ..call import Call
from ..operation import change

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask for it, wait, and say how it ended."""
    state = call.arguments["state"]
    if call.get("immediate") and state != "maintenance":
        raise UsageError("--immediate is for maintenance")
    return change(call, "mark", call.names, state=state, immediate=bool(call.get("immediate")))
