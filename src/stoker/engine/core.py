"""The engine's memory and its small acts: marking, stamping, showing, waking.

Everything that decides lives in other modules and works on this object.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from msgspec import Struct

from stoker.model import Intent, Stage, State

from .causes import headline
from .effects import Effect, Publish, Save, Unwatch, Wake, Watch
from .events import Now
from .facts import SECOND, STUCK, Cause, Customs, Instance, Operation
from .lanes import Lane

if TYPE_CHECKING:
    from .given import Given
    from .graph import Edge

__all__ = ["Core", "Shutdown"]

_ENGINE = "engine"


class Shutdown(Struct, frozen=True):
    """Everything is being stopped; the manager then ends with `status`.

    `hurry`: what is left is killed. `hurry_at`: the monotonic moment when that begins by itself.
    """

    status: int
    cause: Cause
    hurry: bool = False
    hurry_at: int | None = None


class Core:
    """All that the engine knows, and the effects of the turn under way."""

    def __init__(self, *, cap: int | None = None) -> None:
        self.cap = cap
        self.customs = Customs()
        self.down_timeout: float | None = None
        self.instances: dict[str, Instance] = {}
        self.services: dict[str, list[Instance]] = {}
        self.pulls: dict[str, list[Instance]] = {}
        self.parts: dict[str, list[Instance]] = {}
        self.cited_facts: dict[str, list[Edge]] = {}
        self.ops: dict[int, Operation] = {}
        self.settling: list[int] = []
        self.timed: dict[int, Operation] = {}
        self.settled_before = False
        self.facts: dict[str, bool] = {}
        self.fact_stamps: dict[str, int] = {}
        self.watched: dict[str, None] = {}
        self.unknown: dict[str, None] = {}
        self.inputs: dict[str, Given] = {}
        self.active = True
        self.active_cause = Cause("the system is not active")
        self.shutdown: Shutdown | None = None
        self.exited = False
        self.seq = 0
        self.ctids = 0
        self.tokens = 0
        self.operation_number = 0
        self.saves: dict[int, tuple[int, str, Intent | None]] = {}
        self.now = Now(0, 0)
        self.turn = 0
        self.queue: deque[Instance] = deque()
        self.flow: list[Instance] = []  # whose values may have changed with their targets
        self.effects: list[Effect] = []
        self.changed: dict[str, None] = {}
        self.rebuild = False
        self.looped: list[Instance] = []  # members of ordering loops and of cycles
        self.opens = False  # some circle may be another one without an administrator
        self.tangled = False  # hope within ordering loops must be looked at anew
        self.moving = 0
        self.live = 0
        self.starts = Lane()
        self.stops = Lane()
        self.alarms: list[tuple[int, str]] = []
        self.told: int | None = None
        self.drift: int | None = None  # of the wall clock from the other one, when last looked at
        self.kept: dict[str, dict[str, object]] = {}

    @property
    def hurried(self) -> bool:
        """Everything goes down, and what is left is killed."""
        return self.shutdown is not None and self.shutdown.hurry

    # -- small acts

    def emit(self, effect: Effect) -> None:
        """Ask for something to be done."""
        self.effects.append(effect)

    def mark(self, i: Instance) -> None:
        """Decide about an instance before the turn ends."""
        if not i.dirty:
            i.dirty = True
            self.queue.append(i)

    def touch(self, i: Instance) -> None:
        """Its record must be written."""
        self.changed[i.fmri] = None

    def touch_engine(self) -> None:
        """The engine's own record must be written."""
        self.changed[_ENGINE] = None

    def stamp(self) -> int:
        """The next value of the one counter."""
        self.seq += 1
        return self.seq

    def lookup(self, target: str) -> list[Instance]:
        """The instances that a canonical name stands for: itself, or all of a service."""
        one = self.instances.get(target)
        if one is not None:
            return [one]
        return self.services.get(target, [])

    def after(self, seconds: float | None) -> int | None:
        """The moment that many seconds from now; None for ever."""
        return None if seconds is None else self.now.mono + int(seconds * SECOND)

    def at_wall(self, wall: int | None) -> int | None:
        """The monotonic moment of a wall time, as the clocks stand now."""
        return None if wall is None else self.now.mono + wall - self.now.wall

    def save(self, fmri: str, intent: Intent | None, operation: int = 0) -> int:
        """Have a choice made durable; returns the token."""
        self.tokens += 1
        self.saves[self.tokens] = (operation, fmri, intent)
        self.emit(Save(self.tokens, fmri, intent))
        self.touch_engine()
        return self.tokens

    # -- what is shown

    def show(self, i: Instance) -> None:
        """Publish what differs from what was last published, by SMF's order and detours."""
        state, following = shown(self, i)
        if state == i.shown_state and following == i.shown_next:
            return
        if i.shown_state == State.MAINTENANCE and state != State.MAINTENANCE:
            self._publish(i, State.UNINITIALIZED, "")
            if state != State.OFFLINE or following:
                self._publish(i, State.OFFLINE if following else state, "")
        elif (state in _RUNNING) != (i.shown_state in _RUNNING):
            self._cross(i, state, following)
        if (state, following) != (i.shown_state, i.shown_next):
            self._publish(i, state, following)

    def _cross(self, i: Instance, state: str, following: str) -> None:
        """Between running and not: always announced by a next state, and never two at once."""
        if state in _RUNNING:
            if i.shown_next not in _RUNNING:
                self._publish(i, i.shown_state, State.ONLINE)
        elif i.shown_next != state:
            self._publish(i, i.shown_state, state)
        if following:
            self._publish(i, state, "")

    def _publish(self, i: Instance, state: str, following: str) -> None:
        old = i.shown_state
        i.shown_state, i.shown_next = state, following
        i.spoken = self.now.wall
        if state != old:
            i.since = i.spoken
        self.changed[i.fmri] = None
        self.effects.append(
            Publish(i.fmri, old, state, following, i.reason, i.cause.text, i.run, _line(i, old))
        )

    # -- time

    def arm(self, i: Instance, at: int | None) -> None:
        """Look at an instance again at `at`; replaces what was set before."""
        if at != i.alarm:
            i.alarm = at
            if at is not None:
                heappush(self.alarms, (at, i.fmri))

    def due(self) -> None:
        """Mark everything whose time has come."""
        while self.alarms and self.alarms[0][0] <= self.now.mono:
            at, key = heappop(self.alarms)
            i = self.instances.get(key)
            if i is not None and i.alarm == at:
                i.alarm = None
                self.mark(i)

    def clock_moved(self) -> None:
        """Look again at what was to happen at a wall time, if the wall clock was set."""
        drift = self.now.wall - self.now.mono
        if self.drift is not None and abs(drift - self.drift) > SECOND:
            for i in self.instances.values():
                words = (i.override, i.intent)
                if any(word is not None and word.until is not None for word in words):
                    self.mark(i)
            self.drift = drift
        elif self.drift is None:
            self.drift = drift

    def wake(self) -> None:
        """Tell when the next deadline is, if that changed."""
        while self.alarms:
            at, key = self.alarms[0]
            i = self.instances.get(key)
            if i is not None and i.alarm == at:
                break
            heappop(self.alarms)
        if len(self.alarms) > 64 + 4 * len(self.instances):
            self.alarms = [
                (i.alarm, i.fmri) for i in self.instances.values() if i.alarm is not None
            ]
            heapify(self.alarms)
        at_first = self.alarms[0][0] if self.alarms else None
        for deadline in self.open_deadlines():
            if at_first is None or deadline < at_first:
                at_first = deadline
        if at_first != self.told:
            self.told = at_first
            self.emit(Wake(at_first))

    def open_deadlines(self) -> list[int]:
        """When open operations' time is over, and that of going down in order."""
        found = [op.deadline for op in self.timed.values() if op.deadline is not None]
        down = self.shutdown
        if down is not None and down.hurry_at is not None and not (down.hurry or self.exited):
            found.append(down.hurry_at)
        return found

    # -- files

    def rewatch(self) -> None:
        """Ask for the file targets that are cited now to be watched, and no others."""
        cited = {t: None for t in self.cited_facts if t.startswith("file:")}
        for target in cited:
            if target not in self.watched:
                self.emit(Watch(target))
                if target not in self.facts:
                    self.unknown[target] = None
        for target in self.watched:
            if target not in cited:
                self.emit(Unwatch(target))
                self.unknown.pop(target, None)
                self.facts.pop(target, None)
                self.touch_engine()
        self.watched = cited


