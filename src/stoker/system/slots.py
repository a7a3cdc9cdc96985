"""Which job runs when: three slots with one job each, as nosh has them (nosh.md 6.3).

Pure: told what was asked for, what has ended and what time it is, it says what to start and whom to
kill. A request that waits is a flag: asked for twice before it is begun, it is begun once.
"""

from __future__ import annotations

from typing import NamedTuple

from .signals import POWER

__all__ = ["ALARMS", "INSTEAD", "MODES", "SLOTS", "Job", "Slots"]

MODES = ("sysinit", "normal", "rescue", "update")
"""What a machine comes up to."""

INSTEAD = {
    **dict.fromkeys((*MODES, "kbrequest"), "emergency"),
    "secure-attention-key": "reboot",
    "power-button": "poweroff",
    "powerfail": "poweroff",
}
"""Event to what the targets of these names do where nobody wrote others: for a machine that has no
targets (none of its definitions could be read), or no manager to ask.
"""

SLOTS: dict[str, tuple[str, ...]] = {
    "emergency": ("emergency",),
    "keys": ("kbrequest", "secure-attention-key", "powerfail", "power-button", "reload"),
    "regular": ("sysinit", "normal", "rescue", "halt", "poweroff", "powercycle", "reboot",
                "update"),
}  # fmt: skip
"""Slot to its events, the first of them that is asked for first."""

ALARMS: dict[str, float] = {"keys": 60.0, "regular": 480.0}
"""Seconds after which a job is killed, so that one that hangs holds up nobody. A person's shell has
as long as it takes.
"""

_SLOT_OF = {event: slot for slot, events in SLOTS.items() for event in events}


class Job(NamedTuple):
    """A job that runs: what it does, its process, and when its alarm goes (None: never)."""

    event: str
    pid: int
    deadline: float | None


class Slots:
    """What waits and what runs."""

    def __init__(self) -> None:
        self.waiting: dict[str, None] = {}
        self.running: dict[str, Job] = {}
        self.alarm: float | None = None
        """Seconds for the targets of an end, where they are others."""

    def ask(self, event: str) -> bool:
        """Have a job run; False when there is no such job."""
        if event not in _SLOT_OF:
            return False
        self.waiting[event] = None
        return True

    def due(self) -> list[str]:
        """Events whose slots are free, the first of each; they wait no more."""
        found = []
        for slot, events in SLOTS.items():
            first = next((event for event in events if event in self.waiting), None)
            if slot not in self.running and first is not None:
                del self.waiting[first]
                found.append(first)
        return found

    def started(self, event: str, pid: int, now: float) -> None:
        """A job runs."""
        slot = _SLOT_OF[event]
        self.running[slot] = Job(event, pid, self._deadline(event, now))

    def _deadline(self, event: str, now: float) -> float | None:
        own = self.alarm if event in POWER else None
        alarm = ALARMS.get(_SLOT_OF[event]) if own is None else own
        return None if alarm is None else now + alarm

    def extend(self, now: float) -> None:
        """A person gives the target of an end its time again."""
        for slot, job in list(self.running.items()):
            if job.event in POWER:
                self.running[slot] = job._replace(deadline=self._deadline(job.event, now))

    def open(self) -> list[str]:
        """What is to be done still or is not over, but for a shell that a person has."""
        shell = SLOTS["emergency"]
        begun = [job.event for job in self.running.values() if job.event not in shell]
        return [*begun, *(event for event in self.waiting if event not in begun)]

    def ended(self, pid: int) -> str:
        """A process has ended; returns the event of the job that it was, "" for none."""
        for slot, job in self.running.items():
            if job.pid == pid:
                del self.running[slot]
                return job.event
        return ""

    def late(self, now: float) -> list[Job]:
        """Jobs whose alarm has gone."""
        return [j for j in self.running.values() if j.deadline is not None and now >= j.deadline]

    def next_alarm(self) -> float | None:
        """When the next alarm goes."""
        alarms = (job.deadline for job in self.running.values() if job.deadline is not None)
        return min(alarms, default=None)
