"""The signals of the first process, and what each asks for (nosh.md 6.2, its Linux column)."""

from __future__ import annotations

import signal

__all__ = ["FAST", "NUMBERS", "POWER", "event_named"]

POWER = ("halt", "poweroff", "reboot", "powercycle")
"""The ends of a machine."""

FAST = {f"fast-{name}": name for name in POWER}
"""The same at once, without their targets: what those targets themselves ask for."""

_REAL_TIME = {
    0: "normal", 1: "rescue", 2: "emergency", 3: "halt", 4: "poweroff", 5: "reboot",
    7: "powercycle", 10: "sysinit",
    13: "fast-halt", 14: "fast-poweroff", 15: "fast-reboot", 17: "fast-powercycle",
}  # fmt: skip
NUMBERS: dict[str, int] = {
    **{event: signal.SIGRTMIN + number for number, event in _REAL_TIME.items()},
    "kbrequest": signal.SIGWINCH,
    "secure-attention-key": signal.SIGINT,
    "powerfail": signal.SIGPWR,
    "reload": signal.SIGHUP,
}
"""Event to signal. The kernel sends SIGINT for Ctrl-Alt-Del and SIGWINCH for Alt-Up."""

_EVENTS = {number: event for event, number in NUMBERS.items()}


def event_named(number: int) -> str:
    """What a signal asks for, "" when it has no meaning here."""
    return _EVENTS.get(number, "")
