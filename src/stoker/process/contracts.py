"""Contracts: the processes that implement one run, whatever they fork, wherever they go.

Two ways, chosen once at start:

- `CgroupContracts`: a cgroup for each, ``BASE/s/NAME.CTID`` for a run, ``BASE/m/NAME.CTID.METHOD``
  for a method that has a contract of its own, ``BASE/l/NAME.CTID`` where limits are asked for.
  Being in the directory is membership.
- `SessionContracts`, where we may make no cgroup: the processes that we started for it, all that
  descends from them, and those of our own children that carry its marker (STOKER_CONTRACT in their
  environment) or its session. We are a subreaper, so what a service leaves behind becomes our child
  (or the keeper's, when a manager died): that is where to look. The hole: a daemon that clears its
  environment, leaves its session and forks twice is nobody's.

The name carries the contract's number, so making the cgroup (or setting the marker) is itself the
record of the intention to start: a successor finds what was started and not yet written down.
Zombies count as gone throughout.
"""

from __future__ import annotations

import errno
import os
import signal as signals
import time
from collections.abc import Iterable, Iterator

from stoker.linux import Cgroup, faults, proc
from stoker.model import Limits

__all__ = [
    "CgroupContracts",
    "Contract",
    "Contracts",
    "SessionContracts",
    "contract_name",
    "ctid_of",
    "is_run",
]

MARK = "STOKER_CONTRACT"
_LOOKS = 100  # at a process in the middle of exec, a millisecond apart
_PASSES = 50  # of killing what forks while it is being killed


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


class Contract:
    """One contract. `path`: where a process must be born to belong to it, or None."""

    def __init__(self, name: str, ctid: int) -> None:
        self.name = name
        self.ctid = ctid

    @property
    def path(self) -> str | None:
        """The cgroup, None where there are none."""
        return None

    def make(self) -> None:
        """Have it ready for a process. Raises OSError."""
        raise NotImplementedError

    def enroll(self, pid: int) -> None:
        """Say that this child of ours, started just now, belongs to it."""

    def members(self) -> list[int]:
        """The live processes in it."""
        raise NotImplementedError

    def populated(self) -> bool:
        """Whether any process in it lives."""
        return bool(self.members())

    def contains(self, pid: int) -> bool:
        """Whether this process, a zombie too, belongs to it; False when it is gone."""
        raise NotImplementedError

    def signal(self, signo: int) -> int:
        """Send a signal to every process in it; returns to how many."""
        return _signal(self.members(), signo)

    def kill(self) -> None:
        """KILL everything in it. When this returns they may still be dying."""
        raise NotImplementedError

    def remove(self) -> bool:
        """Give it back; False when something in it still lives."""
        raise NotImplementedError


class Contracts:
    """Makes and finds contracts. `kind` is "cgroup" or "session"; `base` says where, for people."""

    kind = ""
    base = ""
    place = ""

    def marker(self, contract: Contract) -> dict[str, str]:
        """What stands in the environment of every process of the contract."""
        return {MARK: f"{self.place}/{contract.name}"}

    def run(self, fmri: str, ctid: int, limits: Limits | None = None) -> Contract:
        """The contract of a run. Raises OSError when limits that must be kept cannot be."""
        raise NotImplementedError

    def method(self, fmri: str, ctid: int, method: str) -> Contract:
        """The contract of a method's process."""
        raise NotImplementedError

    def found(self) -> list[Contract]:
        """Every contract that exists, whoever made it."""
        raise NotImplementedError

    def owner(self, pid: int) -> str:
        """Name of the contract that a child of ours, perhaps a zombie, belongs to; "" if none."""
        raise NotImplementedError

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


def _signal(pids: Iterable[int], signo: int) -> int:
    reached = 0
    for pid in pids:
        try:
            os.kill(pid, signo)
        except (ProcessLookupError, PermissionError):  # ended meanwhile, or changed its user
            continue
        reached += 1
    return reached


# -- by cgroup


class _InCgroup(Contract):
    def __init__(self, name: str, ctid: int, group: Cgroup, below: str) -> None:
        super().__init__(name, ctid)
        self.group = group
        self._below = below  # as /proc shows it, from the mount's root on or only its end

    @property
    def path(self) -> str | None:
        return self.group.path

    def make(self) -> None:
        faults.point("mkdir")
        self.group.make()

    def members(self) -> list[int]:
        return [pid for pid in self.group.procs() if pid > 0]

    def populated(self) -> bool:
        return self.group.populated()

    def contains(self, pid: int) -> bool:
        inside = proc.cgroup_of(pid)
        return inside is not None and (inside + "/").find(self._below + "/") >= 0

    def signal(self, signo: int) -> int:
        return self.group.signal(signo)

    def kill(self) -> None:
        self.group.kill()

    def remove(self) -> bool:
        if self.group.populated():
            return False
        return self.group.remove()


