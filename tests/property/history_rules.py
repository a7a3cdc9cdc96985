"""The invariants of the design, as questions to what the engine published and the machine did.

What is satisfied is evaluated here anew, from the published states alone, by SMF's rules (smf(7)),
without the engine's counters. Where the published states cannot tell, the answer is "maybe".
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from history_machine import Broken, Machine

from stoker.engine import Engine, Publish
from stoker.model import Condition, Definition, Dependency, Grouping, Stage

RUNNING = ("online", "degraded")
MAYBE = 2
Shown = dict[str, tuple[str, str]]


class Rules:
    """What was published, and what must hold of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shown: Shown = {}
        self.removed: set[str] = set()
        self.begun: dict[str, int] = {}
        self.leaving: list[tuple[Any, int]] = []  # runs that end in their own time
        self.before = 0  # the engine's counter when the present turn began

    # -- what a dependency is worth: 1 satisfied, 0 not yet, -1 not without help, 2 maybe

    def state(self, fmri: str) -> tuple[str, str]:
        """What was published last."""
        return self.shown.get(fmri, ("uninitialized", ""))

    def exists(self, target: str) -> list[str]:
        """The instances that a target stands for."""
        engine = self.engine
        if target in engine.instances:
            return [target]
        return [f for f in engine.instances if f.rpartition(":")[0] == target]

    def entity(self, fmri: str, condition: str, seen: tuple[str, ...]) -> int:
        """One instance."""
        state, following = self.state(fmri)
        if state in RUNNING:
            i = self.engine.instances[fmri]
            if following not in ("", *RUNNING) or (seen and (not i.effective or i.removed)):
                return MAYBE  # going down: as good as gone
            if condition == Condition.COMPLETED or (
                condition == Condition.HEALTHY
                and (state == "degraded" or self.engine.instances[fmri].definition.health)
            ):
                return MAYBE
            return 1
        if condition == Condition.COMPLETED:
            return MAYBE
        if state in ("disabled", "maintenance"):
            return -1
        i = self.engine.instances[fmri]
        if i.static or i.fault:
            return MAYBE  # it is on its way to maintenance
        if state == "uninitialized" or fmri in seen:
            return 0
        if condition == Condition.STARTED and (following == "online" or i.stage is not Stage.IDLE):
            return MAYBE  # a new manager decides before it has published whom it found
        if not i.effective or i.removed:
            return MAYBE  # it is on its way to disabled
        groups = i.definition.dependencies
        values = [self.group(one, fmri, (*seen, fmri)) for one in groups]
        if -1 in values:
            return -1
        return MAYBE if MAYBE in values or i.loop else 0

    def fact(self, target: str) -> int:
        """A file or an input."""
        known = self.engine.facts.get(target)
        if self.engine.fact_stamps.get(target, 0) > self.before:
            return MAYBE  # it went while this turn was being decided
        if target.startswith("file:"):
            return 0 if known is None else 1 if known else -1
        return 1 if known else 0

    def target(self, target: str, group: Dependency, seen: tuple[str, ...], owner: str) -> int:
        """One target as its group counts it."""
        kind = group.grouping
        if not target.startswith("svc:"):
            value = self.fact(target)
            if kind == Grouping.EXCLUDE_ALL and value != MAYBE:
                return 1 if value != 1 else MAYBE if seen else 0
            return value
        several = self.exists(target)
        if kind == Grouping.EXCLUDE_ALL:
            several = [f for f in several if f != owner]
        if not several:
            return 1 if kind in (Grouping.OPTIONAL_ALL, Grouping.EXCLUDE_ALL) else -1
        if kind == Grouping.EXCLUDE_ALL:
            for f in several:
                i = self.engine.instances[f]
                if self.state(f)[0] in RUNNING:
                    d = i.definition
                    stays = d.ends == "never" or d.restart.when == "always"
                    return -1 if stays and i.effective else MAYBE if seen else 0
            down = all(self.state(f)[0] in ("disabled", "maintenance") for f in several)
            there = [self.engine.instances[f] for f in several]
            stuck = any(i.stage is not Stage.IDLE for i in there)
            if not down and not stuck:  # decided in this turn, and not published yet
                aside = (i.fault or i.static or i.removed or not i.effective for i in there)
                return MAYBE if all(aside) else 0
            return (MAYBE if stuck else 1) if down else 0
        values = [self.entity(f, group.condition, seen) for f in several]
        if kind == Grouping.OPTIONAL_ALL:
            for n, f in enumerate(several):
                if values[n] == -1 or self.state(f)[0] == "maintenance":
                    values[n] = 1
            return 0 if 0 in values else MAYBE if MAYBE in values else 1
        if 1 in values:
            return 1
        return MAYBE if MAYBE in values else max(values)

    def group(self, group: Dependency, owner: str, seen: tuple[str, ...] = ()) -> int:
        """One dependency."""
        values = [self.target(one, group, seen, owner) for one in group.targets]
        if not values:
            return 1
        if group.grouping == Grouping.REQUIRE_ANY:
            if 1 in values:
                return 1
            return MAYBE if MAYBE in values else max(values)
        if -1 in values:
            return -1 if MAYBE not in values else MAYBE
        if seen and MAYBE in values:
            return MAYBE
        return 0 if 0 in values else MAYBE if MAYBE in values else 1

    # -- starts and stops at once

    def no_more_at_once(self, running: list[Any]) -> None:
        """`running`: those that were up before this turn."""
        cap = self.engine.cap
        if cap is None:
            return
        there = self.engine.instances.values()
        starting = [i for i in there if i.stage in ("prepare", "start")]
        orderly = [(i, i.run) for i in running if self._in_its_own_time(i)]
        self.leaving = [(i, run) for i, run in self.leaving + orderly if _stops(i, run)]
        for what in (starting, self.leaving):
            if len(what) > cap:
                raise Broken(f"more than {cap} at once: {what}")

    def _in_its_own_time(self, i: Any) -> bool:
        """Nothing ended, nobody hurries, and no dependency is gone."""
        h, o, down = i.halted, i.override, self.engine.shutdown
        if h is None or i.gone is not None or i.hurt or not i.populated:
            return False
        if (down is not None and down.hurry) or (o is not None and o.hard):
            return False
        return h.waits or (h.kind in ("bounce", "changed") and h.cls != "fault")

    # -- 2, 5, 6: every publication

    def published(self, e: Publish) -> None:
        """One publication: in SMF's order, with a cause, and no start without what it needs."""
        state, following = self.state(e.fmri)
        new, then = e.state, e.next_state
        if e.old_state == "uninitialized" != state and e.fmri in self.removed:
            self.removed.discard(e.fmri)  # it was forgotten and came back
            state, following = "uninitialized", ""
            self.begun.pop(e.fmri, None)
        if e.old_state != state:
            raise Broken(f"5: {e.fmri} was {state}, published as {e.old_state} → {new}")
        if (state, following) == (new, then):
            raise Broken(f"5: {e.fmri} is published as {new} {then} twice")
        if new != state and not self._legal(state, following, new, then):
            raise Broken(f"5: {e.fmri} from {state}/{following} to {new}/{then}")
        if not e.cause or not e.reason:
            raise Broken(f"6: {e.fmri} from {state} to {new}/{then} has no cause")
        begins = (state, new, then) == ("offline", "offline", "online") and not following
        if begins and self.begun.get(e.fmri) != e.run:
            self.begun[e.fmri] = e.run
            d = self.definition(e.fmri)
            bad = [one for one in d.dependencies if self.group(one, e.fmri) < 1]
            if bad and not contradictory(
                {name: i.definition for name, i in self.engine.instances.items()}
            ):
                raise Broken(f"2: {e.fmri} starts without {bad[0]}")
        self.shown[e.fmri] = (new, then)

    @staticmethod
    def _legal(state: str, following: str, new: str, then: str) -> bool:
        if state in RUNNING and new in RUNNING:
            return True
        if then:
            return False
        if state in RUNNING:
            return following == new
        if new in RUNNING:
            return state == "offline" and following == "online"
        if state == "maintenance":
            return new == "uninitialized"
        return new != "uninitialized"

    def definition(self, fmri: str) -> Definition:
        """What the engine goes by."""
        return self.engine.instances[fmri].definition

    # -- 1, 3, 4: when all is quiet

    def quiet(self, machine: Machine, free: bool) -> None:
        """Nothing moves any more. `free`: no process is beyond KILL."""
        engine = self.engine
        for c in machine.left:
            if c.inside and not (c.orphaned or c.definition.ends == "never"):
                raise Broken(f"3: run {c.run} of {c.fmri} is over and has processes")
        for fmri, i in engine.instances.items():
            c = machine.contracts.get(fmri)
            if str(i.shown_state) != self.state(fmri)[0]:
                raise Broken(f"5: {fmri} is {i.shown_state}, published as {self.state(fmri)}")
            up = i.stage in (Stage.UP, Stage.REFRESH)
            wanted = i.effective and not (i.fault or i.static) and not i.removed
            wanted = wanted and engine.shutdown is None
            aside = i.aside and i.effective and i.fault is not None
            if up and (aside if wanted else not aside):
                raise Broken(f"3: {fmri} is up and not wanted")
            if not up and i.stage is not Stage.IDLE:
                stuck = c is not None and c.stubborn == 2 and c.inside
                if not (stuck and self.state(fmri)[0] == "maintenance"):
                    raise Broken(f"4: {fmri} stays in {i.stage}")
                if free:
                    raise Broken(f"4: {fmri} is stuck without reason")
            if i.stage is Stage.IDLE and i.fault is not None and i.fault.word == "stuck":
                raise Broken(f"4: {fmri} is at rest and counts as stuck")
            if i.stage is Stage.IDLE and c is not None and c.inside and not c.orphaned:
                raise Broken(f"3: {fmri} is at rest, its contract {c.ctid} is not empty")
            if up and c is not None and i.main_alive and c.main != "alive":
                raise Broken(f"3: {fmri} is up, its main process is not: {c.main}")
            if not up and wanted:
                self._kept_down(fmri, i)
            if up:
                self._kept_up(fmri, i)
        self._operations()

    def _kept_down(self, fmri: str, i: Any) -> None:
        engine = self.engine
        why = engine.reasons(fmri)
        if not why:
            raise Broken(f"3: {fmri} is wanted, down, and nothing is in its way")
        values = [self.group(one, fmri) for one in i.definition.dependencies]
        asleep = not engine.active and not i.definition.gives
        if asleep or i.loop or any(v != 1 for v in values):
            return
        if all(one.code == "dependency" for one in why):
            raise Broken(f"3: {fmri} is wanted, its dependencies are satisfied: {why}")
        if any(one.code in ("order", "concurrency") for one in why) and not any(
            other.loop or self._for_an_end(other) for other in i.earlier
        ):
            raise Broken(f"3: {fmri} waits for nothing: {why}")
        if not any(one.code in ("contract", "order", "ordering_loop") for one in why):
            raise Broken(f"3: {fmri} is down at the end: {why}")

    def _for_an_end(self, i: Any, seen: tuple[str, ...] = ()) -> bool:
        """It waits for a task to complete, and so does whoever comes after it."""
        for group in i.groups:
            for other in [o for edge in group.edges for o in edge.instances]:
                ends = other.definition.restart.when != "always"
                if group.dependency.condition == Condition.COMPLETED and ends:
                    return True
                if other.fmri not in seen and self._for_an_end(other, (*seen, other.fmri)):
                    return True
        return any(o.fmri not in seen and self._for_an_end(o, (*seen, o.fmri)) for o in i.earlier)

    def _kept_up(self, fmri: str, i: Any) -> None:
        """What runs has no reason to stop that the rules know (exclusion, sleep)."""
        if not self.engine.active and not i.definition.gives:
            raise Broken(f"3: {fmri} is up and the system sleeps")
        if i.aside:
            return
        for one in i.definition.dependencies:
            if one.grouping == Grouping.EXCLUDE_ALL and one.restart_on != "none":
                for target in one.targets:
                    for other in self.exists(target):
                        if self.state(other)[0] in RUNNING and other != fmri:
                            raise Broken(f"3: {fmri} is up beside {other}, which it excludes")

    def _operations(self) -> None:
        engine = self.engine
        for op in engine.operations():
            if op.outcome:
                continue
            waiting = False
            for m in op.members:
                i = engine.instances.get(m.fmri)
                if m.outcome or i is None:
                    continue
                waiting = waiting or i.stage is Stage.IDLE or i.fault is not None
            if not waiting:
                raise Broken(f"operation {op.number} never ends: {op}")


