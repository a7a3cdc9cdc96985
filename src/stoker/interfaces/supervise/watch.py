"""What one instance was seen to do, turn by turn: the times and ends that `status` shows."""

from __future__ import annotations

import time
from typing import Any

from stoker.model import Stage

from .status import FAILED, NEVER, RUNNING, STARTING, STOPPED, STOPPING, Record, Seen

__all__ = ["Watch"]

_METHODS = ("prepare", "start", "decide", "cleanup")  # in the order of the records
_START, _RUN, _RESTART = range(3)


class Watch:
    """`seen` is what was seen last. `before`: what a predecessor of ours wrote. `last`: the letter
    by which it was said that it shall not run again: `o`, `O`, or `d` for `_`.
    """

    def __init__(self, before: Seen | None) -> None:
        self.paused = False
        self.last = "O" if before is not None and before.wish == "O" else "o"
        self.seen = Seen(time.time_ns())
        self._before = before
        self._run = 0
        self._ends: dict[str, Any] = {}
        self._first = True

    def look(self, i: Any) -> bool:
        """Look at an instance of the engine; whether there is something new to show."""
        old = self.seen
        state, pid = _state(i, old.state), _pid(i)
        if self._first and self._before is not None and self._before.pid == pid:
            old = self._before
        now = time.time_ns()
        records = list(old.records)
        if state != old.state:
            _begin(records, old.state, state, now)
        self._note(i, records, now)
        if i.run != self._run:
            self._run, self.paused = i.run, False
        one, two, three, four = records
        self.seen = Seen(
            old.at if pid == old.pid else now,
            pid,
            self.paused and pid > 0,
            _wish(i, state, self.last),
            state,
            (one, two, three, four),
            i.stage in (Stage.UP, Stage.REFRESH),
            i.stage in (Stage.STOP, Stage.KILL),
            i.effective,
        )
        changed = self._first or self.seen != old
        self._first = False
        return changed

    def _note(self, i: Any, records: list[Record], now: int) -> None:
        """Fill the records of those that have ended since the last look."""
        for index, method in enumerate(_METHODS):
            end = i.records.get(method)
            if end is None or end is self._ends.get(method):
                continue
            self._ends[method] = end
            if not self._first:
                records[index] = Record.of(end.kind, end.number, end.core, now)


def _begin(records: list[Record], old: int, new: int, now: int) -> None:
    """What a program's beginning wipes out: start all, run and restart their own."""
    if old == FAILED and new == RUNNING and records[_RESTART] == NEVER:
        records[_RESTART] = Record(1, 0, now)  # it said yes, which is all there is to say of it
    if new == STARTING or (new == RUNNING and old == STOPPED):
        records[:] = [NEVER] * len(records)
    elif new == RUNNING:
        records[_RUN] = NEVER
    elif new == FAILED:
        records[_RESTART] = NEVER


def _state(i: Any, old: int) -> int:
    stage = i.stage
    if stage is Stage.IDLE:
        return FAILED if i.effective and i.not_before is not None else STOPPED
    if stage is Stage.START:
        # Running is said with its process: 1.40 says so before it, and is believed (C69).
        if i.main_alive or i.main_ran:
            return RUNNING
        return STARTING if old == STOPPED else old
    if stage is Stage.KILL:
        return RUNNING if i.main_ran else STARTING
    return _STATES[stage]


_STATES = {
    Stage.PREPARE: STARTING,
    Stage.UP: RUNNING,
    Stage.REFRESH: RUNNING,
    Stage.STOP: STOPPING,
    Stage.DECIDE: FAILED,
    Stage.CLEANUP: STOPPING,
}


def _pid(i: Any) -> int:
    if i.main_alive and i.main:
        return int(i.main)
    return int(i.method_pid) if i.pending == "running" else 0


def _wish(i: Any, state: int, last: str) -> str:
    """What is pending, as nosh clears and keeps it (nosh.md 2.2)."""
    override = i.override
    if state == STOPPED:
        return ""
    if override is not None and ((override.value and override.once) or override.by == "once-done"):
        return last
    if not i.effective:
        return "" if override is not None and override.by in _BY_ITSELF else "d"
    return "u" if state == STARTING else ""


_BY_ITSELF = ("decider", "task-done", "skipped")  # nobody wished for it
