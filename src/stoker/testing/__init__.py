"""Tools for testing services, and things that talk to stoker: for this project's own suite and for
its users.

Two levels. `Scenario` runs a real manager over a directory of your own and waits on its events with
deadlines: use it to show that real services behave. The simulated world (`World`, `FakeClock`,
`service`) runs the same engine with simulated processes and simulated time: a day of crashes takes
milliseconds, and the same seed gives the same day.

Invariants: a `Scenario` ends only processes that it started; it leaves no process and no file
behind; every wait has a deadline and says at its end what it saw. Nothing here is used by the
manager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .scenario import Deadline, Result, Scenario
    from .simulated import FakeClock, World, service

__all__ = ["Deadline", "FakeClock", "Result", "Scenario", "World", "service"]

_PARTS = {
    "Deadline": "scenario",
    "Result": "scenario",
    "Scenario": "scenario",
    "FakeClock": "simulated",
    "World": "simulated",
    "service": "simulated",
}


def __getattr__(name: str) -> Any:
    """Import a part when it is first used: a scenario needs no engine, and a world no process."""
    part = _PARTS.get(name)
    if part is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{part}"), name)
