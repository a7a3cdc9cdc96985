"""Contracts: the processes that implement one run, whatever they fork, wherever they go.

Two ways, chosen once at start: `CgroupContracts` (cgroups.py), and where we may make no cgroup
`SessionContracts` (sessions.py). Here is what they have in common.

The name carries the contract's number, so making the cgroup (or setting the marker) is itself the
record of the intention to start: a successor finds what was started and not yet written down.
Zombies count as gone throughout.

Beside the name each process bears a mark (`limits.LOCKS`), which says for which step of which run
it was started. It is there before the process executes anything, and still when it has ended: so a
start that nobody lived to write down is found, and its end too, with cgroups and without.
"""

# ruff: noqa: B027 (what is empty here is a hook that only one of the two ways needs)

from __future__ import annotations

import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable

from stoker.model import Limits

__all__ = ["MARK", "Contract", "Contracts", "contract_name", "ctid_of", "is_run", "signal_all"]

MARK = "STOKER_CONTRACT"


def contract_name(fmri: str, ctid: int, method: str = "") -> str:
    """The name of a contract's cgroup and its marker: `web.12`, `web.12.stop`."""
    name = fmri.removeprefix("svc:/").removesuffix(":default").replace("/", "%2F")
    tail = f".{ctid}.{method}" if method else f".{ctid}"
    return name[: 250 - len(tail)] + tail


def ctid_of(name: str) -> int | None:
    """The number in a contract's name, None when it is not one."""
    parts = name.rsplit(".", 2)
    for part in reversed(parts[1:]):
        if part.isdigit():
            return int(part)
    return None


def is_run(name: str) -> bool:
    """Whether a contract's name is that of a run, not of a method or probe."""
    return name.rpartition(".")[2].isdigit()


class Contract(ABC):
    """One contract. `path`: where a process must be born to belong to it, or None."""

    def __init__(self, name: str, ctid: int) -> None:
        self.name = name
        self.ctid = ctid

    @property
    def path(self) -> str | None:
        """The cgroup, None where there are none."""
        return None

    @abstractmethod
    def make(self) -> None:
        """Have it ready for a process. Raises OSError."""

    def enroll(self, pid: int) -> None:
        """Say that this child of ours, started just now, belongs to it."""

    @abstractmethod
    def members(self) -> list[int]:
        """The live processes in it."""

    def populated(self) -> bool:
        """Whether any process in it lives."""
        return bool(self.members())

    @abstractmethod
    def contains(self, pid: int) -> bool:
        """Whether this process, a zombie too, belongs to it; False when it is gone."""

    def signal(self, signo: int) -> int:
        """Send a signal to every process in it; returns to how many."""
        return signal_all(self.members(), signo)

    @abstractmethod
    def kill(self) -> None:
        """KILL everything in it. When this returns they may still be dying."""

    @abstractmethod
    def remove(self) -> bool:
        """Give it back; False when something in it still lives."""


class Contracts(ABC):
    """Makes and finds contracts. `kind` is "cgroup" or "session"; `base` says where, for people."""

    kind = ""
    base = ""
    place = ""

    def marker(self, contract: Contract) -> dict[str, str]:
        """What stands in the environment of every process of the contract."""
        return {MARK: f"{self.place}/{contract.name}"}

    def mark(self, contract: Contract, run: int, method: str, step: int) -> int:
        """What the process of this step of this run bears, and all that descends from it."""
        text = f"{self.place}/{contract.name} {run} {method} {step}"
        return (contract.ctid & 0x3FFFFFFF) << 32 | zlib.crc32(os.fsencode(text))

    @abstractmethod
    def run(self, fmri: str, ctid: int, limits: Limits | None = None) -> Contract:
        """The contract of a run. Raises OSError when limits that must be kept cannot be."""

    @abstractmethod
    def method(self, fmri: str, ctid: int, method: str) -> Contract:
        """The contract of a method's process."""

    @abstractmethod
    def found(self) -> list[Contract]:
        """Every contract that exists, whoever made it."""

    @abstractmethod
    def owner(self, pid: int) -> str:
        """Name of the contract that a child of ours, perhaps a zombie, belongs to; "" if none."""

    def name_of(self, inside: str) -> str:
        """The name of the contract whose cgroup has this path; "" when it is none of ours."""
        return ""

    def foster(self, parent: int) -> None:
        """What an adopted contract leaves behind becomes this process's child, not ours."""

    def ended(self, pid: int) -> None:
        """A child was reaped: its number may come again."""

    def search(self) -> None:
        """Look further than usual, once: for what was left by a keeper that is no more."""

    def turn(self) -> None:
        """A new batch of happenings begins: what was looked up before may have changed."""

    def close(self) -> None:
        """Remove what is empty, at the end of the place."""


def signal_all(pids: Iterable[int], signo: int) -> int:
    """Send a signal to each of these; returns to how many."""
    reached = 0
    for pid in pids:
        try:
            os.kill(pid, signo)
        except (ProcessLookupError, PermissionError):  # ended meanwhile, or changed its user
            continue
        reached += 1
    return reached
