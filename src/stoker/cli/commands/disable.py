"""Want instances down, for good."""

from __future__ import annotations

from ..call import Call
from ..operation import change

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask for it, wait, and say how it ended."""
    return change(call, "disable", call.names)
