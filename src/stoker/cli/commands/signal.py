"""Send a signal to the main process of instances."""

from __future__ import annotations

from stoker.model import signal_number

from ..call import Call
from ..operation import change

__all__ = ["run"]


def run(call: Call) -> int:
    """Look at the signal's name first: a slip must not be answered after the service was found."""
    word = call.arguments["signal"]
    signal_number(word)
    return change(call, "signal", call.names, signal=word)
