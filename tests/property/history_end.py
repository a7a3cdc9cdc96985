"""The end of a history: peace, in which everything comes to rest and is looked at."""

from __future__ import annotations

from typing import Any

from history_machine import Broken
from history_rules import caches, contradictory

from stoker.engine import Asked, Due, Engine, Now, hard_targets


class Ending:
    """What a history does last. Part of `History`, whose fields it uses."""

    engine: Engine
    rules: Any
    machine: Any
    restarters: Any
    definitions: dict[str, Any]
    log: list[Any]
    birth: dict[str, Any] | None
    wake: int | None
    cap: int | None
    exited: bool
    mono: int
    wall: int
    turn: Any
    behave: Any
    say: Any

    def finish(self) -> None:
        """All goes well from now on: everything comes to rest, and is looked at."""
        machine = self.machine
        machine.calm = True
        contradiction = contradictory(self.definitions)
        self.say("  from now on all goes well")
        if machine.mail:
            events, machine.mail = machine.mail, []
            self.turn(events)
        views = self.engine.views(Now(self.mono, self.wall))
        hopeless = [view.fmri for view in views if view.hopeless]
        for free in (False, True):
            if free:
                for c in machine.contracts.values():
                    if c.stubborn == 2:
                        c.stubborn = 0
                        if c.doomed:
                            machine.sweep(c, 9)
                self.restarters.obey()
                if not machine.mail:
                    return
            if not self.rest():
                if contradiction:
                    return
                raise Broken("it never comes to rest")
            if self.exited:
                return
            self.look(free)
            for name in hopeless:
                i = self.engine.instances.get(name)
                if i is None or i.stage != "up" or i.aside or contradiction or self.excused(i):
                    continue
                raise Broken(f"{name} was beyond hope, and came up by itself")

    def excused(self, i: Any) -> bool:
        """It came although it was beyond hope, and that is right: it, or what it waits for, is
        wanted along by one that a person let start again at a set time; waits for a task to
        complete; or cannot run beside another, which SMF takes for hopeless while that runs
        (smf.md 3.2), though that one may fail.
        """
        around = [i]
        for one in around:
            if one.override is not None and one.override.by == "wants":
                return True
            if any(g.excludes or g.dependency.condition == "completed" for g in one.groups):
                return True
            around += [o for o in (*hard_targets(one), *one.earlier) if o not in around]
        return False

    def rest(self) -> bool:
        """Until nothing happens any more; false when that takes too long."""
        machine = self.machine
        for _ in range(400):
            if self.exited:
                return True
            self.behave()
            if machine.mail:
                events, machine.mail = machine.mail, []
                self.turn(events)
            elif self.wake is not None:
                step = max(0, self.wake - self.mono)
                self.mono += step
                self.wall += step
                self.turn([Due()])
            else:
                return True
        return False

    def look(self, free: bool) -> None:
        """All is quiet: every invariant that holds then."""
        engine = self.engine
        twin = engine.copy()
        twin.handle([Due()], Now(self.mono, self.wall))
        caches(engine, twin)
        self.rules.quiet(self.machine, free)
        engine.views(Now(self.mono, self.wall))
        for i in engine.instances.values():
            engine.mark(i)
        effects = engine.handle([Due()], Now(self.mono, self.wall))
        if effects:
            raise Broken(f"asked again, it does more: {effects}")

    def replay(self) -> None:
        """Invariant 7: the same events give the same state."""
        other = Engine(cap=self.cap)
        if self.birth is not None:
            other.restore(self.birth)
        for events, now in self.log:
            for e in events:
                if isinstance(e, Asked):
                    other.operation_number = max(other.operation_number, e.number)
            other.handle(events, now)
        self._same(other.records(), self.engine.records(), "7: a replay's state")

    @staticmethod
    def _same(one: dict[str, Any], two: dict[str, Any], what: str) -> None:
        for name in dict.fromkeys([*one, *two]):
            if one.get(name) != two.get(name):
                mine, theirs = one.get(name) or {}, two.get(name) or {}
                keys = [k for k in {**mine, **theirs} if mine.get(k) != theirs.get(k)]
                pairs = [f"{k}: {mine.get(k)!r} and {theirs.get(k)!r}" for k in keys]
                raise Broken(f"{what} differs in {name}: {', '.join(pairs)}")
