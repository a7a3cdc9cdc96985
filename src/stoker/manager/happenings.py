"""From what the executor reports to what the engine is told: events, queued until the turn comes.

An end is written to the state log at once, before the process is reaped, as a note under a key of
its own; the turn that deals with it forgets the note in the same write that has what became of it.
So an end is known exactly once, whenever the manager dies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stoker.engine import (
    Empty,
    Event,
    Exited,
    Fact,
    Hurt,
    Notified,
    NotSpawned,
    Probed,
    Ready,
    Spawned,
    Status,
)
from stoker.process import End

__all__ = ["NOTE", "Happenings", "note_of"]

NOTE = "end:"
"""What the keys of notes begin with: end:METHOD:FMRI."""

MOST = 16
"""Events of the executor that are dealt with at once."""


def note_of(key: str, value: Any) -> tuple[str, str, int, End] | None:
    """(fmri, method, run, how) of a note in the state log; None when it is none."""
    if not key.startswith(NOTE) or not isinstance(value, list) or len(value) != 4:
        return None
    method, _, fmri = key.removeprefix(NOTE).partition(":")
    run, kind, number, core = value
    if not (isinstance(run, int) and isinstance(number, int)):
        return None
    return fmri, method, run, End(str(kind), number, bool(core))


class Happenings:
    """The executor's `Report`. `write(values)` appends to the state log; `log(text)` is a line in
    the log.
    """

    def __init__(
        self,
        write: Callable[[dict[str, Any]], object],
        log: Callable[[str], object],
    ) -> None:
        self._write = write
        self._log = log
        self.queue: list[Event] = []
        self._together = 0  # so many of them are taken at once
        self.notes: dict[str, None] = {}
        self.orphans: dict[int, str] = {}
        self.began: Callable[[str, int, int], object] = lambda _fmri, _run, _pid: None
        self.goes_on: Callable[[str, int], object] = lambda _fmri, _run: None
        self.ended: Callable[[str, int, str, End], object] = lambda _fmri, _run, _method, _end: None
        self.emptied: Callable[[str, int], object] = lambda _fmri, _run: None

    def take(self) -> tuple[list[Event], list[str]]:
        """The next events, and the keys of the notes that they make needless.

        Of a storm of ends a bounded number, for others wait too. What did not come from the
        executor may be one thing in several parts, and is taken with all that was before it.
        """
        count = max(MOST, self._together)
        self._together = 0
        events, self.queue = self.queue[:count], self.queue[count:]
        if self.queue:
            keys = [f"{NOTE}{one.method}:{one.fmri}" for one in events if isinstance(one, Exited)]
            notes = [key for key in keys if self.notes.pop(key, "") is None]
        else:
            notes, self.notes = list(self.notes), {}
        return events, notes

    def add(self, event: Event) -> None:
        """Something that did not come from the executor."""
        self.queue.append(event)
        self._together = len(self.queue)

    def begin(self, events: list[Event], notes: dict[str, None]) -> None:
        """What a new manager knows before anything else."""
        self.queue[:0] = events
        self.notes = notes
        self._together = len(self.queue)

    # -- the executor's reports

    def spawned(self, fmri: str, run: int, method: str, pid: int, start: int) -> None:
        """See `Report`."""
        self.queue.append(Spawned(fmri, run, method, pid, start))
        if method == "start":
            self.began(fmri, run, pid)

    def not_spawned(self, fmri: str, run: int, method: str, errno: int, text: str) -> None:
        """See `Report`."""
        self.queue.append(NotSpawned(fmri, run, method, errno, text))

    def ending(self, fmri: str, run: int, method: str, kind: str, number: int, core: bool) -> None:
        """See `Report`."""
        key = f"{NOTE}{method}:{fmri}"
        self.notes[key] = None
        self._write({key: [run, kind, number, core]})

    def exited(self, fmri: str, run: int, method: str, kind: str, number: int, core: bool) -> None:
        """See `Report`."""
        self.queue.append(Exited(fmri, run, method, Status(kind, number, core)))
        if method in ("main", "start"):
            self.ended(fmri, run, method, End(kind, number, core))

    def empty(self, fmri: str, run: int) -> None:
        """See `Report`."""
        self.queue.append(Empty(fmri, run))
        self.emptied(fmri, run)

    def hurt(self, fmri: str, run: int, kind: str) -> None:
        """See `Report`."""
        self.queue.append(Hurt(fmri, run, kind))

    def ready(self, fmri: str, run: int, pid: int) -> None:
        """See `Report`."""
        self.queue.append(Ready(fmri, run, pid))

    def notified(self, fmri: str, run: int, kind: str, text: str, number: int) -> None:
        """See `Report`."""
        self.queue.append(Notified(fmri, run, kind, text, number))

    def probed(self, fmri: str, run: int, name: str, ok: bool, text: str) -> None:
        """See `Report`."""
        self.queue.append(Probed(fmri, run, name, ok, text))

    def fact(self, target: str, value: bool) -> None:
        """See `Report`."""
        self.queue.append(Fact(target, value))

    def orphans_gone(self, ctid: int) -> None:
        """See `Report`."""
        what = self.orphans.pop(ctid, None)
        if what is not None:
            self._log(f"{what} (contract {ctid}) has ended")

    def trouble(self, text: str) -> None:
        """See `Report`."""
        self._log(text)
