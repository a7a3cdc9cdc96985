"""What starts the processes of services: an interface, and the two that there are.

A `Spawner` starts commands. Each names the contract that was made for it (a cgroup, or the session
and the marker in its environment), its surroundings and its descriptors; the answer is the pid of
its main process, a child of ours, or why there is none. Stopping, tracking and logs are not its
business. `Spawning` is ours. `StartStopDaemon` drives start-stop-daemon(8) of Debian, as hermit_sm
does: that one is executed in the contract, and becomes the service by executing it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from .command import Command, SpawnError, explain, programs

__all__ = ["SPAWNERS", "Spawner", "StartStopDaemon", "spawner_named"]

_NOBODY = "/nonexistent/stoker.pid"
"""A file that never names a process: start-stop-daemon wants to know how to see whether it runs
already, and that we know better."""


class Spawner(Protocol):
    """Starts processes in contracts that were made for them."""

    def start_many(self, commands: Sequence[Command]) -> list[int | SpawnError]:
        """Start these; one answer for each, in their sequence: a pid, or why not. Raises
        nothing.
        """


class StartStopDaemon:
    """Starts by start-stop-daemon, which `inner` starts. `program`: its path.

    The file to execute is found here; one that is there and cannot be executed is told by
    start-stop-daemon in the service's output, and by its exit status 2.
    """

    def __init__(self, inner: Spawner, program: str) -> None:
        self._inner = inner
        self._program = program

    def start_many(self, commands: Sequence[Command]) -> list[int | SpawnError]:
        """As `Spawner` says."""
        ready = [self._driven(command) for command in commands]
        answers = iter(self._inner.start_many([one for one in ready if isinstance(one, Command)]))
        return [next(answers) if isinstance(one, Command) else one for one in ready]

    def _driven(self, command: Command) -> Command | SpawnError:
        found = _executable(command)
        if found is None:
            return explain(command, "exec", errno.ENOENT)
        words = [self._program, "--start", "--quiet", "--pidfile", _NOBODY, "--startas", found]
        words += ["--chdir", command.cwd]
        if command.umask is not None:
            words += ["--umask", f"{command.umask:04o}"]
        return replace(command, argv=(*words, "--", *command.argv[1:]))


def _executable(command: Command) -> str | None:
    """The file that exec would take, absolute; None where there is none."""
    for path in programs(command):
        whole = os.path.join(command.cwd, os.fsdecode(path))
        if "\0" not in whole and os.path.isfile(whole):
            return whole
    return None


def _start_stop_daemon(inner: Spawner) -> Spawner | None:
    for directory in ("/usr/sbin", "/sbin", "/usr/bin", "/bin"):
        program = f"{directory}/start-stop-daemon"
        if os.access(program, os.X_OK):
            return StartStopDaemon(inner, program)
    return None


SPAWNERS: dict[str, Callable[[Spawner], Spawner | None]] = {
    "own": lambda inner: inner,
    "start-stop-daemon": _start_stop_daemon,
}
"""By the words of the setting `spawner`; None where it is not installed."""


def spawner_named(name: str, inner: Spawner) -> Spawner | None:
    """The spawner of that name, on top of ours; None when there is none such here."""
    make = SPAWNERS.get(name)
    return None if make is None else make(inner)
