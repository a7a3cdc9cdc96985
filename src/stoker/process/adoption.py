"""Taking over what a predecessor left: each recorded run is looked for by identity, and what is
left of it is said.

A process is who it was recorded to be if it has the same number and start time, or lies in the
run's own cgroup. An end is known from what the predecessor wrote down before it reaped, or from the
keeper. A process that was started and not yet recorded is found by its contract, whose name was
made first: it is the leader of a session, and the oldest there. Contracts that no record knows are
left over: methods' and probes' are killed, a run's is an orphan.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stoker.linux import pidfd, proc
from stoker.model import Definition

from . import spawner
from .contracts import Contract, contract_name, is_run
from .executor import Executor
from .readiness import NotifySocket, ReadyPipe
from .reaper import End
from .runs import Child, Run, is_main

__all__ = ["Found", "Remains", "adopt", "end_process"]

_UNBORN = End("signal", spawner.UNBORN)
_BIRTH = 5.0  # seconds for a process that its dead spawner has not released to end
ALIVE, NEVER, UNKNOWN = "alive", "never", "unknown"


@dataclass(slots=True)
class Remains:
    """What the records say about one run. `main`, `method`: (pid, start) or None; a start of 0 was
    not read.

    `expected`: a method whose process, of step `step`, may exist though it was never recorded (""
    if none). `ends`: those written down, by method, main as "main".
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
    ends: Mapping[str, End] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What is left of it: `main`, `method` are "alive", "never", "unknown" or how it ended.

    `pid`, `start`: the process of `expected`, where it was found."""

    fmri: str
    main: End | str = NEVER
    method: End | str = NEVER
    populated: bool = False
    pid: int = 0
    start: int = 0

    @property
    def alive(self) -> bool:
        """Whether any process that was looked for lives."""
        return ALIVE in (self.main, self.method)


@dataclass(frozen=True, slots=True)
class KeptEnd:
    """An end that the keeper tells of; `contract`: the name of its contract, "" if not known."""

    pid: int
    start: int
    end: End
    contract: str


def adopt(
    executor: Executor,
    remains: Sequence[Remains],
    ends: Iterable[KeptEnd],
    items: Mapping[str, int],
) -> list[Found]:
    """Look for every run and take over what lives. `items`: descriptors that the keeper held, by
    name (``notify/…``, ``ready/…``), which are used up.
    """
    by_pid: dict[int, list[KeptEnd]] = {}
    by_contract: dict[str, list[KeptEnd]] = {}
    for kept in ends:
        by_pid.setdefault(kept.pid, []).append(kept)
        if kept.contract:
            by_contract.setdefault(kept.contract, []).append(kept)
    descriptors = dict(items)
    adopter = _Adopter(executor, by_pid, by_contract, descriptors)
    found = [adopter.one(one) for one in remains]
    adopter.sweep()
    for fd in descriptors.values():
        os.close(fd)
    return found


class _Adopter:
    def __init__(
        self,
        executor: Executor,
        by_pid: Mapping[int, Sequence[KeptEnd]],
        by_contract: Mapping[str, Sequence[KeptEnd]],
        descriptors: dict[str, int],
    ) -> None:
        self.executor = executor
        self.by_pid = by_pid
        self.by_contract = by_contract
        self.descriptors = descriptors
        self.names: set[str] = set()  # contracts that belong to somebody
        self.executor.contracts.turn()

    def one(self, remains: Remains) -> Found:
        """One recorded run."""
        executor = self.executor
        contract = self._contract(remains)
        run = Run(
            remains.fmri, remains.run, remains.ctid, remains.definition, contract, os.geteuid()
        )
        self.names.add(contract.name)
        executor.runs[remains.fmri] = run
        found = Found(remains.fmri)
        if remains.main is not None:
            found.main = self._known(run, remains, "main", remains.main, contract)
        if remains.process is not None and remains.method and remains.process != remains.main:
            own = self._contract_of(run, remains.method)
            self.names.add(own.name)
            found.method = self._known(run, remains, remains.method, remains.process, own)
        if remains.expected:
            self._expected(run, remains, found)
        self._listen(run)
        run.populated = found.populated = contract.populated()
        if run.populated and not run.direct():
            executor.emptiness.check(run)
        return found

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
        self, run: Run, remains: Remains, word: str, process: tuple[int, int], contract: Contract
    ) -> End | str:
        """A process that was recorded: alive, or how it ended."""
        pid, start = process
        ended = remains.ends.get(word)
        if ended is not None:
            return ended
        if pid == 0:
            return UNKNOWN
        for kept in self.by_pid.get(pid, ()):
            if (not start or not kept.start or kept.start == start) and kept.contract in (
                "",
                contract.name,
            ):
                return kept.end
        stat = proc.stat(pid)
        same = stat is not None and (stat.start == start if start else contract.contains(pid))
        if stat is None or not same:
            return UNKNOWN
        main = word == "main"
        self._take(run, "start" if main else word, contract, pid, stat.start, main)
        return ALIVE

    def _take(
        self, run: Run, method: str, contract: Contract, pid: int, start: int, main: bool
    ) -> None:
        stat = proc.stat(pid)
        ours = stat is not None and stat.ppid == os.getpid()
        if stat is not None:
            self.executor.contracts.foster(stat.ppid)
        child = Child(pid, start, method, run, contract, main, ours)
        contract.enroll(pid)
        if main:
            run.main = child
        run.methods[method] = child
        self.executor.reaper.add(child)

    def _expected(self, run: Run, remains: Remains, found: Found) -> None:
        """A process that was to be started: it is there, it has ended already, or it was never
        born.
        """
        method = remains.expected
        contract = self._contract_of(run, method)
        self.names.add(contract.name)
        main = is_main(run.definition, method, remains.step)
        recorded = {process[0] for process in (remains.main, remains.process) if process}
        leaders = []
        _born(contract)
        for pid in contract.members():
            stat = proc.stat(pid)
            if stat is not None and stat.session == pid and pid not in recorded:
                leaders.append((stat.start, pid))
        state: End | str = NEVER
        if leaders:
            found.start, found.pid = min(leaders)
            self._take(run, method, contract, found.pid, found.start, main)
            state = ALIVE
        else:
            for kept in self.by_contract.get(contract.name, ()):
                if kept.pid not in recorded and kept.end != _UNBORN:
                    state, found.pid, found.start = kept.end, kept.pid, kept.start
                    break
        if main:
            found.main = state
        else:
            found.method = state

    def _listen(self, run: Run) -> None:
        """The sockets on which it says that it is ready."""
        executor = self.executor
        fd = self.descriptors.pop(f"notify/{run.fmri}", None)
        if fd is not None:
            run.notify = NotifySocket(
                executor.loop, executor._allowed(run), executor._teller(run), fd
            )
        fd = self.descriptors.pop(f"ready/{run.fmri}", None)
        if fd is not None:
            run.ready_pipe = ReadyPipe(executor.loop, executor._piped(run), fd)

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
        _born(contract)
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


def _born(contract: Contract) -> None:
    """Wait until every process in the contract is what it was started for, or has ended: one that
    the predecessor's spawner had made and not released ends by itself, in a moment.
    """
    deadline = time.monotonic() + _BIRTH
    while any(spawner.__file__ in (proc.cmdline(pid) or ()) for pid in contract.members()):
        if time.monotonic() > deadline:
            return
        time.sleep(0.001)


def end_process(pid: int, start: int, patience: float = 10.0) -> bool:
    """KILL exactly this process (the predecessor's spawner) and wait until it has ended: what it
    was told to do it has then done or will never do. True when it is gone. For the time before the
    loop runs.
    """
    fd = pidfd.open_pid(pid)
    if fd is None:
        return True
    try:
        if start and not proc.is_same(pid, start):
            return True
        pidfd.send_signal(fd, signal.SIGKILL)
        deadline = time.monotonic() + patience
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
    finally:
        os.close(fd)
