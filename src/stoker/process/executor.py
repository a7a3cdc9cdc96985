"""The executor: carries out what was decided, tells what happened. It knows processes and
contracts, not the graph.

Order of a start: the pipes are made and given to the keeper, the contract is made (which records
the intention), the process is started in it, and only then told of. What cannot be started is told
with a sentence for people. Whatever goes wrong with one instance is told about that instance and
touches no other.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from stoker.linux import Loop, faults, limits, proc
from stoker.model import Definition

from .budget import Budget
from .command import Command, SpawnError
from .contracts import Contract, Contracts
from .emptiness import Emptiness
from .hearing import Hearing
from .helpers import Helpers
from .listeners import Listeners
from .looking import Looking
from .output import Outputs
from .readiness import NotifySocket, ReadyPipe
from .reaper import Reaper
from .report import Report, Start
from .runs import Child, Run, is_main
from .spawn import Spawning
from .starters import Spawner
from .surroundings import Surroundings, account, explain
from .usage import Usage, look
from .watches import FileWatches

__all__ = ["Executor", "Holder"]


class Holder(Protocol):
    """Who holds descriptors by name while no manager lives: the keeper."""

    def put(self, descriptors: Mapping[str, int]) -> None:
        """Hold these; they survive the caller when this returns."""

    def drop(self, names: Iterable[str]) -> None:
        """Close these."""


class Executor:
    """See the module. All methods return at once; what comes of them is told to `report`."""

    def __init__(
        self,
        loop: Loop,
        spawning: Spawning,
        contracts: Contracts,
        surroundings: Surroundings,
        outputs: Outputs,
        report: Report,
        holder: Holder,
        await_log: Callable[[str, int, str], object] = lambda fmri, run, pattern: None,
    ) -> None:
        self.loop = loop
        self.spawning = spawning
        self.spawner: Spawner = spawning  # of services; our own programs are started by us
        self.contracts = contracts
        self.surroundings = surroundings
        self.outputs = outputs
        self.report = report
        self.holder = holder
        self.listeners = Listeners(holder.put, holder.drop)
        self.runs: dict[str, Run] = {}
        self.budget: Budget | None = None  # of descriptors; None: not counted
        self._soft_limit: int | None = None
        self.hearing = Hearing(self)
        gone, stray = self.hearing.gone, self.hearing.stray
        self.reaper = Reaper(loop, contracts, report, gone, stray, spawning.ended)
        self.emptiness = Emptiness(loop, contracts, report)
        self.emptiness.unheard = self.hearing.unheard
        self.helpers = Helpers(loop, spawning, surroundings, contracts, self.reaper, self.emptiness)
        self.looking = Looking(
            loop, report, self.helpers.of, await_log, self._base, self.hearing.become_main
        )
        self.watches = FileWatches(loop, report.fact)
        loop.signals([signal.SIGCHLD], lambda _number: self.reaper.reap())

    @property
    def soft_limit(self) -> int | None:
        """Descriptors that services get, where ours was raised."""
        return self._soft_limit

    @soft_limit.setter
    def soft_limit(self, soft: int | None) -> None:
        self._soft_limit = soft
        self.spawning.lower(soft)

    def close(self) -> None:
        """Let go of everything of ours; what runs is left running."""
        for run in list(self.runs.values()):
            self._forget(run)
        self.watches.close()
        self.emptiness.close()
        self.spawning.close()

    def held(self) -> dict[str, int]:
        """Our descriptors that must outlive us, by the names that the keeper has for them."""
        found = self.outputs.held() | self.listeners.held()
        for run in self.runs.values():
            if run.notify is not None:
                found[f"notify/{run.fmri}"] = run.notify.socket.fileno()
            if run.ready_pipe is not None and run.ready_pipe.reader >= 0:
                found[f"ready/{run.fmri}"] = run.ready_pipe.reader
        return found

    def turn_ends(self) -> None:
        """After each batch of happenings: contracts that may have become empty are looked at, all
        at once.
        """
        self.emptiness.settle()
        self.contracts.turn()

    # -- starting

    def spawn(self, starts: Sequence[Start]) -> None:
        """Start these processes. Each is told of as spawned or not spawned, before this returns."""
        good: list[tuple[Start, Run, Contract, Command, tuple[int, ...]]] = []
        starts = [start for start in starts if self._affordable(start)]
        problem = self._prepare_outputs(starts)
        for start in starts:
            if not start.step.argv:
                self._word(start)
                continue
            if problem is not None:
                self._refused(start, problem)
                continue
            try:
                good.append(self._ready_to_start(start))
            except OSError as error:
                self._refused(start, error)
        answers = self.spawner.start_many([entry[3] for entry in good]) if good else []
        faults.point("spawn")
        for (start, run, contract, command, closing), answer in zip(good, answers, strict=True):
            for fd in closing:
                os.close(fd)
            if run.ready_pipe is not None:
                run.ready_pipe.started()
            if isinstance(answer, SpawnError):
                if contract is not run.contract:
                    self.emptiness.remove_later(contract)
                self._refused(start, OSError(answer.errno or 0, explain(command, answer)))
            else:
                self._started(start, run, contract, answer)
        if self.budget is not None:
            self.budget.opened()

    def _affordable(self, start: Start) -> bool:
        """Whether there are descriptors for it; if not, it is refused. A restart has its pipes."""
        if self.budget is None or not start.step.argv:
            return True
        pipes = self.outputs.missing(start.definition)
        speaks = start.definition.ready.kind in ("notify", "fd") and start.method == "start"
        one = int(speaks and start.fmri not in self.runs)
        one += self.listeners.missing(start.definition)
        text = self.budget.take(pipes + one, 2 * pipes + one)
        if text:
            self._refused(start, OSError(errno.EMFILE, text))
        return not text

    def _prepare_outputs(self, starts: Sequence[Start]) -> OSError | None:
        try:
            self.outputs.prepare(start.definition for start in starts if start.step.argv)
        except OSError as error:
            number = error.errno or errno.EIO
            return OSError(number, f"no pipe for its output: {os.strerror(number)}")
        return None

    def _ready_to_start(
        self, start: Start
    ) -> tuple[Start, Run, Contract, Command, tuple[int, ...]]:
        run = self._run(start)
        definition, method = start.definition, start.method
        inside = method in ("prepare", "start")
        contract = run.contract
        if not inside:
            contract = self.contracts.method(run.fmri, run.ctid, method)
        contract.make()
        added = {
            **self.contracts.marker(contract),
            "STOKER_FMRI": run.fmri,
            "STOKER_METHOD": method,
            "STOKER_CTID": str(run.ctid),
        }
        fds: dict[int, int] = {}
        if method == "start":
            self._listen(run, added, fds)
            self.listeners.open(definition, added, fds)
        elif run.notify is not None:
            added["NOTIFY_SOCKET"] = run.notify.name
        if run.main is not None and not inside:
            added["MAINPID"] = str(run.main.pid)
        stdout, stderr, closing = self.outputs.open(definition, run.uid)
        try:
            command = self.surroundings.command(
                definition,
                start.step,
                method,
                arguments=start.arguments,
                added=added,
                stdin=self.outputs.stdin(definition) if method == "start" else self.outputs.null,
                stdout=stdout,
                stderr=stderr,
                fds=fds,
                cgroup=contract.path,
                mark=self.contracts.mark(contract, run.number, method, start.number),
            )
        except BaseException:
            for fd in closing:
                os.close(fd)
            raise
        return start, run, contract, command, closing

    def _run(self, start: Start) -> Run:
        """The run that this start belongs to, begun if it is new. Raises OSError."""
        run = self.runs.get(start.fmri)
        if run is not None and run.number == start.run:
            run.definition = start.definition
            return run
        who = account(start.definition.context)
        if run is not None and run.ctid == start.ctid:  # begins again in the same contract
            contract = run.contract
            self._forget(run)
        else:
            if run is not None:
                self.release(run.fmri, run.number)
            contract = self.contracts.run(start.fmri, start.ctid, start.definition.limits)
        uid = os.geteuid() if who.uid is None else who.uid
        run = Run(start.fmri, start.run, start.ctid, start.definition, contract, uid)
        run.populated = contract.populated() if start.number else False
        self.runs[start.fmri] = run
        self.outputs.mark(start.definition, start.run, start.ctid)
        return run

    def _listen(self, run: Run, added: dict[str, str], fds: dict[int, int]) -> None:
        """What the main process needs to say that it is ready."""
        ready = run.definition.ready
        if ready.kind == "log":
            self.looking.expect(run)
        if ready.kind == "notify" and run.notify is None:
            run.notify = NotifySocket(
                self.loop, self.hearing.allowed(run), self.hearing.teller(run)
            )
            self.holder.put({f"notify/{run.fmri}": run.notify.socket.fileno()})
        if ready.kind == "fd":
            if run.ready_pipe is not None:
                run.ready_pipe.close()
            run.ready_pipe = ReadyPipe(self.loop, self.hearing.piped(run))
            self.holder.put({f"ready/{run.fmri}": run.ready_pipe.reader})
            fds[ready.fd] = run.ready_pipe.writer
        if run.notify is not None:
            added["NOTIFY_SOCKET"] = run.notify.name

    def _started(self, start: Start, run: Run, contract: Contract, pid: int) -> None:
        ticks = 0
        if contract.path is None:
            ticks = proc.start_time(pid) or 0
        contract.enroll(pid)
        main = is_main(run.definition, start.method, start.number)
        child = Child(pid, ticks, start.method, run, contract, main)
        if child.main:
            run.main = child
        run.methods[start.method] = child
        if contract is run.contract:
            run.populated = True
        self.reaper.add(child)
        if self.soft_limit is not None and "nofile" not in run.definition.limits.rlimits:
            limits.lower_descriptors(pid, self.soft_limit)
        self.report.spawned(run.fmri, run.number, start.method, pid, ticks)

    def _refused(self, start: Start, error: OSError) -> None:
        number, text = error.errno or errno.EIO, error.strerror or str(error)
        self.report.not_spawned(start.fmri, start.run, start.method, number, text)
        run = self.runs.get(start.fmri)
        if run is not None and run.number == start.run:
            self.emptiness.check(run)

    def _word(self, start: Start) -> None:
        """A step without a process: `:true`, or `:kill`, which signals the whole contract."""
        fmri, run, method = start.fmri, start.run, start.method
        self.report.spawned(fmri, run, method, 0, 0)
        if start.step.word == ":kill":
            self.signal(fmri, run, "all", start.step.signal)
        self.report.exited(fmri, run, method, "exit", 0, False)

    # -- ending

    def signal(self, fmri: str, number: int, scope: str, signo: int) -> None:
        """Signal "all" of the contract, "main", or the running "method". What is gone is an
        ordinary case.
        """
        run = self._current(fmri, number)
        if run is None:
            return
        faults.point("signal")
        if scope == "all":
            run.contract.signal(signo)
            self.emptiness.check(run, again=True)
            return
        for child in self._chosen(run, scope):
            if scope == "method" and child.contract is not run.contract:
                child.contract.signal(signo)
            else:
                _send(child, signo)

    def kill(self, fmri: str, number: int, scope: str) -> None:
        """KILL the whole "contract" and the run's methods, or only the running "method"."""
        run = self._current(fmri, number)
        if run is None:
            return
        faults.point("kill")
        for child in self._chosen(run, "method"):
            if child.contract is not run.contract:
                child.contract.kill()
            elif scope == "method":
                # A method inside the run's contract: what it started there goes with it.
                run.contract.kill()
        if scope == "contract":
            run.killing = True
            run.contract.kill()
            self.emptiness.check(run, again=True)

    def release(self, fmri: str, number: int, abandon: bool = False) -> None:
        """The run is over. An abandoned contract keeps its processes; an empty one is removed."""
        run = self._current(fmri, number)
        if run is None:
            return
        faults.point("release")
        self._forget(run)
        self.emptiness.remove_later(run.contract, quietly=abandon)

    def orphan(self, ctid: int, fmri: str, number: int) -> None:
        """Tell when the contract is empty, after the run is released."""
        run = self._current(fmri, number)
        contract = run.contract if run is not None else self._contract(ctid)
        if contract is not None:
            self.emptiness.orphan(contract)
        else:
            self.report.orphans_gone(ctid)

    def forget(self, fmri: str) -> None:
        """The instance is no more: its pipes and sockets are given up."""
        self.outputs.forget(fmri)
        self.listeners.close(fmri)

    def _contract(self, ctid: int) -> Contract | None:
        return next((one for one in self.contracts.found() if one.ctid == ctid), None)

    def _forget(self, run: Run) -> None:
        """Everything of a run but its contract."""
        run.released = True
        self.looking.end_all(run)
        self.emptiness.forget(run)
        for child in run.children():
            self.reaper.drop(child)
            if child.contract is not run.contract and child.method not in ("prepare", "start"):
                child.contract.kill()
                self.emptiness.remove_later(child.contract)
        names = []
        if run.notify is not None:
            run.notify.close()
            names.append(f"notify/{run.fmri}")
        if run.ready_pipe is not None:
            run.ready_pipe.close()
            names.append(f"ready/{run.fmri}")
        run.notify = run.ready_pipe = None
        if names:
            self.holder.drop(names)
        if self.runs.get(run.fmri) is run:
            del self.runs[run.fmri]

    def _current(self, fmri: str, number: int) -> Run | None:
        run = self.runs.get(fmri)
        return run if run is not None and run.number == number else None

    @staticmethod
    def _chosen(run: Run, scope: str) -> list[Child]:
        if scope == "main":
            return [run.main] if run.main is not None else []
        return [child for child in run.methods.values() if not child.main]

    # -- looking

    def probe_on(
        self, fmri: str, number: int, names: Iterable[str], definition: Definition, after: float
    ) -> None:
        """Begin to look for "ready" and at health probes."""
        run = self._current(fmri, number)
        if run is not None:
            run.definition = definition
            for name in names:
                self.looking.begin(run, name, after)

    def probe_off(self, fmri: str, number: int, names: Iterable[str]) -> None:
        """Look no more."""
        run = self._current(fmri, number)
        for name in names if run is not None else ():
            if run is not None:
                self.looking.end(run, name)

    def usage(self, fmri: str) -> Usage:
        """The processes of an instance now, its methods' too."""
        run = self.runs.get(fmri)
        if run is None:
            return Usage()
        self.contracts.turn()
        pids = dict.fromkeys(run.contract.members())
        for child in run.children():
            if child.contract is not run.contract:
                pids |= dict.fromkeys(child.contract.members())
        return look(pids)

    def _base(self, run: Run) -> str:
        try:
            who = account(run.definition.context)
            return self.surroundings.cwd(run.definition.context, who, {})
        except OSError:  # the account has gone since the start
            return self.surroundings.directory or "/"


def _send(child: Child, signo: int) -> None:
    try:
        if child.pidfd >= 0:
            signal.pidfd_send_signal(child.pidfd, signo)
        elif child.ours:
            os.kill(child.pid, signo)
    except (ProcessLookupError, PermissionError):  # it has just ended, or changed its user
        pass
