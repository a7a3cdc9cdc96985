"""The mount table and fstab(5)."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from . import files

_OCTAL = r"\\([0-7]{3})"
_PSEUDO = {"swap", "none"}


class Mount(NamedTuple):
    """One line of mountinfo: where, which part of which file system, and its options."""

    point: str
    root: str
    kind: str
    source: str
    options: frozenset[str]


def _plain(text: str) -> str:
    """Undo the octal escapes of mount tables (space, tab, newline, backslash)."""
    return re.sub(_OCTAL, lambda found: chr(int(found[1], 8)), text)


def parse_mountinfo(text: str) -> list[Mount]:
    """Read the text of /proc/PID/mountinfo (proc(5)), in mounting order."""
    found = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        left, right = before.split(), after.split(" ")
        if not separator or len(left) < 6 or len(right) < 2:
            continue
        options = frozenset(left[5].split(","))
        found.append(Mount(_plain(left[4]), _plain(left[3]), right[0], _plain(right[1]), options))
    return found


def mounts() -> list[Mount]:
    """What is mounted, as this process sees it; empty without /proc."""
    data = files.read("/proc/self/mountinfo", 16 << 20)
    return parse_mountinfo((data or b"").decode(errors="surrogateescape"))


def swaps(path: str = "/proc/swaps") -> list[str]:
    """The devices and files that memory is swapped to (proc(5)); empty without /proc."""
    lines = (files.read(path) or b"").decode(errors="surrogateescape").splitlines()[1:]
    return [_plain(line.split()[0]) for line in lines if line.strip()]


class Entry(NamedTuple):
    """One line of fstab."""

    source: str
    point: str
    kind: str
    options: frozenset[str]
    checked: bool = False
    """Whether fsck(8) is to look at it: its last field is a number, and not 0."""

    @property
    def automatic(self) -> bool:
        """Mounted by ``mount -a``: has a mount point, and is neither noauto nor allowed to be
        missing.
        """
        return (
            self.point.startswith("/")
            and self.kind not in _PSEUDO
            and not self.options & {"noauto", "nofail"}
        )


def fstab(path: str = "/etc/fstab") -> list[Entry]:
    """The entries of fstab(5); empty when there is no such file."""
    found = []
    for line in (files.read(path) or b"").decode(errors="surrogateescape").splitlines():
        fields = line.split()
        if len(fields) >= 4 and not fields[0].startswith("#"):
            options = frozenset(fields[3].split(","))
            point = _plain(fields[1])
            point = point.rstrip("/") or point
            checked = len(fields) > 5 and fields[5].isdecimal() and int(fields[5]) > 0
            found.append(Entry(_plain(fields[0]), point, fields[2], options, checked))
    return found


def missing(fstab_path: str = "/etc/fstab", table: list[Mount] | None = None) -> list[str]:
    """Mount points that fstab wants mounted by themselves and that are not; empty: all are.

    A symbolic link in a mount point is followed, as mount(8) does.
    """
    there = {mount.point for mount in (mounts() if table is None else table)}
    wanted = [entry.point for entry in fstab(fstab_path) if entry.automatic]
    return [p for p in wanted if p not in there and os.path.realpath(p) not in there]
