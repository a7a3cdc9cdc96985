"""Contracts by cgroup: ``BASE/s/NAME.CTID`` for a run, ``BASE/l/NAME.CTID`` where limits are asked
for, ``BASE/m/NAME.CTID.METHOD`` for a method that has a contract of its own. Being in the directory
is membership.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from stoker.linux import Cgroup, faults, proc
from stoker.model import Limits

from .contracts import Contract, Contracts, contract_name, ctid_of

__all__ = ["CgroupContracts", "controllers"]


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
        if self.group.remove_alone():  # as a rule nothing is below, and one call is enough
            return True
        return not self.group.populated() and self.group.remove()


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
        wanted = controllers(limits) if limits is not None else {}
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


def controllers(limits: Limits) -> dict[str, str]:
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
