"""How many starts, and how many stops, may be under way at once (the settings' `concurrency`).

Starts and stops have a lane each, so that what somebody stops never waits for what takes long to
start. What has to go at once (a fault, a dependency that is gone, a hurry) takes no turn, and is
counted all the same.
"""

from __future__ import annotations

from stoker.model import Stage

from .facts import Instance

__all__ = ["Lane", "is_starting", "is_stopping"]

_STOPPING = frozenset((Stage.STOP, Stage.KILL, Stage.DECIDE, Stage.CLEANUP))


class Lane:
    """Acts of one kind. `busy`: how many are under way. `waiting`: whose turn has yet to come."""

    __slots__ = ("busy", "waiting")

    def __init__(self) -> None:
        self.busy = 0
        self.waiting: dict[str, None] = {}

    def full(self, cap: int | None) -> bool:
        """There is a limit, and it is reached."""
        return cap is not None and self.busy >= cap

    def next(self, cap: int | None) -> str | None:
        """Whose turn it is now, if there is room: it waits no longer."""
        if not self.waiting or self.full(cap):
            return None
        one = next(iter(self.waiting))
        del self.waiting[one]
        return one


def is_starting(i: Instance) -> bool:
    """A start is under way."""
    return i.stage is Stage.PREPARE or i.stage is Stage.START


def is_stopping(i: Instance) -> bool:
    """A stop is under way, and not beyond what a signal can do."""
    return i.stage in _STOPPING and not (i.fault is not None and i.fault.word == "stuck")
