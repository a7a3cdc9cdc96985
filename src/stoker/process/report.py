"""What the executor tells: happenings, as calls on somebody who wants to know.

The executor knows nothing of the graph, so it does not make the engine's events itself; the manager
does, from these. Each call is a fact that has happened, about run `run` of instance `fmri`.
"""

from __future__ import annotations

from typing import Protocol

from stoker.model import Definition, Step

__all__ = ["Report", "Start"]


class Start(Protocol):
    """What is asked of `Executor.spawn`: one process of `method`, the `number`th step of it."""

    @property
    def fmri(self) -> str: ...
    @property
    def run(self) -> int: ...
    @property
    def ctid(self) -> int: ...
    @property
    def method(self) -> str: ...
    @property
    def step(self) -> Step: ...
    @property
    def definition(self) -> Definition: ...
    @property
    def number(self) -> int: ...
    @property
    def arguments(self) -> tuple[str, ...]: ...


class Report(Protocol):
    """Who is told. `kind` of an exit: "exit", "signal" or "unknown"; `number`: code or signal."""

    def spawned(self, fmri: str, run: int, method: str, pid: int, start: int) -> None:
        """A process exists."""

    def not_spawned(self, fmri: str, run: int, method: str, errno: int, text: str) -> None:
        """A process could not be started, and why."""

    def ending(self, fmri: str, run: int, method: str, kind: str, number: int, core: bool) -> None:
        """A process has ended and is about to be reaped: to be written down at once."""

    def exited(self, fmri: str, run: int, method: str, kind: str, number: int, core: bool) -> None:
        """A process ended; method is "main" for the main process."""

    def empty(self, fmri: str, run: int) -> None:
        """The run's contract has no process any more."""

    def hurt(self, fmri: str, run: int, kind: str) -> None:
        """A process of the contract that is not main died badly: "core", "signal" or "oom"."""

    def ready(self, fmri: str, run: int, pid: int) -> None:
        """The declared readiness was seen; `pid` is the new main process where a file named one,
        else 0.
        """

    def notified(self, fmri: str, run: int, kind: str, text: str, number: int) -> None:
        """sd_notify words other than READY: status, mainpid, reloading, stopping, extend, watchdog,
        watchdog_usec, watchdog_late.
        """

    def probed(self, fmri: str, run: int, name: str, ok: bool, text: str) -> None:
        """A health probe answered."""

    def fact(self, target: str, value: bool) -> None:
        """A file target appeared or went."""

    def orphans_gone(self, ctid: int) -> None:
        """What was left running of a contract has ended."""

    def trouble(self, text: str) -> None:
        """Something went wrong that is no fact about a run: for the log."""
