"""The one interface behind which every service manager is measured."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import proc
from ..service import Service
from ..tools import Tools

__all__ = ["Absent", "Peer", "Place", "name_of"]

Edges = Mapping[int, Sequence[int]]
"""Service number → those that must be ready before it starts."""


class Absent(Exception):
    """This peer, or what it takes to measure it, is not here; the text says what is missing."""


def name_of(number: int) -> str:
    """The name of a service."""
    return f"s{number:05}"


class Peer:
    """A service manager. A class for each; the attributes say what it can do.

    `most`: how many services it can have, and `bound` why no more; `graphs`: it starts by
    dependencies, with readiness; `waits`: it makes a restart wait at least so long (seconds);
    `limit`: how many are measured.
    """

    name = ""
    cgroups = False
    graphs = False
    most: int | None = None
    bound = ""
    waits = 0.0
    slow = False  # measured with fewer services in a quick run
    place: type[Place]

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def version(self) -> str:
        """Its version. Raises Absent."""
        raise NotImplementedError

    def at(self, base: Path, service: Service) -> Place:
        """A place of its own in an empty directory."""
        return self.place(self, base, service)

    # -- for the classes

    def program(self, *names: str) -> str:
        """The path of the first of these that is there. Raises Absent."""
        for name in names:
            found = self.tools.find(name)
            if found:
                return found
        raise Absent(f"{names[0]} is not installed")

    def debian(self, package: str) -> str:
        """The version of a Debian package."""
        return self.tools.debian_version(package) or "unknown version"

    def root(self) -> None:
        """Raises Absent unless we are root."""
        if os.geteuid():
            raise Absent("only root can give it a namespace of its own")


class Place:
    """One set of services under one manager, from nothing to nothing.

    In this sequence: `prepare`, `start`, whatever is measured, `stop`, `close` (always).
    """

    programs: tuple[str, ...] = ()

    def __init__(self, peer: Peer, base: Path, service: Service) -> None:
        self.peer = peer
        self.base = base
        self.service = service
        self.count = 0
        self.environment = peer.tools.environment()
        self.launched: list[subprocess.Popen[bytes]] = []

    # -- to be given by the classes

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        """Write what it needs for so many services, `edges` among them."""
        raise NotImplementedError

    def start(self) -> None:
        """From no process at all: start the manager and everything. Need not wait."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask for the end of all services, by the way that is meant for that. Need not wait."""
        raise NotImplementedError

    def managers(self) -> list[int]:
        """The processes that manage: those that were launched, and `programs` below them."""
        pids = [one.pid for one in self.launched if one.poll() is None]
        if self.programs:
            return [one for pid in pids for one in proc.below(pid, self.programs)]
        return pids

    def stop_one(self, name: str) -> list[str] | None:
        """The command that stops one and returns when it is down; None: there is none."""

    def start_one(self, name: str) -> list[str] | None:
        """The command that starts one and returns when it is up."""

    def status_one(self, name: str) -> list[str] | None:
        """The command that tells the state of one."""

    def status_all(self) -> list[str] | None:
        """The command that tells the states of all."""

    def reload(self, name: str) -> list[str] | None:
        """Change one service's definition; the command that has it taken over."""

    def outside(self, pids: list[int]) -> list[int]:
        """Pids as services see them to pids as we see them."""
        return pids

    # -- for the classes

    @property
    def names(self) -> list[str]:
        """All services."""
        return [name_of(number) for number in range(self.count)]

    def argument(self, edges: Edges | None, how: str) -> list[str]:
        """The service's arguments: how it says that it is ready, if anybody wants to know."""
        if edges is None:
            return []
        if not self.service.speaks:
            raise Absent("without a compiler the service cannot say that it is ready")
        return [how]

    def launch(self, *words: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a process that stays."""
        log = open(self.base / "manager.log", "ab")  # noqa: SIM115 # closed below
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.environment, **more},
                cwd=self.base,
                start_new_session=True,
            )
        finally:
            log.close()
        self.launched.append(process)
        return process

    def run(self, *words: str, check: bool = True, timeout: float = 120) -> None:
        """Run a command to its end. Raises CalledProcessError with what it said."""
        subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if check else subprocess.DEVNULL,
            env=self.environment,
            cwd=self.base,
            check=check,
            timeout=timeout,
        )

    def until(self, look: object, what: str, timeout: float = 20) -> None:
        """Wait until `look()` is true. Raises TimeoutError."""
        assert callable(look)
        end = time.monotonic() + timeout
        while not look():
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not after {timeout:.0f} s")
            time.sleep(0.005)

    def log(self) -> str:
        """The last of what the manager said."""
        try:
            return (self.base / "manager.log").read_text(errors="replace")[-500:]
        except OSError:
            return ""

    def close(self) -> None:
        """End whatever is left, by pid, managers first; nothing of it may stay."""
        ours = {os.getpid(), 1}
        managers = [pid for pid in self.managers() if pid not in ours]
        left = {pid for one in managers for pid in proc.below(one)}
        left |= {pid for one in self.launched for pid in proc.below(one.pid)}
        left -= ours
        for pid in [*managers, *left]:
            _kill(pid)
        for process in self.launched:
            process.wait(30)
        for pid in self.outside(self.service.stamps.pids()):
            if self._still_ours(pid):
                _kill(pid)

    def _still_ours(self, pid: int) -> bool:
        """Whether that number is still a service of this bench."""
        try:
            target = os.readlink(f"/proc/{pid}/exe")
            return os.path.samefile(target, self.service.program)
        except OSError:
            return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # the others' end was its end
        pass


def linked(service: Service, directory: Path, count: int, script: str | None = None) -> None:
    """`count` service directories, each with an executable `run`."""
    directory.mkdir()
    for number in range(count):
        one = directory / name_of(number)
        one.mkdir()
        if script is None:
            service.put(one / "run")
        else:
            (one / "run").write_text(script)
            (one / "run").chmod(0o755)


def remove(path: Path) -> None:
    """Remove a tree, whatever is in it."""
    shutil.rmtree(path, ignore_errors=True)
