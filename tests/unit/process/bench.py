"""A bench for the executor: loop, executor and real processes, and somebody who writes down what is
told.

Found by the tests beside it through ``bench`` in conftest.py. Everything is removed at the end,
whatever happened.
"""

from __future__ import annotations

import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stoker.linux import Loop, cgroup, prctl, proc
from stoker.model import Definition, Step
from stoker.process import (
    CgroupContracts,
    Contracts,
    Executor,
    Outputs,
    SessionContracts,
    Spawning,
    Surroundings,
)

PATIENCE = 30.0
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Late(AssertionError):
    """What was waited for did not come about."""


class Held(dict[str, int]):
    """A keeper's end: descriptors by name, duplicated as sending them would."""

    def put(self, descriptors: Mapping[str, int]) -> None:
        for name, fd in descriptors.items():
            self.drop([name])
            self[name] = os.dup(fd)

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            old = self.pop(name, None)
            if old is not None:
                os.close(old)


class Told:
    """Writes down everything that the executor reports, as (word, arguments…)."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, ...]] = []

    def __getattr__(self, word: str) -> Callable[..., None]:
        if word.startswith("_"):
            raise AttributeError(word)

        def note(*args: Any) -> None:
            self.all.append((word, *args))

        return note

    def of(self, word: str, fmri: str = "") -> list[tuple[Any, ...]]:
        """The arguments of all calls of that word (about that instance)."""
        return [one[1:] for one in self.all if one[0] == word and fmri in ("", one[1])]


@dataclass(frozen=True)
class Begin:
    """A start, as the engine's effect has it."""

    fmri: str
    run: int
    ctid: int
    method: str
    step: Step
    definition: Definition
    number: int = 0
    arguments: tuple[str, ...] = ()


class Bench:
    """`kind`: "cgroup" or "session"."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.directory = tempfile.mkdtemp(prefix="stoker-bench-")
        self.errors: list[Exception] = []
        self.told = Told()
        self.held = Held()
        prctl.set_subreaper(True)
        self.contracts = self._contracts()
        self._open()

    def _contracts(self) -> Contracts:
        place = f"{os.path.basename(self.directory)}"
        if self.kind == "session":
            return SessionContracts(place)
        parent = cgroup.usable()
        assert parent is not None
        return CgroupContracts(parent, place)

    def _open(self) -> None:
        self.loop = Loop(self.errors.append)
        self.spawning = Spawning()
        self.surroundings = Surroundings(dict(ENV), self.directory)
        self.outputs = Outputs(self.held.put, self.held.drop, "0123456789abcdef", self.directory)
        self.executor = Executor(
            self.loop,
            self.spawning,
            self.contracts,
            self.surroundings,
            self.outputs,
            self.told,
            self.held,
        )

    def replace(self) -> None:
        """The executor is gone without a word; a successor with fresh eyes takes its place."""
        self.loop.close()
        for fd in self.outputs.ends.values():
            os.close(fd)
        os.close(self.outputs.null)
        self.spawning.close()
        self.told = Told()
        self.contracts = self._contracts()
        self._open()

    def path(self, name: str) -> str:
        """A file of this bench."""
        return os.path.join(self.directory, name)

    def sh(self, name: str, script: str, run: int = 1, **fields: Any) -> Definition:
        """A definition that runs a shell script, and its start."""
        start = Step(argv=("/bin/sh", "-c", script))
        definition = Definition(fmri=f"svc:/{name}:default", start=(start,), **fields)
        self.start(definition, run)
        return definition

    def start(self, definition: Definition, run: int = 1, ctid: int | None = None) -> None:
        """Start its start method."""
        step = definition.start[0]
        number = run if ctid is None else ctid
        self.executor.spawn([Begin(definition.fmri, run, number, "start", step, definition)])

    def method(self, definition: Definition, method: str, script: str, run: int = 1) -> None:
        """Run another method of it."""
        step = Step(argv=("/bin/sh", "-c", script))
        self.executor.spawn([Begin(definition.fmri, run, run, method, step, definition)])

    def until(self, look: Callable[[], object], what: str = "") -> Any:
        """Let the loop work until `look()` is true; returns that. Raises Late."""
        end = time.monotonic() + PATIENCE
        found: list[object] = []

        def after() -> None:
            self.executor.turn_ends()
            seen = look()
            if seen:
                found.append(seen)
            if found or time.monotonic() > end:
                self.loop.stop()
            else:
                # What is looked at may change without waking the loop: a file, a process.
                self.loop.at(time.monotonic_ns() + 5_000_000, lambda: None)

        self.loop.run(after)
        assert not self.errors, self.errors
        if not found:
            raise Late(f"{what or look}; told: {self.told.all}")
        return found[0]

    def heard(self, word: str, fmri: str = "", count: int = 1) -> tuple[Any, ...]:
        """Wait until something was told (`count` times); returns the last arguments."""
        self.until(lambda: len(self.told.of(word, fmri)) >= count, f"{word} {fmri} x{count}")
        return self.told.of(word, fmri)[-1]

    def content(self, name: str) -> str:
        """Wait for a file that a service writes, and return its text."""

        def look() -> str:
            try:
                with open(self.path(name)) as file:
                    text = file.read()
            except FileNotFoundError:
                return ""
            return text if text.endswith("\n") else ""

        text: str = self.until(look, f"file {name}")
        return text.strip()

    def output(self, fmri: str) -> bytes:
        """What the instance has written so far and nobody has read."""
        fd = self.held[f"log/{fmri}"]
        os.set_blocking(fd, False)
        try:
            return os.read(fd, 65536)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """End everything that was started and remove every file and contract."""
        for run in list(self.executor.runs.values()):
            self.executor.kill(run.fmri, run.number, "contract")
        for contract in self.contracts.found():
            contract.kill()
        for name in list(self.held):
            self.held.drop([name])
        try:
            self.executor.close()
            for pid in proc.children(os.getpid()):
                if self._mine(pid):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
            end = time.monotonic() + PATIENCE
            while self.contracts.found() and time.monotonic() < end:
                for contract in self.contracts.found():
                    contract.kill()
                    contract.remove()
                try:
                    os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    pass
                self.contracts.turn()
                select.select([], [], [], 0.01)
            self.contracts.close()
        finally:
            self.outputs.close()
            self.loop.close()
            prctl.set_subreaper(False)
            _remove(self.directory)

    def _mine(self, pid: int) -> bool:
        marker = (proc.environ(pid) or {}).get("STOKER_CONTRACT", "")
        return marker.startswith(f"{self.contracts.place}/")


def _remove(directory: str) -> None:
    for root, directories, files in os.walk(directory, topdown=False):
        for name in files:
            os.unlink(os.path.join(root, name))
        for name in directories:
            os.rmdir(os.path.join(root, name))
    os.rmdir(directory)


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    stat = proc.stat(pid)
    return stat is not None and not stat.zombie
