"""What several peers have in common: one control command, or a namespace of their own."""

from __future__ import annotations

from .. import namespace, proc
from .base import Place

__all__ = ["Commanded", "Contained"]


class Commanded(Place):
    """Controlled by a command that takes a word and the name of a service.

    `waiting`: what makes it return only when it is done; `asking`: the word for the state of one;
    `listing`: those for the states of all.
    """

    waiting: tuple[str, ...] = ()
    asking = "status"
    listing: tuple[str, ...] = ("status",)

    def command(self, *words: str) -> list[str]:
        """The command with these words."""
        raise NotImplementedError

    def stop_one(self, name: str) -> list[str]:
        return self.command("stop", name, *self.waiting)

    def start_one(self, name: str) -> list[str]:
        return self.command("start", name, *self.waiting)

    def status_one(self, name: str) -> list[str]:
        return self.command(self.asking, name)

    def status_all(self) -> list[str]:
        return self.command(*self.listing)


class Contained(Place):
    """The first process of a namespace."""

    @property
    def first(self) -> int:
        """Its pid, as we see it; 0 before it is there."""
        return namespace.first_below(self.launched[0].pid) if self.launched else 0

    def managers(self) -> list[int]:
        return [self.first] if self.first else []

    def outside(self, pids: list[int]) -> list[int]:
        known = proc.namespaced(self.first) if self.first else {}
        return [known[pid] for pid in pids if pid in known]
