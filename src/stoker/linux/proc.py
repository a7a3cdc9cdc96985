"""What /proc says about processes (proc(5)). A process that is gone or hidden is None, never an
error.

A pid alone names nobody for long: `identity` (start time in clock ticks since boot, with `boot_id`)
is what tells a process from a later one with its number.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from . import files


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that anybody here needs. Times in clock ticks (`TICKS` a
    second), resident memory in pages (`PAGE` bytes each).
    """

    pid: int
    comm: str
    state: str
    ppid: int
    pgrp: int
    session: int
    tty: int
    utime: int
    stime: int
    threads: int
    start: int
    resident: int = 0

    @property
    def zombie(self) -> bool:
        """Dead, and not yet reaped."""
        return self.state in "ZX"


TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def parse_stat(data: bytes) -> Stat | None:
    """Read the text of a stat file; the command may hold spaces and brackets, so its last ``)``
    counts.
    """
    left, right = data.find(b"("), data.rfind(b")")
    if left < 0 or right < left:
        return None
    rest = data[right + 2 :].split(None, 22)  # of 50
    if len(rest) < 22:
        return None
    return Stat(
        pid=int(data[:left]),
        comm=data[left + 1 : right].decode(errors="replace"),
        state=rest[0].decode(),
        ppid=int(rest[1]),
        pgrp=int(rest[2]),
        session=int(rest[3]),
        tty=int(rest[4]),
        utime=int(rest[11]),
        stime=int(rest[12]),
        threads=int(rest[17]),
        start=int(rest[19]),
        resident=int(rest[21]),
    )


def stat(pid: int) -> Stat | None:
    """A process's stat, or None."""
    data = files.read(f"/proc/{pid}/stat")
    return parse_stat(data) if data else None


def start_time(pid: int) -> int | None:
    """When it started, in clock ticks since boot (field 22); stays the same through exec."""
    found = stat(pid)
    return found.start if found else None


def is_same(pid: int, start: int) -> bool:
    """Whether ``pid`` is still the process that started at ``start`` (a zombie counts)."""
    return start_time(pid) == start


def boot_id() -> str:
    """This boot's id; empty where the kernel does not tell."""
    return (files.read("/proc/sys/kernel/random/boot_id") or b"").decode().strip()


def pids() -> Iterator[int]:
    """All processes that we can see."""
    with os.scandir("/proc") as entries:
        names = [entry.name for entry in entries]
    return (int(name) for name in names if name.isdigit())


def cmdline(pid: int) -> list[str] | None:
    """Its arguments; empty for a zombie or a kernel thread; None when it is gone."""
    data = files.read(f"/proc/{pid}/cmdline")
    if data is None:
        return None
    return [os.fsdecode(part) for part in data.removesuffix(b"\0").split(b"\0")] if data else []


def environ(pid: int) -> dict[str, str] | None:
    """The environment it was started with; None when it is gone or not ours to read."""
    data = files.read(f"/proc/{pid}/environ", 4 << 20)
    if data is None:
        return None
    pairs = (part.partition(b"=") for part in data.split(b"\0") if b"=" in part)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def children(pid: int) -> list[int]:
    """Its children, zombies too, those of all its threads. Falls back to a scan of /proc where the
    kernel has no ``children`` file (CONFIG_PROC_CHILDREN)."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:  # gone
        return []
    found: list[int] = []
    for thread in threads:
        data = files.read(f"/proc/{pid}/task/{thread}/children")
        if data is None:
            if not os.path.exists("/proc/thread-self/children"):
                return [other.pid for other in map(stat, pids()) if other and other.ppid == pid]
            continue
        found.extend(map(int, data.split()))
    return sorted(found)


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, parents first."""
    found: list[int] = []
    todo = [pid]
    while todo:
        below = [child for child in children(todo.pop()) if child not in found]
        found += below
        todo += below
    return found


def status(pid: int) -> dict[str, str]:
    """/proc/PID/status as a table; empty when it is gone."""
    lines = (files.read(f"/proc/{pid}/status") or b"").decode(errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def owner(pid: int) -> tuple[int, int] | None:
    """Effective uid and gid of a process; None when it is gone."""
    table = status(pid)
    try:
        return int(table["Uid"].split()[1]), int(table["Gid"].split()[1])
    except (KeyError, IndexError, ValueError):
        return None


def rss(pid: int) -> int | None:
    """Resident memory in bytes, shared pages counted whole."""
    found = stat(pid)
    return found.resident * PAGE if found else None


def cpu(pid: int) -> float | None:
    """Seconds of processor time used by the process so far, user and system."""
    found = stat(pid)
    return (found.utime + found.stime) / TICKS if found else None


def cgroup_of(pid: int) -> str | None:
    """Path of its cgroup below the cgroup2 root (``/a/b``); None without cgroup2 or when it is
    gone.
    """
    for line in (files.read(f"/proc/{pid}/cgroup") or b"").splitlines():
        if line.startswith(b"0::"):
            return os.fsdecode(line[3:]).removesuffix(" (deleted)")
    return None
