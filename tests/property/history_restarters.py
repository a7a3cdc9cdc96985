"""Services that run others, in a history: what the engine asks of them goes through the manager's
own `Delegation`, and they answer as a restarter would: late, or not at all, or with bad news.

A restarter can be spoken with while its instance is not at rest. It forgets what it ran when that
is over, for its processes have ended; and registers anew with each manager. The processes of an
instance that is left to it are a contract of the machine whose `main` is what the restarter runs:
alive from the moment it heard of the start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from history_machine import Contract, Machine

from stoker.engine import Adopted, Engine, Event, Kill, Release, Signal, Spawn, Status, Told
from stoker.errors import Failed, UsageError
from stoker.manager.delegation import Delegation
from stoker.model import Definition, Stage, restart_digest

_DOWN = Status("unknown")
_SAYS = (
    ("offline", "", "ct_ev_exit"),
    ("offline", "", ""),
    ("online", "offline", "ct_ev_core"),
    ("degraded", "", "service_request"),
    ("online", "", ""),
    ("maintenance", "", "method_failed"),
    ("offline", "online", ""),
    ("disabled", "", ""),
)


def is_told(definition: Definition) -> bool:
    """Whether another restarter says how it is."""
    return definition.ready.kind == "told"


class Restarters:
    """See the module. It is what its `Delegation` takes for the manager."""

    def __init__(self, machine: Machine, below: Callable[[int], int]) -> None:
        self.machine, self.below = machine, below
        self.ends: dict[str, Callable[[], None]] = {}  # who is registered
        self.asked: dict[str, tuple[int, str]] = {}  # by instance: its run, start, stop or force
        self.speaking = False

    def begin(self, engine: Engine) -> None:
        """A manager begins; nobody has registered with it."""
        self.engine = engine
        self.delegation = Delegation(self)  # type: ignore[arg-type]
        self.ends.clear()
        self.asked.clear()

    # -- what the delegation uses of a manager

    @property
    def happenings(self) -> Restarters:
        return self

    def add(self, event: Event) -> None:
        """What the engine is to be told. Who is given up without a word may be left running."""
        if isinstance(event, Told) and not self.speaking:
            c = self.machine.of(event.fmri, event.run)
            if c is not None and c.inside:
                c.orphaned = True
        self.machine.mail.append(event)

    def log(self, text: str) -> None:
        """Nobody reads it."""

    def turn(self) -> None:
        """It comes when it comes."""

    # -- effects

    def spawn(self, e: Spawn) -> bool:
        """Whether a start was another restarter's affair."""
        if not is_told(e.definition):
            return False
        if e.method == "start":
            self.machine.open(e)
        self.delegation.spawn(e)
        return True

    def takes(self, e: Signal | Kill | Release) -> bool:
        """Whether an effect was. A restarter that is over has ended all that it ran."""
        mine = self.delegation.has(e)
        if isinstance(e, Release):
            self._forget(e.fmri)
            self.delegation.over(e.fmri, e.run)
        if mine:
            act: Any = getattr(self.delegation, type(e).__name__.lower())
            act(e)
        return mine

    def _forget(self, restarter: str) -> None:
        for c in [*self.machine.contracts.values(), *self.machine.left]:
            if is_told(c.definition) and c.definition.restarter == restarter and c.inside:
                c.main = _DOWN
        if restarter in self.ends:
            self.ends.pop(restarter)()

    # -- what restarters do

    def present(self) -> list[str]:
        """Those that somebody is left to, and that run."""
        there = self.engine.instances
        known = [i.definition for i in there.values()]
        known += [c.definition for c in self.machine.contracts.values()]
        named = dict.fromkeys(d.restarter for d in known if is_told(d))
        return [f for f in named if f in there and there[f].stage is not Stage.IDLE]

    def register(self) -> None:
        """Those who run make themselves known to the manager."""
        for fmri in self.present():
            if fmri not in self.ends:
                self.ends[fmri] = self.delegation.register(fmri, self._hear)

    def _hear(self, event: dict[str, Any]) -> None:
        fmri, run = event.get("fmri", ""), event.get("run", 0)
        if event["event"] == "start":
            self.asked[fmri] = (run, "start")
            c = self.machine.of(fmri, run)
            if c is not None and not c.main:
                c.main = "alive"
        elif event["event"] == "stop":
            self.asked[fmri] = (run, "force" if event["force"] else "stop")

    def obey(self) -> None:
        """All that was asked is done, as far as it can be, and said (again)."""
        self.register()
        for fmri, (run, what) in list(self.asked.items()):
            c = self.machine.of(fmri, run)
            if c is None or not is_told(c.definition):
                self.asked.pop(fmri)
                continue
            if what == "start" and c.main == "alive":
                if not c.ready:
                    c.ready = True
                    self.say(c, "online")
            elif c.main != "alive" or c.stubborn == 0 or (what == "force" and c.stubborn == 1):
                c.main = _DOWN
                self.asked.pop(fmri)
                self.say(c, "offline")

    def speak(self, c: Contract) -> None:
        """It says something that nobody asked for."""
        state, following, reason = _SAYS[self.below(len(_SAYS))]
        if c.main != "alive" or c.stubborn == 2:
            return
        ends = state not in ("online", "degraded") and following != "online"
        if ends:
            c.main = _DOWN
        self.say(c, state, following, reason)

    def refuse(self, fmri: str) -> None:
        """What is at rest is found to be unusable."""
        i = self.engine.instances.get(fmri)
        if i is not None and is_told(i.definition) and i.stage is Stage.IDLE and i.run:
            restarter = i.definition.restarter
            self._tell(restarter, fmri, i.run, "maintenance", "", "invalid_dependency")

    def say(self, c: Contract, state: str, following: str = "", reason: str = "") -> None:
        """It says how an instance of its is."""
        self._tell(c.definition.restarter, c.fmri, c.run, state, following, reason)

    def _tell(self, restarter: str, fmri: str, run: int, state: str, *more: str) -> None:
        self.speaking = True
        try:
            self.delegation.told(restarter, fmri, run, state, *more, "it says so")
        except (Failed, UsageError):
            pass  # of a run that is over, or of what is not to run: it is refused
        finally:
            self.speaking = False

    # -- a manager's death

    def adopted(self, records: dict[str, Any], definitions: dict[str, Definition]) -> list[Event]:
        """What a new manager takes for runs of restarters, as `take_over` does. What it takes for
        one of another kind than it was is nobody's any more.
        """
        found: list[Event] = []
        for fmri, r in records.items():
            d, c = definitions.get(fmri), self.machine.contracts.get(fmri)
            if fmri == "engine" or d is None or r.get("stage", "idle") == "idle":
                continue
            here = r.get("main_alive") and not r.get("main")
            theirs = is_told(d) and (here or r.get("digest") == restart_digest(d))
            if c is not None and is_told(c.definition) != theirs:
                self.machine.leave(c)
            if not theirs:
                continue
            self.machine.open(Spawn(fmri, r["run"], r["ctid"], "start", d.start[0], d))
            restarter = records.get(d.restarter, {})
            ends = r["stage"] not in ("prepare", "start", "up", "refresh")
            self.delegation.adopt(fmri, d, r["run"], ends, int(restarter.get("run", 0)))
            found.append(Adopted(fmri, "alive", "alive", True))
            if restarter.get("stage", "idle") == "idle":
                self._forget(d.restarter)
                found.append(Told(fmri, r["run"], "offline", "", "", "its restarter has ended"))
        return found
