"""What the processes of a contract are and use: rows for people, from /proc."""

from __future__ import annotations

from collections.abc import Iterable

from stoker.linux import proc
from stoker.model import ProcessView

__all__ = ["Usage", "look"]

_LONGEST = 400


class Usage:
    """`processes` as a tree (parents first, `depth` from 0), and their sums: bytes, seconds,
    threads.
    """

    __slots__ = ("cpu", "memory", "processes", "tasks")

    def __init__(self) -> None:
        self.processes: list[ProcessView] = []
        self.memory = 0
        self.cpu = 0.0
        self.tasks = 0


def look(pids: Iterable[int]) -> Usage:
    """The processes of a contract. Those that end meanwhile are left out."""
    usage = Usage()
    stats = {pid: stat for pid in pids if (stat := proc.stat(pid)) is not None and not stat.zombie}
    below: dict[int, list[int]] = {}
    roots = []
    for pid, stat in sorted(stats.items()):
        if stat.ppid in stats and stat.ppid != pid:
            below.setdefault(stat.ppid, []).append(pid)
        else:
            roots.append(pid)
    waiting = [(pid, 0) for pid in reversed(roots)]
    while waiting:
        pid, depth = waiting.pop()
        stat = stats[pid]
        memory = stat.resident * proc.PAGE
        cpu = (stat.utime + stat.stime) / proc.TICKS
        words = proc.cmdline(pid) or []
        command = " ".join(words)[:_LONGEST].rstrip() or f"[{stat.comm}]"
        usage.processes.append(ProcessView(pid, depth, command, memory, cpu, stat.state))
        usage.memory += memory
        usage.cpu += cpu
        usage.tasks += stat.threads
        waiting += [(child, depth + 1) for child in reversed(below.get(pid, ()))]
    return usage