class CgroupContracts(Contracts):
    """Contracts below cgroup `parent`, in a directory that bears `place`."""

    kind = "cgroup"

    def __init__(self, parent: Cgroup, place: str) -> None:
        self.place = place
        self.root = parent.child(f"stoker-{place}")
        self.base = self.root.path
        self._end = f"/stoker-{place}"
        self.parent = parent
        self._made: set[str] = set()

    def run(self, fmri: str, ctid: int, limits: Limits | None = None) -> Contract:
        name = contract_name(fmri, ctid)
        wanted = _controllers(limits) if limits is not None else {}
        if not wanted:
            return self._at("s", name, ctid)
        self._enable(wanted, limits)
        contract = self._at("l", name, ctid)
        contract.group.make()
        for file, value in wanted.items():
            try:
                # One device to a write: the kernel reads no second line (cgroup-v2, "io.max").
                for line in value.split("\n"):
                    contract.group.write(file, line)
            except OSError as error:
                if limits is not None and limits.missing == "refuse":
                    raise OSError(
                        error.errno, f"the limit {file} cannot be set: {error.strerror}"
                    ) from None
        return contract

    def method(self, fmri: str, ctid: int, method: str) -> Contract:
        return self._at("m", contract_name(fmri, ctid, method), ctid)

    def _at(self, kind: str, name: str, ctid: int) -> _InCgroup:
        return _InCgroup(
            name, ctid, Cgroup(f"{self.base}/{kind}/{name}"), f"{self._end}/{kind}/{name}"
        )

    def _enable(self, wanted: dict[str, str], limits: Limits | None) -> None:
        names = frozenset(file.split(".")[0] for file in wanted)
        self.root.child("l").make()
        here = names
        for group in (self.parent, self.root, self.root.child("l")):
            here = group.enable(here)
        missing = names - here
        if missing and limits is not None and limits.missing == "refuse":
            text = ", ".join(sorted(missing))
            raise OSError(
                errno.EOPNOTSUPP, f"no cgroup2 controller here for the limits asked for: {text}"
            )

    def found(self) -> list[Contract]:
        contracts: list[Contract] = []
        for kind in ("s", "l", "m"):
            for name in _entries(f"{self.base}/{kind}"):
                ctid = ctid_of(name)
                if ctid is not None:
                    contracts.append(self._at(kind, name, ctid))
        return contracts

    def owner(self, pid: int) -> str:
        inside = proc.cgroup_of(pid)
        return self.name_of(inside) if inside else ""

    def name_of(self, inside: str) -> str:
        """The contract's name in a path as /proc shows it; "" when it is none of ours."""
        _, mark, rest = inside.partition(self._end + "/")
        parts = rest.split("/")
        return parts[1] if mark and len(parts) > 1 and parts[0] in "slm" else ""

    def close(self) -> None:
        for kind in ("s", "l", "m"):
            for name in _entries(f"{self.base}/{kind}"):
                self.root.child(f"{kind}/{name}").remove()
        if not self.root.populated():
            self.root.remove()


def _entries(path: str) -> Iterator[str]:
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # not made yet, or removed already
        return iter(())
    return iter(sorted(names))


def _controllers(limits: Limits) -> dict[str, str]:
    """The cgroup files that these limits mean, and what to write."""
    files: dict[str, str] = {}
    if limits.memory is not None:
        files["memory.max"] = str(limits.memory)
    if limits.memory_high is not None:
        files["memory.high"] = str(limits.memory_high)
    if limits.cpu is not None:
        files["cpu.max"] = f"{max(1000, int(limits.cpu * 100_000))} 100000"
    if limits.pids is not None:
        files["pids.max"] = str(limits.pids)
    devices = []
    for name, value in limits.io.items():
        if name == "weight":
            files["io.weight"] = value
        elif number := _device(name, limits.missing == "refuse"):
            devices.append(f"{number} {value}")
    if devices:
        files["io.max"] = "\n".join(devices)
    return files


def _device(name: str, needed: bool) -> str:
    """MAJOR:MINOR of a device by its path, or "" where there is none and none is needed."""
    if not name.startswith("/"):
        return name
    try:
        number = os.stat(name).st_rdev
    except OSError:
        if needed:
            raise
        return ""
    return f"{os.major(number)}:{os.minor(number)}"


# -- by session, descent and marker


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
            _signal(new, signals.SIGSTOP)
            _signal(new, signals.SIGKILL)
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
        if limits is not None and limits.missing == "refuse" and _controllers(limits):
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
