"""What the executor remembers about runs and their processes. Plain data; `Executor` and its parts
work on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stoker.model import Definition

from .contracts import Contract
from .readiness import NotifySocket, ReadyPipe

if TYPE_CHECKING:
    from .looking import Look

__all__ = ["Child", "Run", "is_main"]


def is_main(definition: Definition, method: str, step: int) -> bool:
    """Whether the process of this step is the main process, not one that brings it up."""
    last = len(definition.start) - 1
    return method == "start" and step == last and definition.ready.kind not in ("exit", "pidfile")


class Child(msgspec.Struct, eq=False):
    """A process of a run. `start`: its start time in clock ticks, 0 if not read. `ours`: our own
    child, so its number cannot come again before we reap it; else `pidfd` names it (-1 once it was
    seen to end).
    """

    pid: int
    start: int
    method: str
    run: Run
    contract: Contract
    main: bool = False
    ours: bool = True
    pidfd: int = -1
    tries: int = 0

    @property
    def word(self) -> str:
        """How an exit of it is told: "main", or its method."""
        return "main" if self.main else self.method


class Run(msgspec.Struct, eq=False):
    """One run of an instance, from its first process to its release."""

    fmri: str
    number: int
    ctid: int
    definition: Definition
    contract: Contract
    uid: int = 0
    main: Child | None = None
    methods: dict[str, Child] = {}
    populated: bool = False
    killing: bool = False
    watch: int = -1  # inotify, while we wait for its contract to be empty
    notify: NotifySocket | None = None
    ready_pipe: ReadyPipe | None = None
    looks: dict[str, Look] = {}
    released: bool = False
    starved: int = 0  # processes that the kernel killed for want of memory, as far as told

    def children(self) -> list[Child]:
        """Its processes that we know."""
        found = list(self.methods.values())
        if self.main is not None and self.main not in found:
            found.append(self.main)
        return found

    def direct(self) -> bool:
        """Whether a process that we started in its contract still lives: then it is populated."""
        return any(child.contract is self.contract for child in self.children())