def caches(engine: Engine, other: Engine) -> None:
    """What the engine keeps for speed is what `other`, a copy, computed from nothing."""
    for fmri, i in engine.instances.items():
        twin = other.instances[fmri]
        names = ["deps", "held", "after_waits", "calm", "loop"]
        if i.watchers:
            names.append("sig")
        for name in names:
            if getattr(i, name) != getattr(twin, name):
                raise Broken(
                    f"cache {name} of {fmri}: {getattr(i, name)}, anew {getattr(twin, name)}"
                )
        for mine, theirs in zip(i.groups, twin.groups, strict=True):
            for name in ("counts", "value", "going", "ups"):
                if getattr(mine, name) != getattr(theirs, name):
                    raise Broken(
                        f"cache {name} of a group of {fmri}: "
                        f"{getattr(mine, name)}, anew {getattr(theirs, name)}"
                    )
    for name in ("moving", "live", "starts.busy", "stops.busy"):
        mine, anew = attrgetter(name)(engine), attrgetter(name)(other)
        if mine != anew:
            raise Broken(f"cache {name}: {mine}, anew {anew}")
    if engine.stops.waiting and not engine.stops.full(engine.cap):
        raise Broken(f"there is room, and they wait to stop: {[*engine.stops.waiting]}")


def contradictory(definitions: Mapping[str, Definition]) -> bool:
    """Whether some exclusion lies on a circle of dependencies: then nothing ever comes to rest,
    here as in SMF.
    """
    edges: dict[str, set[str]] = {f: set() for f in definitions}
    marked: list[tuple[str, str]] = []
    for fmri, d in definitions.items():
        for one in d.dependencies:
            for target in one.targets:
                for other in definitions:
                    if other == target or other.rpartition(":")[0] == target:
                        edges[fmri].add(other)
                        if one.grouping == Grouping.EXCLUDE_ALL:
                            marked.append((fmri, other))
    for fmri, other in marked:
        seen: set[str] = set()
        work = [other]
        while work:
            name = work.pop()
            if name == fmri:
                return True
            if name not in seen:
                seen.add(name)
                work += edges[name]
    return False


def _stops(i: Any, run: int) -> bool:
    stuck = i.fault is not None and i.fault.word == "stuck"
    return i.run == run and i.stage in ("stop", "kill", "decide", "cleanup") and not stuck
