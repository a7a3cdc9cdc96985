"""A simulated world: it answers the engine's effects as kernel and services would.

It has a clock of its own. Used for dry runs, by `stoker.testing` and by the property tests.
Deterministic: what happens at the same moment happens in the order in which it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from msgspec import Struct
from msgspec.structs import replace

from stoker.model import Definition, Intent, Request

from . import effects as fx
from .effects import Effect
from .events import (
    Asked,
    Defined,
    Due,
    Empty,
    Event,
    Exited,
    Fact,
    NotSpawned,
    Now,
    Probed,
    Ready,
    Removed,
    Saved,
    Spawned,
    Status,
)
from .facts import SECOND
from .machine import Engine
from .methods import OWN

__all__ = ["Behaviour", "World"]

LETHAL = frozenset((1, 2, 3, 6, 9, 14, 15))
WALL = 1_700_000_000 * SECOND
OK = Status("exit", 0)
LEAST = 0.001
"""Seconds that an end by itself takes at least: without it a crash loop would stop the clock."""


class Behaviour(Struct, frozen=True):
    """How the processes of an instance act. Times are seconds; None is never.

    `spawn_error`: why nothing can be started, "" for all is well. `ready_after`: readiness, where a
    protocol or probe says it. `exit_after`, `status`: how the service ends by itself.
    `takes`, `methods`: how long its methods run, and how they end (success unless named).
    `ignores`: signals without effect. `dies_after`: from a lethal signal to the end.
    `unkillable`: not even SIGKILL ends it. `leaves`: processes that survive the main one.
    `healthy`: what health probes say.
    """

    spawn_error: str = ""
    ready_after: float | None = 0.0
    exit_after: float | None = None
    status: Status = OK
    takes: float | None = 0.0
    methods: dict[str, Status] = {}
    ignores: frozenset[int] = frozenset()
    dies_after: float = 0.0
    unkillable: bool = False
    leaves: bool = False
    healthy: bool = True


class _Contract:
    """The processes of one run."""

    def __init__(self, run: int, ctid: int, definition: Definition) -> None:
        self.run = run
        self.ctid = ctid
        self.definition = definition
        self.processes: dict[str, int] = {}
        self.main = ""


class World:
    """An engine with something to decide about.

    `behaviour`: by FMRI, for those that do not just run (`Behaviour()`). `published`, `outcomes`
    and `log` (seconds, effect) are what was seen. `files`: which file targets exist.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        behaviour: dict[str, Behaviour] | None = None,
        files: Iterable[str] = (),
        now: Now | None = None,
        keep_log: bool = True,
    ) -> None:
        self.engine = engine or Engine()
        self.behaviour = dict(behaviour or {})
        self.files = set(files)
        self.now = now or Now(1000 * SECOND, WALL)
        self.began = self.now.mono
        self.log: list[tuple[float, Effect]] = []
        self.published: list[fx.Publish] = []
        self.outcomes: dict[int, str] = {}
        self.saves: dict[str, Intent | None] = {}
        self.exited: int | None = None
        self.orphans: list[fx.Orphaned] = []
        self.contracts: dict[str, _Contract] = {}
        self.own: dict[tuple[str, str], int] = {}
        self.keep_log = keep_log
        self.after: Callable[[list[Event], list[Effect]], None] | None = None
        self._wake: int | None = None
        self._coming: list[tuple[int, int, Callable[[], Event | None]]] = []
        self._serial = 0
        self._pid = 100

    # -- what a test or a plan does

    def define(self, *definitions: Definition, intents: dict[str, Intent] | None = None) -> None:
        """Tell the engine of definitions, all in one turn."""
        known = intents or {}
        self.tell(*(Defined(d, known.get(d.fmri)) for d in definitions))

    def remove(self, *fmris: str) -> None:
        """Tell the engine that definitions are gone."""
        self.tell(*(Removed(name) for name in fmris))

    def ask(self, request: Request | str, *names: str) -> int:
        """Ask for something; the number of the operation. A verb and names are a short form."""
        if isinstance(request, str):
            request = Request(request, names, who="tester")
        number = self.engine.next_operation()
        self.tell(Asked(number, request))
        return number

    def tell(self, *events: Event) -> list[Effect]:
        """Hand events to the engine at the present moment, then everything that follows at once."""
        found = self._hand(list(events))
        self._pump()
        return found

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that happens in it."""
        end = self.now.mono + int(seconds * SECOND)
        self._pump()
        while True:
            at = self.next_moment()
            if at is None or at > end:
                break
            self._go(at)
        self._set(end)

    def run(self, seconds: float = 86400.0) -> bool:
        """Let time pass until nothing more would happen, at most `seconds`. True when so."""
        end = self.now.mono + int(seconds * SECOND)
        self._pump()
        while True:
            at = self.next_moment()
            if at is None:
                return True
            if at > end:
                self._set(end)
                return False
            self._go(at)

    def next_moment(self) -> int | None:
        """When something happens next (monotonic nanoseconds); None: never."""
        moments = [self._coming[0][0]] if self._coming else []
        if self._wake is not None:
            moments.append(self._wake)
        return max(min(moments), self.now.mono) if moments else None

    def kill(self, fmri: str, signo: int = 9) -> None:
        """A stranger's signal ends the main process."""
        contract = self.contracts.get(fmri)
        if contract is not None and contract.main in contract.processes:
            self._end(fmri, contract, contract.main, Status("signal", signo))
            self._pump()

    def exit(self, fmri: str, code: int = 0) -> None:
        """The main process ends by itself now."""
        contract = self.contracts.get(fmri)
        if contract is not None and contract.main in contract.processes:
            self._end(fmri, contract, contract.main, Status("exit", code))
            self._pump()

    def alive(self, fmri: str) -> bool:
        """Has the instance's contract any process?"""
        contract = self.contracts.get(fmri)
        return contract is not None and bool(contract.processes)

    def state(self, fmri: str) -> str:
        """The shown state, and after a slash the next state where there is one."""
        i = self.engine.instance(fmri)
        return f"{i.shown_state}/{i.shown_next}" if i.shown_next else str(i.shown_state)

    def elapsed(self) -> float:
        """Seconds since the world began."""
        return (self.now.mono - self.began) / SECOND

    # -- time

    def _set(self, at: int) -> None:
        at = max(at, self.now.mono)
        self.now = Now(at, self.now.wall + at - self.now.mono)

    def _go(self, at: int) -> None:
        self._set(at)
        if self._wake is not None and self._wake <= at:
            self._hand([Due()])
        self._pump()

    def _pump(self) -> None:
        """Deliver what has happened by now, a moment's happenings in one turn."""
        while self._coming and self._coming[0][0] <= self.now.mono:
            events = []
            last = self._serial
            while self._coming and self._coming[0][0] <= self.now.mono:
                if self._coming[0][1] > last:
                    break
                event = heappop(self._coming)[2]()
                if event is not None:
                    events.append(event)
            if events:
                self._hand(events)

    def _later(self, seconds: float, happening: Callable[[], Event | None]) -> None:
        self._serial += 1
        at = self.now.mono + int(seconds * SECOND)
        heappush(self._coming, (at, self._serial, happening))

    def _soon(self, event: Event) -> None:
        self._later(0.0, lambda: event)

    # -- effects

    def _hand(self, events: list[Event]) -> list[Effect]:
        found = self.engine.handle(events, self.now)
        for effect in found:
            if self.keep_log:
                self.log.append((self.elapsed(), effect))
            act = _ACTS.get(type(effect))
            if act is not None:
                act(self, effect)
        if self.after is not None:
            self.after(events, found)
        return found

    def _of(self, fmri: str) -> Behaviour:
        return self.behaviour.get(fmri, _ORDINARY)

    def _spawn(self, e: fx.Spawn) -> None:
        b = self._of(e.fmri)
        if b.spawn_error:
            failed = NotSpawned(e.fmri, e.run, e.method, 2, b.spawn_error)
            self._later(LEAST, lambda: failed)
            return
        self._pid += 1
        self._soon(Spawned(e.fmri, e.run, e.method, self._pid))
        if e.method in OWN:
            key = (e.fmri, e.method)
            self.own[key] = self._pid
            if b.takes is not None:
                self._later(b.takes, lambda p=self._pid: self._own_end(e, key, p))  # type: ignore[misc]
            return
        contract = self.contracts.get(e.fmri)
        if contract is None or contract.run != e.run:
            contract = self.contracts[e.fmri] = _Contract(e.run, e.ctid, e.definition)
        contract.processes[e.method] = self._pid
        kind = e.definition.ready.kind
        if e.method == "start" and kind not in ("exit", "pidfile"):
            self._main(e, contract, b, kind)
        elif b.takes is not None:
            self._later(b.takes, lambda: self._method_end(e, contract, b))

    def _main(self, e: fx.Spawn, contract: _Contract, b: Behaviour, kind: str) -> None:
        contract.main = "start"
        if b.leaves:
            contract.processes["left"] = self._pid + 1_000_000
        if kind in ("notify", "fd") and b.ready_after is not None:
            self._later(b.ready_after, lambda: self._is_ready(e.fmri, e.run))
        if b.exit_after is not None:
            self._later(
                max(LEAST, b.exit_after), lambda: self._by_itself(e.fmri, contract, b.status)
            )

    def _by_itself(self, fmri: str, contract: _Contract, status: Status) -> None:
        if contract.main in contract.processes:
            self._end(fmri, contract, contract.main, status)

    def _is_ready(self, fmri: str, run: int) -> Event | None:
        contract = self.contracts.get(fmri)
        if contract is None or contract.run != run or not contract.processes:
            return None
        return Ready(fmri, run)

    def _own_end(self, e: fx.Spawn, key: tuple[str, str], pid: int) -> Event | None:
        if self.own.get(key) != pid:
            return None
        del self.own[key]
        return Exited(e.fmri, e.run, e.method, self._of(e.fmri).methods.get(e.method, OK))

    def _method_end(self, e: fx.Spawn, contract: _Contract, b: Behaviour) -> Event | None:
        if e.method not in contract.processes:
            return None
        status = b.methods.get(e.method, OK)
        d = e.definition
        stays = d.ends == "empty" or d.ready.kind == "pidfile"
        if e.method == "start" and stays and status.ok and e.number + 1 >= len(d.start):
            contract.main = "daemon"
            contract.processes["daemon"] = contract.processes["start"] + 1_000_000
            if b.exit_after is not None:
                self._later(
                    max(LEAST, b.exit_after), lambda: self._by_itself(e.fmri, contract, b.status)
                )
        self._end(e.fmri, contract, e.method, status)
        return None

    def _end(self, fmri: str, contract: _Contract, name: str, status: Status) -> None:
        """A process of a contract ends: its exit, then the emptiness that follows from it."""
        if contract.processes.pop(name, None) is None:
            return
        if name == contract.main:
            self._soon(Exited(fmri, contract.run, "main", status))
        elif name in ("prepare", "start"):
            self._soon(Exited(fmri, contract.run, name, status))
        if not contract.processes:
            self._soon(Empty(fmri, contract.run))

    def _signal(self, e: fx.Signal) -> None:
        contract = self.contracts.get(e.fmri)
        if contract is None or contract.run != e.run or not contract.processes:
            if e.scope == "all":
                self._soon(Empty(e.fmri, e.run))
            return
        b = self._of(e.fmri)
        if e.scope == "main":
            names = [contract.main]
        elif e.scope == "method":
            names = [n for n in contract.processes if n != contract.main]
        else:
            names = list(contract.processes)
        if e.signo in LETHAL and e.signo not in b.ignores and not b.unkillable:
            self._die(e.fmri, contract, names, e.signo, 0.0 if e.signo == 9 else b.dies_after)

    def _die(
        self, fmri: str, contract: _Contract, names: list[str], signo: int, seconds: float
    ) -> None:
        def happen() -> None:
            for name in names:
                self._end(fmri, contract, name, Status("signal", signo))

        self._later(seconds, happen)

    def _kill(self, e: fx.Kill) -> None:
        if e.scope == "method":
            for key in [key for key in self.own if key[0] == e.fmri]:
                del self.own[key]
                self._soon(Exited(e.fmri, e.run, key[1], Status("signal", 9)))
            return
        self._signal(fx.Signal(e.fmri, e.run, "all", 9))

    def _probe(self, e: fx.ProbeOn) -> None:
        b = self._of(e.fmri)
        for name in e.names:
            if name != "ready":
                self._later(max(LEAST, e.after), lambda n=name: Probed(e.fmri, e.run, n, b.healthy))  # type: ignore[misc]
            elif b.ready_after is not None:
                self._later(b.ready_after, lambda: self._is_ready(e.fmri, e.run))

    def _watch(self, e: fx.Watch) -> None:
        self._soon(Fact(e.target, e.target in self.files))

    def _save(self, e: fx.Save) -> None:
        self.saves[e.fmri] = e.intent
        self._soon(Saved(e.token))

    def _publish(self, e: fx.Publish) -> None:
        self.published.append(e)

    def _outcome(self, e: fx.Outcome) -> None:
        if not e.fmri:
            self.outcomes[e.number] = e.outcome

    def _set_wake(self, e: fx.Wake) -> None:
        self._wake = e.at

    def _exit(self, e: fx.Exit) -> None:
        self.exited = e.status

    def _orphaned(self, e: fx.Orphaned) -> None:
        self.orphans.append(e)

    # -- a new manager

    def replace_manager(self) -> None:
        """The engine dies and a successor takes over from its records, as after a crash between
        two turns. Happenings under way arrive at the successor.
        """
        from .events import Adopted

        old = self.engine
        records = old.records()
        self.engine = Engine(cap=old.cap)
        self.engine.down_timeout = old.down_timeout
        self.engine.restore(records)
        events: list[Event] = [Defined(i.definition) for i in old.instances.values()]
        for name, i in old.instances.items():
            if i.stage == "idle":
                continue
            c = self.contracts.get(name)
            here = c is not None and c.run == i.run
            main: Status | str = "never"
            if c is not None and here and c.main:
                main = "alive" if c.main in c.processes else "unknown"
            method: Status | str = "never"
            if (name, i.method) in self.own or (
                c is not None and here and i.method in c.processes and i.method != c.main
            ):
                method = "alive"
            elif i.pending == "running":
                method = "unknown"
            events.append(Adopted(name, main, method, c is not None and here and bool(c.processes)))
        self._wake = None
        self._hand(events)
        self._pump()

    def with_behaviour(self, fmri: str, **changes: object) -> None:
        """Change how an instance's processes act from now on."""
        self.behaviour[fmri] = replace(self._of(fmri), **changes)


_ORDINARY = Behaviour()
_ACTS: dict[type, Callable[..., None]] = {
    fx.Spawn: World._spawn,
    fx.Signal: World._signal,
    fx.Kill: World._kill,
    fx.ProbeOn: World._probe,
    fx.Watch: World._watch,
    fx.Save: World._save,
    fx.Publish: World._publish,
    fx.Outcome: World._outcome,
    fx.Wake: World._set_wake,
    fx.Exit: World._exit,
    fx.Orphaned: World._orphaned,
}
