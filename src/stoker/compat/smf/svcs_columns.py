"""The columns of svcs: what stands in them, how wide they are, how they are sorted by (svcs(1))."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Row = dict[str, Any]

__all__ = ["COLUMNS", "Columns", "seconds_of"]

COLUMNS = {
    "state": 14,
    "nstate": 13,
    "stime": 8,
    "ctid": 6,
    "fmri": 50,
    "svc": 20,
    "inst": 20,
    "scope": 20,
    "sta": 4,
    "nsta": 4,
    "s": 2,
    "n": 1,
    "sn": 2,
    "desc": 100,
    "zone": 16,
}
"""Name and width of every column."""

_SHOWING_NEXT = frozenset(("nstate", "nsta", "n", "sn"))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHORT = {
    "uninitialized": ("UN", "u"),
    "disabled": ("DIS", "d"),
    "offline": ("OFF", "0"),
    "online": ("ON", "1"),
    "degraded": ("DGD", "D"),
    "maintenance": ("MNT", "m"),
    "legacy_run": ("LRC", "L"),
}
_RANKS = {
    "legacy_run": 0,
    "disabled": 1,
    "online": 2,
    "degraded": 3,
    "offline": 4,
    "maintenance": 5,
    "uninitialized": 6,
}
_UNKNOWN = 7
_DAY = 86400


def seconds_of(text: str) -> float:
    """Wall seconds since the epoch of an RFC 3339 time in UTC, as managers write them; 0 for "".

    By arithmetic, because the modules that parse dates take longer to import than a listing may.
    """
    if not text:
        return 0.0
    year, month, day = int(text[0:4]), int(text[5:7]), int(text[8:10])
    clock = int(text[11:13]) * 3600 + int(text[14:16]) * 60 + float(text[17:].rstrip("Z"))
    if month <= 2:
        year, month = year - 1, month + 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day
    return (days - 719469) * _DAY + clock


class Columns:
    """Some columns beside each other. `now`: wall seconds, against which times are shown."""

    def __init__(self, names: list[str], now: float) -> None:
        self.now = now
        self.names = names
        self.star = "" if _SHOWING_NEXT.intersection(names) else "*"
        """What follows a state that is about to change."""
        self._cells = [(getattr(self, f"_{name}"), COLUMNS[name]) for name in names]

    def head(self) -> str:
        """The headings."""
        return " ".join(f"{name.upper():{COLUMNS[name]}}" for name in self.names).rstrip()

    def line(self, row: Row) -> str:
        """One row, without blanks at its end."""
        return " ".join([f"{cell(row):{width}}" for cell, width in self._cells]).rstrip()

    def clock(self, at: float) -> str:
        """A moment: of the last day by the clock, of the last 360 days by its date, else the year;
        "-" where it is not known.
        """
        if at <= 0:
            return "-"
        then = time.localtime(at)
        age = self.now - at
        if age < _DAY:
            return f"{then[3]:2}:{then[4]:02}:{then[5]:02}"
        if age < 360 * _DAY:
            return f"{_MONTHS[then[1] - 1]}_{then[2]:02}  "
        return f"{then[0]}    "

    # -- sorting

    def usual(self, row: Row) -> tuple[int, str, str]:
        """As it is sorted where nothing is said: by state, time, name."""
        return _RANKS.get(row["state"], _UNKNOWN), row["state_time"], row["fmri"]

    def key(self, name: str) -> Callable[[Row], Any]:
        """What rows are sorted by for a column."""
        if name in ("state", "sta", "s"):
            return lambda row: _RANKS.get(row["state"], _UNKNOWN)
        if name in ("nstate", "nsta", "n"):
            return _next_rank
        if name == "sn":
            return lambda row: (_RANKS.get(row["state"], _UNKNOWN), _next_rank(row))
        if name == "stime":
            return lambda row: row["state_time"]
        if name == "ctid":
            return lambda row: row["contract"] or 0
        cell: Callable[[Row], str] = getattr(self, f"_{name}")
        return cell

    # -- what stands in them

    def _state(self, row: Row) -> str:
        return f"{row['state']}{self.star}" if row["next_state"] else str(row["state"])

    def _nstate(self, row: Row) -> str:
        return row["next_state"] or "-"

    def _stime(self, row: Row) -> str:
        return self.clock(seconds_of(row["state_time"]))

    def _ctid(self, row: Row) -> str:
        return f"{'-' if row['contract'] is None else row['contract']:>6}"

    def _fmri(self, row: Row) -> str:
        return str(row["fmri"])

    def _svc(self, row: Row) -> str:
        return str(row["fmri"]).removeprefix("svc:/").partition(":")[0]

    def _inst(self, row: Row) -> str:
        return str(row["fmri"]).removeprefix("svc:/").partition(":")[2]

    def _scope(self, _row: Row) -> str:
        return "localhost"

    def _sta(self, row: Row) -> str:
        return self._short(row["state"], 0) + (self.star if row["next_state"] else "")

    def _nsta(self, row: Row) -> str:
        return self._short(row["next_state"], 0)

    def _s(self, row: Row) -> str:
        return self._short(row["state"], 1) + (self.star if row["next_state"] else "")

    def _n(self, row: Row) -> str:
        return self._short(row["next_state"], 1)

    def _sn(self, row: Row) -> str:
        return self._short(row["state"], 1) + self._short(row["next_state"], 1)

    def _desc(self, row: Row) -> str:
        return str(row["description"]).replace("\n", " ") or "-"

    def _zone(self, _row: Row) -> str:
        return "global"

    @staticmethod
    def _short(state: str | None, which: int) -> str:
        return _SHORT.get(state, ("?", "?"))[which] if state else "-"


def _next_rank(row: Row) -> int:
    return _RANKS.get(row["next_state"], _UNKNOWN) if row["next_state"] else -1