_RUNNING = (State.ONLINE, State.DEGRADED)


def shown(core: Core, i: Instance) -> tuple[str, str]:
    """SMF's state and next state of an instance ("" is none), from its stage: see the package."""
    stage = i.stage
    if i.aside and stage is not Stage.IDLE:
        following = rest(core, i)
        leaves = stage is not Stage.UP and following != State.MAINTENANCE
        return State.MAINTENANCE, following if leaves else ""
    if stage is Stage.UP:
        return (State.DEGRADED if i.degraders else State.ONLINE), ""
    if stage is Stage.IDLE:
        return rest(core, i), ""
    if stage is Stage.PREPARE or stage is Stage.START:
        return State.OFFLINE, State.ONLINE
    if stage is Stage.REFRESH:
        state = State.DEGRADED if i.degraders else State.ONLINE
        return state, state
    if i.rung == STUCK:
        return State.MAINTENANCE, ""  # stuck, or was until now
    if i.was_up:
        return (State.DEGRADED if i.degraders else State.ONLINE), rest(core, i)
    return State.OFFLINE, State.ONLINE


def rest(core: Core, i: Instance) -> str:
    """The state of an instance that has come to rest."""
    if i.fault is not None or i.static is not None:
        return State.MAINTENANCE
    if not i.effective or i.removed or core.shutdown is not None:
        return State.DISABLED
    return State.OFFLINE


def _line(i: Instance, old: str) -> str:
    """The one line of a publication."""
    state, following = i.shown_state, i.shown_next
    if state in _RUNNING:
        if following in _RUNNING:
            return "refreshing"
        if following:
            return headline("stopping", i.cause)
        if state == State.DEGRADED:
            return "degraded: " + "; ".join(i.degraders.values())
        return "online"
    if following:
        return "starting"
    if state == State.MAINTENANCE:
        fault = i.static or i.fault
        return f"maintenance: {fault.text}" if fault else "maintenance"
    if state == State.DISABLED:
        return headline("disabled" if i.override is None else "stopped", i.cause)
    if old in _RUNNING:
        return headline("stopped", i.cause)
    if i.cause.text.startswith("failed:"):
        return i.cause.text
    return str(state)
