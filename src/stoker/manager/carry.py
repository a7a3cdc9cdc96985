"""Carrying effects out: each goes to who does it, in the order given.

Spawns are gathered and started together, a bounded number in one turn, so that the loop stays
awake. An effect that fails by a mistake of ours is logged and passed over: it never keeps the
others from being carried out.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from stoker.engine import (
    Effect,
    Exit,
    Kill,
    NotSpawned,
    Orphaned,
    Outcome,
    ProbeOff,
    ProbeOn,
    Publish,
    Release,
    Save,
    Saved,
    Signal,
    Spawn,
    Unwatch,
    Wake,
    Watch,
)
from stoker.linux import faults
from stoker.model import display
from stoker.process import Executor

from .delegation import Delegation
from .happenings import Happenings
from .link import Link
from .ring import Ring

__all__ = ["Carrier"]

MOST = 16
"""Processes that are started in one turn."""

_LOUD = frozenset(("maintenance", "degraded"))
_OVER = frozenset(("disabled", "maintenance"))  # what nobody shall wait for at its sockets
_OF_RUNS = frozenset((Spawn, Signal, Kill, Release))
_QUIET = frozenset((Publish, Outcome, Save, Wake, Orphaned))  # these do not part a group of spawns


class Carrier:
    """Knows the doers. `wake(at)` sets the one alarm, `leave(status)` begins the end,
    `outcome(effect)` hears of operations that ended, `log` and `failed` write to the log.
    """

    def __init__(
        self,
        executor: Executor,
        happenings: Happenings,
        ring: Ring,
        link: Link | None,
        wake: Callable[[int | None], object],
        leave: Callable[[int], object],
        outcome: Callable[[Outcome], object],
        published: Callable[[Publish], object],
        log: Callable[[str], object],
        failed: Callable[[Exception], object],
        delegation: Delegation | None = None,
    ) -> None:
        self._executor = executor
        self._happenings = happenings
        self._ring = ring
        self._link = link
        self._wake = wake
        self._leave = leave
        self._outcome = outcome
        self._published = published
        self._log = log
        self._failed = failed
        self._delegation = delegation
        self._spawns: deque[Spawn] = deque()
        self._does: dict[type, Callable[[Any], object]] = {
            Signal: lambda e: executor.signal(e.fmri, e.run, e.scope, e.signo),
            Kill: lambda e: executor.kill(e.fmri, e.run, e.scope),
            Release: lambda e: executor.release(e.fmri, e.run, e.abandon),
            ProbeOn: lambda e: executor.probe_on(e.fmri, e.run, e.names, e.definition, e.after),
            ProbeOff: lambda e: executor.probe_off(e.fmri, e.run, e.names),
            Watch: lambda e: executor.watches.add(e.target),
            Unwatch: lambda e: executor.watches.remove(e.target),
            Save: self._save,
            Publish: self._publish,
            Outcome: self._ended,
            Orphaned: self._orphaned,
            Wake: lambda e: wake(e.at),
            Exit: lambda e: leave(e.status),
        }

    def carry(self, effects: Iterable[Effect]) -> None:
        """Carry out the effects of one turn. What there is no time for is started by `go_on`."""
        for effect in effects:
            kind = type(effect)
            if isinstance(effect, Spawn) and effect.definition.ready.kind != "told":
                self._spawns.append(effect)
                continue
            if self._spawns and kind not in _QUIET:
                self._clear(effect)
            try:
                if kind not in _OF_RUNS or not self._delegated(effect):
                    self._does[kind](effect)
            except Exception as error:
                self._failed(error)
        self.go_on()

    def _delegated(self, effect: Effect) -> bool:
        """Whether it was another restarter's affair: then that has been told."""
        whole = self._delegation
        if whole is None:
            return False
        if isinstance(effect, Spawn):
            whole.spawn(effect)
            return True
        assert isinstance(effect, Signal | Kill | Release)
        mine = whole.has(effect)
        if isinstance(effect, Release):
            whole.over(effect.fmri, effect.run)
        if mine and isinstance(effect, Signal):
            whole.signal(effect)
        elif mine and isinstance(effect, Kill):
            whole.kill(effect)
        elif mine and isinstance(effect, Release):
            whole.release(effect)
        return mine

    @property
    def waits(self) -> bool:
        """Whether there are processes to be started."""
        return bool(self._spawns)

    def go_on(self) -> bool:
        """Start the next few processes; false when there are none."""
        some = [self._spawns.popleft() for _ in range(min(MOST, len(self._spawns)))]
        if some:
            self._start(some)
        return bool(some)

    # -- inside

    def _clear(self, effect: Any) -> None:
        """Before something else is done about an instance, its start is done with: it is carried
        out if it is of this very turn's few, and is not begun any more if it would come too late.
        """
        if isinstance(effect, Signal):
            return  # for what runs; one that comes while a start is out is sent again by the engine
        about = getattr(effect, "fmri", None)
        mine = [one for one in self._spawns if one.fmri == about]
        if not mine:
            return
        ending = isinstance(effect, Kill | Release)
        for one in mine:
            self._spawns.remove(one)
        if ending:
            for one in mine:
                text = "its start was given up before it was begun"
                self._happenings.add(NotSpawned(one.fmri, one.run, one.method, 0, text))
        else:
            self._start(mine)

    def _start(self, starts: list[Spawn]) -> None:
        known = len(self._happenings.queue)
        try:
            self._executor.spawn(starts)
        except Exception as error:
            self._failed(error)
            told = {
                (event.fmri, event.run)
                for event in self._happenings.queue[known:]
                if hasattr(event, "fmri") and hasattr(event, "run")
            }
            for one in starts:
                if (one.fmri, one.run) not in told:
                    text = f"the manager could not start it: {error}"
                    self._happenings.add(NotSpawned(one.fmri, one.run, one.method, 0, text))

    def _publish(self, effect: Publish) -> None:
        faults.point("publish")
        wall = time.time_ns()
        self._ring.add(wall, "transition", effect.fmri, effect)
        if effect.state == effect.old_state and effect.next_state:
            return  # only where it is going: the log and the history want where it has arrived
        if effect.state in _LOUD and effect.state != effect.old_state:
            self._log(f"{display(effect.fmri)}: {effect.text or effect.state}")
            self._published(effect)
        if effect.state in _OVER and effect.state != effect.old_state:
            self._executor.listeners.close(effect.fmri)
        if self._link is not None:
            row = [wall, effect.fmri, effect.old_state, effect.state, effect.reason, effect.cause]
            self._link.transition([*row, effect.run, effect.text])

    def _ended(self, effect: Outcome) -> None:
        data = {
            "number": effect.number,
            "outcome": effect.outcome,
            "note": effect.note,
        }
        self._ring.add(time.time_ns(), "operation", effect.fmri, data)
        if not effect.fmri:
            self._outcome(effect)

    def _save(self, effect: Save) -> None:
        if self._link is not None:
            self._link.save(effect.token, effect.fmri, effect.intent)
        else:  # nobody remembers anything here (a test's manager)
            self._happenings.add(Saved(effect.token))

    def _orphaned(self, effect: Orphaned) -> None:
        self._happenings.orphans[effect.ctid] = f"{display(effect.fmri)}: {effect.why}"
        self._log(f"{display(effect.fmri)}: left running: {effect.why} (contract {effect.ctid})")
        self._executor.orphan(effect.ctid, effect.fmri, effect.run)
