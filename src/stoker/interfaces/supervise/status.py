"""The file `status`: what a service is doing, in the layouts of five families (nosh.md 4.3).

| form | bytes | times count from | after time, pid, paused and wish |
|---|---|---|---|
| nosh | 87 | TAI as it is now | state, and how start, run, restart and stop ended |
| encore | 20 | TAI of 1972 | state, 0 |
| daemontools | 18 | TAI of 1972 | nothing |
| runit | 20 | TAI of 1972 | whether TERM was sent; 0 down, 1 run, 2 finish |
| s6 | 35 | TAI as it is now | (another order) time of readiness, wait status, flags |

Numbers of processes are little-endian except in s6's, all else is big-endian.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from stoker.model import NEW_LEAP, OLD_LEAP, tai_label, tai_wall

__all__ = [
    "FAILED",
    "NEVER",
    "RUNNING",
    "STARTING",
    "STOPPED",
    "STOPPING",
    "Record",
    "Seen",
    "pack",
    "unpack",
]

STOPPED, STARTING, RUNNING, STOPPING, FAILED = 0, 1, 3, 4, 5
"""States as daemontools-encore numbers them; 2 is not used."""

_KINDS = {"exit": 1, "signal": 2}
PROGRAMS = ("start", "run", "restart", "stop")


class Record(NamedTuple):
    """How a program ended: kind 0 not yet, 1 exited, 2 by a signal, 3 with a core; its code or
    signal; wall nanoseconds.
    """

    kind: int = 0
    number: int = 0
    at: int = 0

    @classmethod
    def of(cls, kind: str, number: int, core: bool, at: int) -> Record:
        """From a status as the engine has it; the end of one that nobody saw is told as none."""
        code = _KINDS.get(kind, 0)
        return cls(code + 1 if code == 2 and core else code, number, at)


NEVER = Record()


class Seen(NamedTuple):
    """What there is to say of one instance. `at`: wall nanoseconds of its last start or end; `wish`
    one of "u", "d", "o" or "". `records` as `PROGRAMS`.
    """

    at: int
    pid: int = 0
    paused: bool = False
    wish: str = ""
    state: int = STOPPED
    records: tuple[Record, Record, Record, Record] = (NEVER, NEVER, NEVER, NEVER)
    ready: bool = False
    ending: bool = False
    """Told to end, and has not ended."""
    wanted: bool = False


def pack(form: str, seen: Seen) -> bytes:
    """The file, whole."""
    if form == "s6":
        return _s6(seen)
    leap = NEW_LEAP if form == "nosh" else OLD_LEAP
    wish = seen.wish or ("" if form == "nosh" else "u" if seen.wanted else "d")
    data = tai_label(seen.at, leap) + struct.pack("<I", seen.pid)
    data += bytes((seen.paused, ord(wish) if wish else 0))
    if form == "daemontools":
        return data
    if form == "runit":
        running = 1 if seen.state in (STARTING, RUNNING) else 2 if seen.pid else 0
        return data + bytes((seen.ending and running == 1, running))
    if form == "encore":
        return data + bytes((seen.state, 0))
    data += bytes((seen.state,))
    for one in seen.records:
        data += struct.pack(">BI", one.kind, one.number)
        data += tai_label(one.at, leap) if one.kind else bytes(12)
    return data


def _s6(seen: Seen) -> bytes:
    last = seen.records[1]
    status = last.number << 8 if last.kind == 1 else last.number | (128 if last.kind == 3 else 0)
    flags = (
        seen.paused * 1
        | (seen.state in (FAILED, STOPPING)) * 2
        | seen.wanted * 4
        | (seen.ready and seen.state == RUNNING) * 8
    )
    time = tai_label(seen.at, NEW_LEAP)
    return time + time + struct.pack(">QHB", seen.pid, status & 0xFFFF, flags)


def unpack(data: bytes) -> Seen | None:
    """What a nosh status file says, None when it is none: a successor goes on from it."""
    if len(data) != 87:
        return None
    (pid,) = struct.unpack_from("<I", data, 12)
    paused, wish, state = data[16:19]
    records = []
    for offset in (19, 36, 53, 70):
        kind, number = struct.unpack_from(">BI", data, offset)
        records.append(Record(kind, number, _wall(data, offset + 5)) if kind else NEVER)
    one, two, three, four = records
    wanted = chr(wish) if wish else ""
    return Seen(_wall(data), pid, bool(paused), wanted, state, (one, two, three, four))


def _wall(data: bytes, offset: int = 0) -> int:
    return tai_wall(data[offset : offset + 12], NEW_LEAP)
