"""A machine made of numbers: it carries out effects, and answers with events, late if it likes.

It stands for the kernel and the executor. Processes die when they want to, ignore TERM, survive
KILL for a while, leave children behind; what happens is put into `mail`, and reaches the engine
when the driver says so, or never (when the manager dies first: the next one then asks `adopted`).
It knows nothing of the graph.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from stoker.engine import (
    Adopted,
    Empty,
    Event,
    Exited,
    Fact,
    Kill,
    NotSaved,
    NotSpawned,
    Orphaned,
    Probed,
    ProbeOff,
    ProbeOn,
    Ready,
    Release,
    Save,
    Saved,
    Signal,
    Spawn,
    Spawned,
    Status,
    Watch,
)
from stoker.model import Definition

OWN = frozenset(("stop", "refresh", "decide", "cleanup"))
IGNORED = frozenset((1, 17, 18, 28))  # signals that end nothing here


class Broken(AssertionError):
    """An invariant does not hold."""


class Contract:
    """The processes of one run. `main`, and values of `methods`: "alive" or how it ended.

    `others`: processes that nobody waits for. `stubborn`: 0 dies of TERM, 1 only of KILL, 2 of
    nothing for now. `steps`: which step of each method was started last.
    """

    __slots__ = (
        "ctid",
        "definition",
        "doomed",
        "fmri",
        "main",
        "methods",
        "orphaned",
        "others",
        "probes",
        "ready",
        "released",
        "run",
        "steps",
        "stubborn",
        "told",
        "well",
    )

    def __init__(self, fmri: str, run: int, ctid: int, definition: Definition) -> None:
        self.fmri, self.run, self.ctid, self.definition = fmri, run, ctid, definition
        self.main: str | Status = ""
        self.methods: dict[str, str | Status] = {}
        self.steps: dict[str, int] = {}
        self.others = 0
        self.stubborn = 0
        self.told = True  # whether it has been told that it is empty
        self.released = self.orphaned = False
        self.doomed = False  # KILL was sent while it could not die
        self.probes: dict[str, None] = {}
        self.ready = False  # it has said that it is
        self.well: dict[str, None] = {}  # probes that have said yes last

    @property
    def inside(self) -> bool:
        """Whether a process lives in it (methods that have a contract of their own left out)."""
        if self.main == "alive" or self.others:
            return True
        return any(v == "alive" and m not in OWN for m, v in self.methods.items())

    def alive(self) -> list[str]:
        """The methods whose process lives."""
        return [m for m, v in self.methods.items() if v == "alive"]


class Machine:
    """See the module. `below(n)` answers a number from 0 to n - 1."""

    def __init__(self, below: Any) -> None:
        self.below = below
        self.mail: list[Event] = []
        self.contracts: dict[str, Contract] = {}
        self.left: list[Contract] = []  # released, not empty
        self.choices: dict[str, Any] = {}
        self.files: dict[str, bool] = {}
        self.watched: dict[str, None] = {}
        self.pids = 100
        self.calm = False  # everything goes well from now on

    # -- effects

    def spawn(self, e: Spawn) -> None:
        """Start a process: invariant 1 is looked at where it would break."""
        c = self.contracts.get(e.fmri)
        if c is None or c.ctid != e.ctid:
            c = self._begin(e, c)
        if c.run != e.run:
            if c.inside:
                raise Broken(f"run {e.run} of {e.fmri} begins again, run {c.run} is alive")
            c.run, c.main, c.methods, c.steps, c.ready = e.run, "", {}, {}, False
        if c.main == "alive" and e.method in ("prepare", "start"):
            raise Broken(f"{e.method} of {e.fmri} run {e.run} beside its main process")
        beside = [m for m in c.alive() if m in OWN or e.method not in OWN]
        if beside:
            raise Broken(f"{e.method} of {e.fmri} run {e.run} is started while {beside} runs")
        if not self.calm and self.below(16) == 15:
            self.mail.append(NotSpawned(e.fmri, e.run, e.method, 2, "no such file"))
            return
        self.pids += 1
        c.definition = e.definition
        c.steps[e.method] = e.number
        d = e.definition
        last = e.number == len(d.start) - 1
        if e.method == "start" and last and d.ready.kind not in ("exit", "pidfile"):
            c.main = "alive"
        else:
            c.methods[e.method] = "alive"
        if e.method not in OWN:
            c.told = False
        else:  # the end of one that was given up is told to nobody
            self.mail = [m for m in self.mail if not self._ends(m, e)]
        self.mail.append(Spawned(e.fmri, e.run, e.method, self.pids))

    def _begin(self, e: Spawn, before: Contract | None) -> Contract:
        for old in [*([before] if before else []), *(x for x in self.left if x.fmri == e.fmri)]:
            if old.inside and not old.orphaned:
                raise Broken(f"run {e.run} of {e.fmri} begins, run {old.run} is alive")
        c = self.contracts[e.fmri] = Contract(e.fmri, e.run, e.ctid, e.definition)
        return c

    def open(self, e: Spawn) -> None:
        """The contract of a run whose processes another restarter starts, or has (a new manager
        asks for the second time).
        """
        c = self.contracts.get(e.fmri)
        if c is None or c.ctid != e.ctid or c.run != e.run:
            c = self._begin(e, c)
        c.ready = False  # whatever it said, it says again

    def leave(self, c: Contract) -> None:
        """Nobody knows of it any more."""
        self.contracts.pop(c.fmri)
        c.orphaned = True
        self.left.append(c)

    @staticmethod
    def _ends(mail: Event, e: Spawn) -> bool:
        own = isinstance(mail, Exited) and mail.method == e.method
        return own and (mail.fmri, mail.run) == (e.fmri, e.run)

    def signal(self, e: Signal) -> None:
        """TERM and its like end what is not stubborn."""
        c = self.of(e.fmri, e.run)
        if c is None or e.signo in IGNORED:
            return
        hard = e.signo == 9
        if e.scope == "method":
            for m in c.alive():
                self.end_method(c, m, Status("signal", e.signo))
        elif hard or c.stubborn == 0:
            if e.scope == "main":
                if c.stubborn < 2:
                    self.end_main(c, Status("signal", e.signo))
            else:
                self.sweep(c, e.signo)
        if e.scope == "all" and not c.inside:
            c.told = False
            self.look(c)

    def kill(self, e: Kill) -> None:
        """KILL to the whole contract, or to the running method."""
        c = self.of(e.fmri, e.run)
        if c is None:
            return
        for m in c.alive():
            if m in OWN or (e.scope == "method" and c.stubborn < 2):
                self.end_method(c, m, Status("signal", 9))
        if e.scope == "contract":
            self.sweep(c, 9)
            if not c.inside:
                c.told = False
                self.look(c)

    def release(self, e: Release) -> None:
        """The run is over; what is alive in it nobody will ever look at again."""
        c = self.of(e.fmri, e.run)
        if c is None:
            return
        del self.contracts[e.fmri]
        for m in c.alive():
            if m in OWN:
                c.methods[m] = Status("signal", 9)
        c.released = True
        if c.inside:
            if not (e.abandon or c.orphaned or c.definition.ends == "never"):
                raise Broken(f"run {c.run} of {e.fmri} is released with processes in it")
            self.left.append(c)

    def probe_on(self, e: ProbeOn) -> None:
        """Begin to look."""
        c = self.of(e.fmri, e.run)
        if c is not None:
            for name in e.names:
                c.probes[name] = None
                c.well.pop(name, None)

    def probe_off(self, e: ProbeOff) -> None:
        """Look no more."""
        c = self.of(e.fmri, e.run)
        if c is not None:
            for name in e.names:
                c.probes.pop(name, None)

    def save(self, e: Save) -> None:
        """A disk that may be full."""
        if not self.calm and self.below(8) == 7:
            self.mail.append(NotSaved(e.token, "no space left"))
            return
        if e.intent is None:
            self.choices.pop(e.fmri, None)
        else:
            self.choices[e.fmri] = e.intent
        self.mail.append(Saved(e.token))

    def watch(self, e: Watch) -> None:
        """A file's value comes back at once."""
        self.watched[e.target] = None
        self.mail.append(Fact(e.target, self.files.get(e.target, False)))

    def unwatch(self, e: Any) -> None:
        """Nobody needs it."""
        self.watched.pop(e.target, None)

    def orphan(self, e: Orphaned) -> None:
        """Listed from now on."""
        c = self.of(e.fmri, e.run)
        if c is not None:
            c.orphaned = True

    # -- what processes do

    def of(self, fmri: str, run: int) -> Contract | None:
        """The contract of a run, unless it is over."""
        c = self.contracts.get(fmri)
        return c if c is not None and c.run == run else None

    def end_main(self, c: Contract, status: Status) -> None:
        """The main process ends."""
        if c.main == "alive":
            c.main = status
            self.mail.append(Exited(c.fmri, c.run, "main", status))
            self.look(c)

    def end_method(self, c: Contract, method: str, status: Status) -> None:
        """A method's process ends; a start method may leave a daemon behind."""
        if c.methods.get(method) != "alive":
            return
        c.methods[method] = status
        if method == "start" and status.ok and c.definition.ends != "never":
            c.others += 1
        self.mail.append(Exited(c.fmri, c.run, method, status))
        if method not in OWN:
            self.look(c)

    def end_others(self, c: Contract) -> None:
        """All processes that nobody waits for end."""
        if c.others:
            c.others = 0
            self.look(c)

    def sweep(self, c: Contract, signo: int) -> None:
        """A signal ends everything inside, unless it is beyond all signals."""
        if c.stubborn == 2:
            c.doomed = c.doomed or signo == 9
            return
        status = Status("signal", signo)
        self.end_main(c, status)
        for m in c.alive():
            if m not in OWN:
                self.end_method(c, m, status)
        self.end_others(c)

    def look(self, c: Contract) -> None:
        """Tell once each time that it has become empty."""
        if not c.inside and not c.told and not c.released:
            c.told = True
            self.mail.append(Empty(c.fmri, c.run))

    def can_become_ready(self, c: Contract) -> bool:
        """Whether it could say, or be seen to be, ready."""
        kind = c.definition.ready.kind
        if c.ready:
            return False
        if kind in ("notify", "fd"):
            return c.main == "alive"
        if kind == "pidfile":
            return "ready" in c.probes and c.others > 0
        return "ready" in c.probes and c.main == "alive"

    def become_ready(self, c: Contract) -> None:
        """It is seen to be ready; a pidfile names a new main process."""
        c.probes.pop("ready", None)
        c.ready = True
        pid = 0
        if c.definition.ready.kind == "pidfile":
            self.pids += 1
            pid = self.pids
            c.others -= 1
            c.main = "alive"
        self.mail.append(Ready(c.fmri, c.run, pid))

    def probe(self, c: Contract, name: str, ok: bool) -> None:
        """A health probe answers."""
        c.well.pop(name, None)
        if ok:
            c.well[name] = None
        self.mail.append(Probed(c.fmri, c.run, name, ok))

    # -- a manager's death

    def adopted(self, records: dict[str, Any], but: Collection[str] = ()) -> list[Event]:
        """What a new manager finds of the runs in its predecessor's records, `but` of some."""
        self.watched.clear()
        found: list[Event] = []
        for fmri, r in records.items():
            if fmri == "engine" or fmri in but or r.get("stage", "idle") == "idle":
                continue
            c = self.of(fmri, r.get("run", 0))
            main: Status | str = "never"
            method: Status | str = "never"
            if c is None:
                c = self.contracts.get(fmri)
                same = c is not None and c.ctid == r.get("ctid")
                found.append(Adopted(fmri, main, method, same and c is not None and c.inside))
                continue
            c.probes.clear()
            c.ready = c.ready and r.get("ready_seen", False)
            asked = r.get("method", "") if r.get("pending") else ""
            same = c.steps.get(asked) == r.get("step", 0)
            if c.main and (r.get("main_alive") or (asked == "start" and same)):
                main = c.main if c.main == "alive" or self.below(3) < 2 else "unknown"
            if asked in c.methods and same:
                method = c.methods[asked]
                if method != "alive" and self.below(3) == 2:
                    method = "unknown"
            for m in c.alive():
                if m in OWN and m != asked:  # a contract that no record knows: it is ended first
                    c.methods[m] = Status("signal", 9)
            if not c.inside:
                c.told = True
            found.append(Adopted(fmri, main, method, c.inside))
        for fmri, c in list(self.contracts.items()):
            r = records.get(fmri)
            if fmri in but:
                continue
            if r is None or r.get("stage", "idle") == "idle" or r.get("ctid") != c.ctid:
                del self.contracts[fmri]
                if c.inside:
                    c.orphaned = True
                    self.left.append(c)
        return found
