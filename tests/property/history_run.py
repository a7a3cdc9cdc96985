"""One history: a random graph, fifty random steps, then peace, with the invariants looked at all
along. It is a function of the numbers that it draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from history_end import Ending
from history_input import FILES, INPUTS, NAMES, definition, request
from history_machine import OWN, Broken, Contract, Machine
from history_restarters import Restarters, is_told
from history_rules import Rules
from history_words import brief, short

from stoker.engine import (
    Asked,
    Defined,
    Due,
    Empty,
    Engine,
    Event,
    Exit,
    Exited,
    Fact,
    Hurt,
    Kill,
    Notified,
    Now,
    Orphaned,
    Outcome,
    Probed,
    ProbeOff,
    ProbeOn,
    Publish,
    Ready,
    Release,
    Removed,
    Save,
    Signal,
    Spawn,
    Status,
    Told,
    Unwatch,
    Waits,
    Wake,
    Watch,
)
from stoker.insight import explain, plan
from stoker.model import Definition

Below = Callable[[int], int]
STEPS = 50
MILLI = 1_000_000
_STATUSES = (
    Status("exit", 0),
    Status("exit", 1),
    Status("signal", 9),
    Status("signal", 11, True),
    Status("exit", 95),
    Status("unknown"),
    Status("exit", 94),
)


class History(Ending):
    """One history. `trace`: a list that is told, in words, what happens."""

    def __init__(self, below: Below, trace: list[str] | None = None) -> None:
        self.below = below
        self.trace = trace
        self.cap = (None, None, None, 1, 2)[below(5)]
        self.deep = below(8) == 7  # check what costs much, too
        self.engine = Engine(cap=self.cap)
        self.rules = Rules(self.engine)
        self.machine = Machine(below)
        self.restarters = Restarters(self.machine, below)
        self.restarters.begin(self.engine)
        self.count = 1 + below(8)
        self.names = list(NAMES[: self.count])
        self.definitions: dict[str, Definition] = {}
        self.mono, self.wall = 1_000 * MILLI, 1_700_000_000_000 * MILLI
        self.wake: int | None = None
        self.told: list[Event] = []
        self.log: list[tuple[list[Event], Now]] = []
        self.birth: dict[str, Any] | None = None
        self.appended: dict[str, Any] = {}
        self.exited = False
        machine = self.machine
        self.acts: dict[type, Callable[[Any], object]] = {
            Spawn: lambda e: self.restarters.spawn(e) or machine.spawn(e),
            Signal: lambda e: self.restarters.takes(e) or machine.signal(e),
            Kill: lambda e: self.restarters.takes(e) or machine.kill(e),
            Release: lambda e: (self.restarters.takes(e), machine.release(e)),
            ProbeOn: machine.probe_on,
            ProbeOff: machine.probe_off,
            Save: machine.save,
            Watch: machine.watch,
            Unwatch: machine.unwatch,
            Orphaned: machine.orphan,
            Publish: self._published,
            Outcome: self._outcome,
            Wake: self._wake,
            Exit: self._exit,
        }

    # -- turns

    def turn(self, events: list[Event], upto: int | None = None) -> None:
        """One turn. `upto`: the manager dies after so many of its effects."""
        self.mono += MILLI
        self.wall += MILLI
        now = Now(self.mono, self.wall)
        if self.trace is not None:
            self.trace.append(f"  tell {', '.join(map(short, events))}")
        if self.deep:
            self.log.append((events, now))
        self.rules.before = self.engine.seq
        running = [i for i in self.engine.instances.values() if i.stage in ("up", "refresh")]
        effects = self.engine.handle(events, now)
        self.rules.no_more_at_once(running)
        if self.deep:
            for name, record in self.engine.take_changed().items():
                if record is None:
                    self.appended.pop(name, None)
                else:
                    self.appended[name] = record
        acts = self.acts
        for n, effect in enumerate(effects):
            if n == upto:
                break
            if self.trace is not None:
                self.trace.append(f"    {short(effect)}")
            acts[type(effect)](effect)

    def _published(self, e: Publish) -> None:
        self.rules.published(e)

    def _outcome(self, e: Outcome) -> None:
        if not e.outcome:
            raise Broken(f"an outcome that is none: {e}")

    def _wake(self, e: Wake) -> None:
        self.wake = e.at

    def _exit(self, e: Exit) -> None:
        self.exited = True
        for c in [*self.machine.contracts.values(), *self.machine.left]:
            if c.inside and not c.orphaned and c.definition.ends != "never":
                raise Broken(f"3: the manager ends while run {c.run} of {c.fmri} has processes")

    def say(self, text: str) -> None:
        """For whoever reads the trace."""
        if self.trace is not None:
            self.trace.append(text)

    # -- steps

    def run(self, steps: int = STEPS) -> None:
        """The whole history. Raises Broken, or whatever the engine raises."""
        below = self.below
        events: list[Event] = [Defined(self.define(n)) for n in range(self.count)]
        if below(2):
            events.append(self.ask("settle"))
        self.turn(events)
        for _ in range(steps):
            if self.exited:
                break
            _STEPS[below(len(_STEPS))](self)
        if not self.exited:
            self.finish()
        if self.deep:
            self.replay()

    def define(self, number: int) -> Definition:
        """A new definition for NAMES[number]."""
        d = definition(self.below, number, self.count)
        self.definitions[d.fmri] = d
        # Runs of one that was forgotten are counted from 1 again: what was told of them is void.
        # The executor tells what it knows of a run before a definition that comes after it.
        others = [e for e in self.machine.mail if getattr(e, "fmri", "") != d.fmri]
        self.told = [e for e in self.told if getattr(e, "fmri", "") != d.fmri]
        if d.fmri not in self.engine.instances:
            self.machine.mail = others
        if self.trace is not None:
            self.say(f"  define {brief(d)}")
        return d

    def ask(self, verb: str = "") -> Event:
        """A request as an event."""
        r = request(self.below, self.names, self.wall, self.gives())
        if verb:
            r = msgspec.structs.replace(r, verb=verb, names=(), until=None)
        return Asked(self.engine.next_operation(), r)

    def gives(self) -> dict[str, tuple[str, ...]]:
        """What each watcher gives."""
        return {
            f: i.definition.gives for f, i in self.engine.instances.items() if i.definition.gives
        }

    def deliver(self) -> None:
        """Some of the mail arrives: all at once, one by one, or of one instance first."""
        mail = self.machine.mail
        if not mail:
            if self.below(2):
                self.behave()
            return
        how = self.below(4)
        if how < 2:
            events, self.machine.mail = mail, []
        elif how == 2:
            events = [mail.pop(0)]
        else:
            chosen = getattr(mail[self.below(len(mail))], "fmri", None)
            n = next(n for n, e in enumerate(mail) if getattr(e, "fmri", None) == chosen)
            events = [mail.pop(n)]
        self.told = (self.told + events)[-20:]
        self.turn(events)

    def behave(self) -> None:
        """Something ordinary happens: a method ends well, a service becomes ready."""
        machine = self.machine
        self.restarters.obey()
        for c in list(machine.contracts.values()):
            for m in c.alive():
                machine.end_method(c, m, _STATUSES[0])
            if machine.can_become_ready(c):
                machine.become_ready(c)
            for name in list(c.probes):
                if name != "ready" and name not in c.well:
                    machine.probe(c, name, True)

    def suffer(self) -> None:
        """A process of a contract does, or suffers, something."""
        machine, below = self.machine, self.below
        contracts = list(machine.contracts.values())
        if not contracts:
            self.restarters.refuse(self.names[below(len(self.names))])
            return
        c = contracts[below(len(contracts))]
        what = below(9)
        alive = c.alive()
        if is_told(c.definition) and what != 6:
            self.restarters.speak(c) if what else self.restarters.register()
        elif alive and what < 5:
            m = alive[below(len(alive))]
            if m in OWN or c.stubborn < 2:
                machine.end_method(c, m, _STATUSES[(0, 0, 0, 1, 2, 4, 6)[below(7)]])
        elif what < 3:
            if c.main == "alive" and c.stubborn < 2:
                machine.end_main(c, _STATUSES[below(6)])
        elif what == 3:
            if machine.can_become_ready(c):
                machine.become_ready(c)
        elif what == 4:
            c.others += c.inside
        elif what == 5:
            if c.others and c.stubborn < 2:
                if below(2):
                    machine.mail.append(Hurt(c.fmri, c.run, ("core", "signal", "oom")[below(3)]))
                machine.end_others(c)
        elif what == 6:
            c.stubborn = (0, 1, 1, 2)[below(4)]
            self.say(f"  {c.fmri} run {c.run} is stubborn {c.stubborn}")
            if c.stubborn < 2 and c.doomed:
                machine.sweep(c, 9)
        elif what == 7:
            for name in list(c.probes):
                if name != "ready":
                    good = below(3) == 0
                    for _ in range(1 + below(3)):
                        machine.probe(c, name, good)
        else:
            self.notify(c)

    def notify(self, c: Contract) -> None:
        """It says something by sd_notify."""
        if c.main != "alive":
            return
        kinds = ("status", "extend", "watchdog_late", "stopping", "reloading", "mainpid", "waits")
        kind = kinds[self.below(len(kinds))]
        if kind == "waits":
            self.machine.mail.append(Waits(c.fmri, c.run, (c.fmri,) * self.below(2)))
            return
        self.machine.mail.append(Notified(c.fmri, c.run, kind, "well", 5_000_000))

    def command(self) -> None:
        """A person asks for something."""
        again = self.engine.shutdown is not None and self.below(3) == 2
        events = [self.ask("down" if again else "")]
        if self.below(8) == 7:
            events.append(self.ask())
        if self.below(3) == 0:
            events = [*self.machine.mail, *events]
            self.machine.mail = []
        self.turn(events)

    def pass_time(self) -> None:
        """Time passes: until the engine asked to be woken, or otherwise."""
        how = self.below(5)
        if how < 3 and self.wake is not None:
            step = max(0, self.wake - self.mono)
        else:
            step = (100, 2_000, 15_000, 100, 200_000)[how] * MILLI
        self.mono += step
        self.wall += step
        self.say(f"  {step / 1e9} s pass")
        self.turn([Due()])

    def wonder(self) -> None:
        """Somebody asks why, and what if: every answer says something, and asking does nothing."""
        engine, now = self.engine, Now(self.mono, self.wall)
        before = engine.records()
        for name in engine.fmris():
            if not explain(engine, name, now)["why"]:
                raise Broken(f"nothing explains {name}: {engine.instance(name)}")
        if engine.fmris():
            plan(engine, request(self.below, engine.fmris(), self.wall, self.gives()), now)
        self._same(before, engine.records(), "before and after questions, what is")

    def change_fact(self) -> None:
        """A file comes or goes, an input changes."""
        n = self.below(4)
        if n < 2:
            target = FILES[n]
            value = not self.machine.files.get(target, False)
            self.machine.files[target] = value
            if target in self.machine.watched:
                self.machine.mail.append(Fact(target, value))
        else:
            self.turn([Fact(INPUTS[n - 2], self.below(3) > 0)])

    def change_definitions(self) -> None:
        """A reload: one changes, comes back or goes."""
        n = self.below(self.count)
        name = NAMES[n]
        events: list[Event] = []
        what = self.below(4)
        if what == 3:
            self.definitions.pop(name, None)
            events = [Removed(name)]
            self.rules.removed.add(name)
        elif what == 2 and name in self.definitions:
            d = msgspec.structs.replace(self.definitions[name], description=str(self.below(9)))
            self.definitions[name] = d
            events = [Defined(d)]
        else:
            events = [Defined(self.define(n), self.machine.choices.get(name))]
        if self.below(2):
            events.append(self.ask("reload"))
        self.turn(events)

    def repeat(self) -> None:
        """Something that was told is told again: of an earlier run, or true again."""
        again = [e for e in self.told if self._may_repeat(e)]
        if again:
            self.turn([again[self.below(len(again))]])

    def _may_repeat(self, e: Event) -> bool:
        run = getattr(e, "run", None)
        if run is None:
            return not isinstance(e, Fact)
        if isinstance(e, Told) and e.fmri not in self.machine.contracts:
            return False  # at rest it still counts
        c = self.machine.contracts.get(getattr(e, "fmri", ""))
        if c is None or c.run != run:
            return c is None or c.run > run
        if isinstance(e, Empty):
            return not c.inside
        if isinstance(e, Exited):
            return e.method == "main" and c.main == e.status
        return isinstance(e, Probed) or (isinstance(e, Ready) and not e.pid)

    # -- the manager's death

    def die(self) -> None:
        """The manager dies, perhaps in the middle of a turn, and another takes over."""
        if self.below(2):
            events = [self.machine.mail.pop(0)] if self.machine.mail else [self.ask()]
            self.turn(events, upto=self.below(4))
            if self.exited:
                return
        self.say("  the manager dies")
        records = self.engine.records()
        if self.deep:
            engine = records.pop("engine")
            records = {"engine": self.appended.pop("engine", engine), **records}
            self._same(self.appended, {**records, "engine": None}, "what was appended")
        wire: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(records))
        self.engine = self.rules.engine = Engine(cap=self.cap)
        self.machine.mail.clear()
        self.restarters.begin(self.engine)
        found = self.restarters.adopted(wire, self.definitions)
        found += self.machine.adopted(wire, {e.fmri for e in found})
        self.birth, self.log, self.told, self.wake = wire, [], [], None
        self.rules.leaving = []
        self.engine.restore(msgspec.json.decode(msgspec.json.encode(records)))
        shown = self.rules.shown = {}
        for fmri, r in wire.items():
            if fmri in self.definitions:
                resting = r.get("stage", "idle") == "idle"
                state = r.get("shown_state", "uninitialized")
                if not resting:
                    self.rules.begun[fmri] = r.get("run", 0)
                shown[fmri] = (state, r.get("shown_next", "") if resting else "")
        choices = self.machine.choices
        events = [Defined(d, choices.get(f)) for f, d in self.definitions.items()]
        events += [e for e in found if e.fmri in self.definitions]
        for fmri, c in list(self.machine.contracts.items()):
            if fmri not in self.definitions:
                del self.machine.contracts[fmri]
                c.orphaned = True
                self.machine.left.append(c)
        self.appended = {}
        self.turn(events)
        if self.deep:
            self.appended = self.engine.records()


_STEPS: tuple[Callable[[History], object], ...] = (
    *(History.deliver,) * 8,
    *(History.suffer,) * 5,
    *(History.command,) * 4,
    *(History.pass_time,) * 2,
    History.behave,
    History.change_fact,
    History.change_definitions,
    History.repeat,
    History.die,
    lambda history: history.deep and history.wonder(),
)
