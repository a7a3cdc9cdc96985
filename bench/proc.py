"""What /proc says of processes: who is there, and what they cost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Cost", "alive", "below", "by_name", "cost", "namespaced", "pss"]


class Cost(NamedTuple):
    """Summed over some processes: processor seconds, and how often they were put to sleep or
    interrupted.
    """

    cpu: float
    switches: int

    def since(self, before: Cost) -> Cost:
        """What came on top."""
        return Cost(self.cpu - before.cpu, self.switches - before.switches)


def alive(pid: int) -> bool:
    """Whether there is such a process (a zombie is one)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def pss(pids: Iterable[int]) -> float:
    """Proportional set size of these together, in MB."""
    whole = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # ended meanwhile
            continue
        whole += sum(int(row.split()[1]) for row in text.splitlines() if row.startswith("Pss:"))
    return whole / 1000


def cost(pids: Iterable[int]) -> Cost:
    """What these have cost so far. Children count only if they are in `pids`."""
    time, switches = 0, 0
    for pid in pids:
        try:
            time += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
            for row in Path(f"/proc/{pid}/status").read_text().splitlines():
                if "voluntary_ctxt_switches" in row:
                    switches += int(row.split()[1])
        except OSError:  # ended meanwhile
            continue
    return Cost(time / 1e9, switches)


def _stat(pid: int) -> tuple[str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name, int(rest.split()[1])


def _everybody() -> Iterator[tuple[int, str, int]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (found := _stat(int(entry))) is not None:
            yield int(entry), *found


def below(pid: int, names: Iterable[str] = ()) -> list[int]:
    """A process and all below it; with `names` only those whose program is called so."""
    children: dict[int, list[tuple[int, str]]] = {}
    for one, name, parent in _everybody():
        children.setdefault(parent, []).append((one, name))
    wanted, found, look = set(names), [pid], [pid]
    while look:
        for one, name in children.get(look.pop(), ()):
            look.append(one)
            if not wanted or name in wanted:
                found.append(one)
    return found


def by_name(name: str, argument: str) -> list[int]:
    """Processes whose program is called `name` and that have `argument` in their command line."""
    found = []
    for pid, program, _ in _everybody():
        if program != name[:15]:
            continue
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if argument.encode() in words:
            found.append(pid)
    return found


def namespaced(first: int) -> dict[int, int]:
    """For the processes below one in a pid namespace: their number in it to their number here."""
    found = {}
    for pid in below(first):
        try:
            text = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        for row in text.splitlines():
            if row.startswith("NSpid:"):
                found[int(row.split()[-1])] = pid
    return found
