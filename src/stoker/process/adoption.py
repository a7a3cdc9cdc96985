"""Taking over what a predecessor left: each recorded run is looked for by identity, and what is
left of it is said.

A process is who it was recorded to be if it has the same number and start time, or lies in the
run's own cgroup. An end is known from what the predecessor wrote down before it reaped, or from the
keeper. A process that was started and not yet recorded is found by its mark (contracts.py), alive
or by what the keeper tells of its end; so none is started a second time. First it is looked who
lives, then the keeper is asked who has ended: what ends in between is then in the answer.

Contracts that no record knows are left over: methods' and probes' are killed, a run's is an orphan.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from stoker.linux import limits, pidfd, proc
from stoker.model import Definition

from . import spawner
from .contracts import Contract, contract_name, is_run
from .executor import Executor
from .readiness import NotifySocket, ReadyPipe
from .reaper import End
from .runs import Child, Run, is_main
from .traces import Traces, born

__all__ = ["Found", "KeptEnd", "Remains", "adopt", "recognise"]

_UNBORN = End("signal", spawner.UNBORN)
ALIVE, NEVER, UNKNOWN = "alive", "never", "unknown"


class Remains(msgspec.Struct):
    """What the records say about one run. `main`, `method`: (pid, start) or None; a start of 0 was
    not read.

    `expected`: a method whose process, of step `step`, may exist though it was never recorded (""
    if none). `ends`: those written down, by method, main as "main". `watchdog`: microseconds that
    it had asked for.
    """

    fmri: str
    run: int
    ctid: int
    definition: Definition
    main: tuple[int, int] | None = None
    method: str = ""
    process: tuple[int, int] | None = None
    expected: str = ""
    step: int = 0
    watchdog: int = 0
    ends: Mapping[str, End] = {}


class Found(msgspec.Struct):
    """What is left of it: `main`, `method` are "alive", "never", "unknown" or how it ended.

    `pid`, `start`: the process of `expected`, where it was found. `main_start`: of a recorded main
    process that lives.
    """

    fmri: str
    main: End | str = NEVER
    method: End | str = NEVER
    populated: bool = False
    pid: int = 0
    start: int = 0
    main_start: int = 0

    @property
    def alive(self) -> bool:
        """Whether any process that was looked for lives."""
        return ALIVE in (self.main, self.method)


class KeptEnd(msgspec.Struct, frozen=True):
    """An end that the keeper tells of; `contract`: the name of its contract, "" if not known;
    `mark`: what it bore, 0 if nothing.
    """

    pid: int
    start: int
    end: End
    contract: str
    mark: int = 0


def adopt(
    executor: Executor,
    remains: Sequence[Remains],
    ends: Callable[[], Iterable[KeptEnd]],
    items: Mapping[str, int],
) -> list[Found]:
    """Look for every run and take over what lives. `ends()`: what the keeper tells of ends,
    and has not told before; asked after everything was looked for, for who is not there has ended
    by then. `items`: descriptors that the keeper held, by name (``notify/…``, ``ready/…``), which
    are used up.
    """
    descriptors = dict(items)
    adopter = _Adopter(executor, ends, descriptors)
    cases = [adopter.look(one) for one in remains]
    adopter.hear()
    found = [adopter.conclude(case) for case in cases]
    adopter.sweep()
    for kept in adopter.told:
        if kept.pid in executor.reaper.children:  # taken over alive, and ended meanwhile
            executor.reaper.elsewhere(kept.pid, kept.start, kept.end, kept.contract)
    for fd in descriptors.values():
        os.close(fd)
    return found


class _Case(msgspec.Struct):
    """One run while it is looked for. `open`: words of recorded processes that are not there;
    `dying`: those of them that were there to be reaped; `there`: (start, pid) of those that may be
    the expected one.
    """

    remains: Remains
    run: Run
    found: Found
    open: dict[str, tuple[int, int]] = {}
    dying: set[str] = set()
    mark: int = 0
    there: set[tuple[int, int]] = msgspec.field(default_factory=set)

    @property
    def recorded(self) -> set[int]:
        """Processes that it cannot be, for we know what they were."""
        return {one[0] for one in (self.remains.main, self.remains.process) if one}


class _Adopter:
    def __init__(
        self,
        executor: Executor,
        ends: Callable[[], Iterable[KeptEnd]],
        descriptors: dict[str, int],
    ) -> None:
        self.executor = executor
        self.ends = ends
        self.told: list[KeptEnd] = []
        self.descriptors = descriptors
        self.traces = Traces()
        self.names: set[str] = set()  # contracts that belong to somebody
        self.by_pid: dict[int, list[KeptEnd]] = {}
        self.by_mark: dict[int, list[KeptEnd]] = {}
        self.by_contract: dict[str, list[KeptEnd]] = {}
        self.executor.contracts.turn()

    def hear(self) -> None:
        """What the keeper tells, since it was last asked."""
        new = list(self.ends())
        self.told += new
        for kept in new:
            if kept.end == _UNBORN:
                continue
            self.by_pid.setdefault(kept.pid, []).append(kept)
            if self.traces.marked(kept.mark):
                self.by_mark.setdefault(kept.mark, []).append(kept)
            elif kept.contract:
                self.by_contract.setdefault(kept.contract, []).append(kept)

    # -- who is there

    def look(self, remains: Remains) -> _Case:
        """One recorded run: whoever of it lives is taken over."""
        contract = self._contract(remains)
        run = Run(
            remains.fmri, remains.run, remains.ctid, remains.definition, contract, os.geteuid()
        )
        self.names.add(contract.name)
        self.executor.runs[remains.fmri] = run
        case = _Case(remains, run, Found(remains.fmri))
        if remains.main is not None:
            case.found.main = self._known(case, "main", remains.main, contract)
        if remains.process is not None and remains.method and remains.process != remains.main:
            own = self._contract_of(run, remains.method)
            self.names.add(own.name)
            case.found.method = self._known(case, remains.method, remains.process, own)
        if remains.expected:
            self._candidates(case)
        return case

    def _contract(self, remains: Remains) -> Contract:
        contracts = self.executor.contracts
        try:
            return contracts.run(remains.fmri, remains.ctid, remains.definition.limits)
        except OSError:  # its limits cannot be had (any more); what runs, runs
            return contracts.run(remains.fmri, remains.ctid)

    def _contract_of(self, run: Run, method: str) -> Contract:
        if method in ("prepare", "start"):
            return run.contract
        return self.executor.contracts.method(run.fmri, run.ctid, method)

    def _known(
        self, case: _Case, word: str, process: tuple[int, int], contract: Contract
    ) -> End | str:
        """A process that was recorded: alive, or how it ended."""
        ended = case.remains.ends.get(word)
        if ended is not None:
            return ended
        if process[0] == 0:
            return UNKNOWN
        if self._there(case.run, word, process, contract, zombie=False):
            if case.run.main is not None:  # next time it is known by that, without its contract
                case.found.main_start = case.run.main.start
            return ALIVE
        case.open[word] = process
        stat = proc.stat(process[0])
        if stat is not None and stat.zombie:
            case.dying.add(word)
        return UNKNOWN

    def _there(
        self, run: Run, word: str, process: tuple[int, int], contract: Contract, zombie: bool
    ) -> bool:
        """Take over a recorded process if it is there; `zombie`: even if it is yet to be reaped."""
        pid, start = process
        fd = pidfd.open_pid(pid)
        stat = proc.stat(pid)  # after that: so the descriptor is this process's too
        there = stat is not None and (zombie or not stat.zombie)
        if stat is None or not there or not _same(stat, start, contract):
            if fd is not None:
                os.close(fd)
            return False
        main = word == "main"
        self._take(run, "start" if main else word, contract, stat, main, fd)
        return True

    def _candidates(self, case: _Case) -> None:
        """Who may be the process that was to be started: who bears its mark. Where processes bear
        none (they could not be marked, or come from a manager that marked nothing) it is one that
        leads a session in the contract.
        """
        remains = case.remains
        contract = self._contract_of(case.run, remains.expected)
        self.names.add(contract.name)
        case.mark = self.executor.contracts.mark(
            contract, remains.run, remains.expected, remains.step
        )
        case.there.update(self.traces.bearing(case.mark))
        for pid in contract.members():
            stat, mark = proc.stat(pid), limits.mark_of(pid)
            if stat is None or pid in case.recorded:
                continue
            if mark == case.mark or (not self.traces.marked(mark) and stat.session == pid):
                case.there.add((stat.start, pid))

    # -- who is not

    def conclude(self, case: _Case) -> Found:
        """What became of those that were not there."""
        remains, run, found = case.remains, case.run, case.found
        for word, process in case.open.items():
            contract = run.contract if word == "main" else self._contract_of(run, word)
            state: End | str | None = self._end_of(*process, contract.name)
            if state is None and self._there(run, word, process, contract, zombie=True):
                state = ALIVE
            if state is None and word in case.dying:  # the keeper has reaped it since
                self.hear()
                state = self._end_of(*process, contract.name)
            if word == "main":
                found.main = state or UNKNOWN
            else:
                found.method = state or UNKNOWN
        if remains.expected:
            self._expected(case)
        self._listen(run, remains.watchdog)
        run.populated = found.populated = run.direct() or run.contract.populated()
        if run.populated and not run.direct():
            self.executor.emptiness.check(run)
        return found

    def _end_of(self, pid: int, start: int, name: str) -> End | None:
        for kept in self.by_pid.get(pid, ()):
            same = not start or not kept.start or kept.start == start
            if same and kept.contract in ("", name):
                return kept.end
        return None

    def _take(
        self,
        run: Run,
        method: str,
        contract: Contract,
        stat: proc.Stat,
        main: bool,
        fd: int | None = None,
    ) -> None:
        ours = stat.ppid == os.getpid()
        if fd is not None and ours:
            os.close(fd)
            fd = None
        if stat.ppid:
            self.executor.contracts.foster(stat.ppid)
        child = Child(
            stat.pid, stat.start, method, run, contract, main, ours, -1 if fd is None else fd
        )
        contract.enroll(stat.pid)
        if main:
            run.main = child
        run.methods[method] = child
        self.executor.reaper.add(child)

    def _expected(self, case: _Case) -> None:
        """A process that was to be started: it is there, it has ended already, or it was never
        born. Of several that bear its mark it is the oldest: the others descend from it.
        """
        run, found, method = case.run, case.found, case.remains.expected
        contract = self._contract_of(run, method)
        main = is_main(run.definition, method, case.remains.step)
        unmarked = self.by_contract.get(contract.name, ())
        ends = [*self.by_mark.get(case.mark, ())]
        ends += [kept for kept in unmarked if kept.pid not in case.recorded]
        ended = {(kept.start, kept.pid): kept.end for kept in ends}
        oldest = min((*case.there, *ended), default=None)
        state: End | str = NEVER
        noted = case.remains.ends.get("main" if main else method)
        if noted is not None:
            state = noted
        elif oldest is not None:
            found.start, found.pid = oldest
            state = ended.get(oldest, ALIVE)
            if state == ALIVE:
                stat = proc.stat(found.pid)
                if stat is None or stat.start != found.start:  # the keeper will tell how it ended
                    stat = proc.Stat(found.pid, "", "X", 0, 0, 0, 0, 0, 0, 0, found.start)
                self._take(run, method, contract, stat, main)
        if main:
            found.main = state
        else:
            found.method = state

    def _listen(self, run: Run, watchdog: int) -> None:
        """The sockets on which it says that it is ready."""
        executor = self.executor
        fd = self.descriptors.pop(f"notify/{run.fmri}", None)
        if fd is not None:
            allowed, tell = executor.hearing.allowed(run), executor.hearing.teller(run)
            run.notify = NotifySocket(executor.loop, allowed, tell, fd, watchdog)
        fd = self.descriptors.pop(f"ready/{run.fmri}", None)
        if fd is not None:
            run.ready_pipe = ReadyPipe(executor.loop, executor.hearing.piped(run), fd)

    def sweep(self) -> None:
        """Contracts that nobody knows."""
        for contract in self.executor.contracts.found():
            if contract.name in self.names:
                continue
            if not is_run(contract.name):
                contract.kill()
                self.executor.emptiness.remove_later(contract)
            elif not contract.remove():
                self.executor.emptiness.orphan(contract)


def _same(stat: proc.Stat, start: int, contract: Contract) -> bool:
    """Whether it is who was recorded: by its start time, or else by where it is."""
    return stat.start == start if start else contract.contains(stat.pid)


def recognise(executor: Executor, definitions: Iterable[Definition]) -> list[Remains]:
    """Runs that no record tells of (the state is lost, a keeper was killed with its manager): a
    contract bears the name of the instance, and the leader of its oldest session is taken for the
    main process.
    """
    contracts = executor.contracts
    contracts.search()
    known = {contract_name(one.fmri, 0).rpartition(".")[0]: one for one in definitions}
    found: dict[str, Remains] = {}
    for contract in contracts.found():
        name, _, number = contract.name.rpartition(".")
        one = known.get(name)
        if one is None or not is_run(contract.name) or one.fmri in found:
            continue
        leaders = []
        born(contract)
        for pid in contract.members():
            stat = proc.stat(pid)
            if stat is not None and stat.session == pid:
                leaders.append((stat.start, pid))
        if not contract.populated():
            continue
        main = None
        if leaders and is_main(one, "start", len(one.start) - 1):
            start, pid = min(leaders)
            main = (pid, start)
        found[one.fmri] = Remains(one.fmri, 1, int(number), one, main)
    return list(found.values())
