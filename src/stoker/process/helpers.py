"""Programs that are run to learn something: exec probes, name look-ups, the compile step. Their
output is kept, bounded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from stoker.linux import Loop
from stoker.linux import loop as epoll
from stoker.model import Step

from .command import Command, SpawnError
from .contracts import Contract, Contracts
from .emptiness import Emptiness
from .probes import Helper
from .reaper import End, Reaper
from .runs import Run
from .spawn import Spawning
from .surroundings import Surroundings, explain

__all__ = ["Helpers", "Program"]

_MOST = 65536
Done = Callable[[int, bytes], object]


class Program:
    """One program and its output. `done(status, output)`: status as subprocess gives it, 127 if it
    did not start.
    """

    def __init__(self, loop: Loop, reaper: Reaper, done: Done, over: Callable[[], object]) -> None:
        self._loop = loop
        self._reaper = reaper
        self._done: Done | None = done
        self._over = over
        self._parts: list[bytes] = []
        self._size = 0
        self._status: int | None = None
        self._reader = -1
        self.pid = 0

    def begin(self, start: Callable[[int], int]) -> None:
        """`start(stdout)` starts it and returns its pid. Raises OSError."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = start(writer)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self._reader = reader
        self._loop.watch(reader, epoll.READ, self._readable)
        self._reaper.helpers[self.pid] = self._ended

    def cancel(self) -> None:
        """Nobody wants to know any more; it is killed."""
        self._done = None
        if self._status is None and self.pid:
            try:
                os.kill(self.pid, 9)
            except (
                ProcessLookupError,
                PermissionError,
            ):  # just ended, or another user's: its contract is killed
                pass
        self._close()
        self._over()

    def _readable(self, _events: int) -> None:
        try:
            data = os.read(self._reader, _MOST)
        except BlockingIOError:
            return
        if not data:
            self._close()
        elif self._size < _MOST:
            self._parts.append(data)
            self._size += len(data)

    def _ended(self, end: End) -> None:
        self._status = end.number if end.kind == "exit" else -max(1, end.number)
        if self._reader >= 0:
            self._readable(epoll.READ)
        self._close()
        done, self._done = self._done, None
        self._over()
        if done is not None:
            done(self._status, b"".join(self._parts))

    def _close(self) -> None:
        if self._reader >= 0:
            self._loop.forget(self._reader)
            os.close(self._reader)
            self._reader = -1


class Helpers:
    """Runs programs: `of(run)` as the user of a run and in its surroundings, `run` as ourselves."""

    def __init__(
        self,
        loop: Loop,
        spawning: Spawning,
        surroundings: Surroundings,
        contracts: Contracts,
        reaper: Reaper,
        emptiness: Emptiness,
    ) -> None:
        self._loop = loop
        self._spawning = spawning
        self._surroundings = surroundings
        self._contracts = contracts
        self._reaper = reaper
        self._emptiness = emptiness
        self._made = 0
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)

    def of(self, run: Run) -> Helper:
        """What runs programs for the probes of this run."""

        def helper(argv: tuple[str, ...], done: Done) -> Callable[[], object]:
            return self._probe(run, argv, done)

        return helper

    def run(self, argv: tuple[str, ...], env: Mapping[str, str], done: Done) -> Program:
        """Run a program as ourselves; stderr goes where ours goes. Raises OSError."""

        def start(stdout: int) -> int:
            return self._spawning.start(Command(argv, env, self._null, stdout, 2, cwd="/"))

        program = Program(self._loop, self._reaper, done, lambda: None)
        program.begin(start)
        return program

    def _probe(self, run: Run, argv: tuple[str, ...], done: Done) -> Callable[[], object]:
        self._made += 1
        contract = self._contracts.method(run.fmri, run.ctid, f"probe-{self._made}")

        def start(stdout: int) -> int:
            contract.make()
            added = dict(self._contracts.marker(contract))
            if run.main is not None:
                added["MAINPID"] = str(run.main.pid)
            command = self._surroundings.command(
                run.definition,
                Step(argv=argv),
                "probe",
                added=added,
                stdin=self._null,
                stdout=stdout,
                stderr=stdout,
                cgroup=contract.path,
            )
            try:
                pid = self._spawning.start(command)
            except SpawnError as error:
                raise OSError(error.errno, explain(command, error)) from None
            contract.enroll(pid)
            return pid

        program = Program(self._loop, self._reaper, done, lambda: self._sweep(contract))
        try:
            program.begin(start)
        except OSError as error:
            self._sweep(contract)
            done(127, (error.strerror or str(error)).encode())
        return program.cancel

    def _sweep(self, contract: Contract) -> None:
        contract.kill()
        self._emptiness.remove_later(contract)
