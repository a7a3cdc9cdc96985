"""Contracts where we may make no cgroup: the processes that we started for one, all that descends
from them, and those of our own children that carry its marker (STOKER_CONTRACT in their
environment) or its session.

We are a subreaper, so what a service leaves behind becomes our child (or the keeper's, when a
manager died): that is where to look. The hole: a daemon that clears its environment, leaves its
session and forks twice is nobody's.
"""

from __future__ import annotations

import errno
import os
import signal as signals
import time

from stoker.linux import proc
from stoker.model import Limits

from .cgroups import controllers
from .contracts import MARK, Contract, Contracts, contract_name, ctid_of, signal_all

__all__ = ["SessionContracts"]

_LOOKS = 100  # at a process in the middle of exec, a millisecond apart
_PASSES = 50  # of killing what forks while it is being killed


class _InSession(Contract):
    def __init__(self, name: str, ctid: int, all_: SessionContracts) -> None:
        super().__init__(name, ctid)
        self._all = all_
        self.roots: set[int] = set()  # children that we started for it, not yet reaped

    def make(self) -> None:
        self._all.known[self.name] = self

    def enroll(self, pid: int) -> None:
        self._all.known[self.name] = self
        self._all.enroll(pid, self)

    def members(self) -> list[int]:
        return self._all.members(self)

    def contains(self, pid: int) -> bool:
        return self._all.contains(self, pid)

    def kill(self) -> None:
        seen: set[int] = set()
        for _ in range(_PASSES):
            self._all.turn()
            new = [pid for pid in self.members() if pid not in seen]
            if not new:
                break
            # Stopped first, so that none of them forks while the others are being killed.
            signal_all(new, signals.SIGSTOP)
            signal_all(new, signals.SIGKILL)
            seen.update(new)
        self._all.turn()

    def remove(self) -> bool:
        if self.populated():
            return False
        self._all.forget(self)
        return True


class SessionContracts(Contracts):
    """Contracts without cgroups. `keeper`: the pid whose children are looked at besides ours, 0 for
    none.
    """

    kind = "session"
    base = "session, descent and environment marker"

    def __init__(self, place: str, keeper: int = 0) -> None:
        self.place = place
        self._parents = {os.getpid(): None, keeper: None}
        self.keeper = keeper
        self.known: dict[str, _InSession] = {}
        self._started: dict[
            int, str
        ] = {}  # child (also session) -> name; sessions outlive their leader
        self._sessions: dict[int, str] = {}
        self._strays: dict[
            int, str
        ] = {}  # other children of ours or the keeper's -> name, "" nobody's
        self._looked = False

    def run(self, fmri: str, ctid: int, limits: Limits | None = None) -> Contract:
        if limits is not None and limits.missing == "refuse" and controllers(limits):
            raise OSError(
                errno.EOPNOTSUPP,
                "limits on memory, cpu, pids or io need cgroup2, which is not here",
            )
        return self._get(contract_name(fmri, ctid), ctid)

    def method(self, fmri: str, ctid: int, method: str) -> Contract:
        return self._get(contract_name(fmri, ctid, method), ctid)

    def _get(self, name: str, ctid: int) -> _InSession:
        return self.known.get(name) or _InSession(name, ctid, self)

    def found(self) -> list[Contract]:
        self._look()
        names = {*self._strays.values(), *self._started.values()} - {""}
        every = [self._get(name, ctid_of(name) or 0) for name in sorted(names)]
        return [one for one in every if one.members()]

    def owner(self, pid: int) -> str:
        if pid in self._started:
            return self._started[pid]
        name = self._strays.get(pid)
        if name is None:
            name = self._attribute(pid)
            self._strays[pid] = name
        return name

    def enroll(self, pid: int, contract: _InSession) -> None:
        """A child (or an adopted process) that is at the root of a contract."""
        contract.roots.add(pid)
        self._started[pid] = contract.name
        self._sessions[pid] = contract.name
        self._strays.pop(pid, None)

    def foster(self, parent: int) -> None:
        self._parents[parent] = None

    def search(self) -> None:
        for pid in proc.pids():
            # Once: among all processes there are those of the kernel, which never have any.
            if self._attribute(pid, looks=1):
                stat = proc.stat(pid)
                if stat is not None:
                    self._parents[stat.ppid] = None
        self._looked = False

    def ended(self, pid: int) -> None:
        name = self._started.pop(pid, None)
        if name is not None and name in self.known:
            self.known[name].roots.discard(pid)
        self._strays.pop(pid, None)
        self._looked = False

    def forget(self, contract: _InSession) -> None:
        """The contract is over and empty."""
        self.known.pop(contract.name, None)
        for table in (self._sessions, self._strays):
            for pid in [pid for pid, name in table.items() if name == contract.name]:
                del table[pid]

    def turn(self) -> None:
        self._looked = False

    def members(self, contract: _InSession) -> list[int]:
        """Its live processes: roots, strays, and what descends from them."""
        self._look()
        roots = list(contract.roots)
        roots += [pid for pid, name in self._strays.items() if name == contract.name]
        found: dict[int, None] = {}
        for root in roots:
            for pid in (root, *proc.descendants(root)):
                if pid not in found:
                    found[pid] = None
        return [pid for pid in found if _alive(pid)]

    def contains(self, contract: _InSession, pid: int) -> bool:
        """Whether `pid`, one of its ancestors below us, its session or its marker belongs to the
        contract.
        """
        at, us = pid, (os.getpid(), self.keeper, 0, 1)
        for _ in range(1000):
            if at in contract.roots or self._strays.get(at) == contract.name:
                return True
            stat = proc.stat(at)
            if stat is None or stat.ppid in us:
                break
            if self._sessions.get(stat.session) == contract.name:
                return True
            at = stat.ppid
        return self._attribute(at) == contract.name

    def _look(self) -> None:
        """Learn who the other children are. A process that becomes our child does so by losing its
        parent.
        """
        if self._looked:
            return
        present: dict[int, str] = {}
        for parent in self._parents:
            for pid in proc.children(parent) if parent > 0 else ():
                if pid in self._started or pid == os.getpid():
                    continue
                # Nobody's so far may be somebody's now: before its exec a child shows our own
                # environment.
                present[pid] = self._strays.get(pid) or self._attribute(pid)
        self._strays = present
        self._looked = True

    def _attribute(self, pid: int, looks: int = _LOOKS) -> str:
        env = _environ(pid, looks)
        place, _, name = env.get(MARK, "").partition("/")
        if name and place == self.place:
            return name
        stat = proc.stat(pid)
        return self._sessions.get(stat.session, "") if stat is not None else ""


def _alive(pid: int) -> bool:
    stat = proc.stat(pid)
    return stat is not None and not stat.zombie


def _environ(pid: int, looks: int = _LOOKS) -> dict[str, str]:
    """The environment, empty when there is none to be read.

    For a moment in exec(2) a process has neither arguments nor environment, though it has been
    executed as far as its parent can tell: then it is looked at again.
    """
    for _ in range(looks):
        env = proc.environ(pid)
        if env or proc.cmdline(pid) != [] or not _alive(pid):
            return env or {}
        if looks > 1:
            time.sleep(0.001)
    return {}
