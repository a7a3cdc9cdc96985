"""chkservice: bundles with their states, filling a terminal (nosh.md 5.6); elsewhere a line each.

What is shown is read when it begins, and again when `r` is pressed. Nobody is asked: it looks at
supervise directories alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from stoker.errors import StokerError

from .bundles import Bundle, Searching, asked_for_help, complain, options
from .service_status import show, word
from .supervised import is_supervised, read_status, when

__all__ = ["Listing", "Row", "main", "read_row"]

_USAGE = "[--user] [--no-alternate-screen-buffer] [NAME…]"
_SWITCHES = {
    "-u": "user",
    "--user": "user",
    "--no-alternate-screen-buffer": "plain",
    "--cursor-keypad-application-mode": "",
    "--calculator-keypad-application-mode": "",
}
_KEYS = {
    "up": "up w W j J",
    "down": "down s S k K",
    "left": "left a A h H",
    "right": "right d D l L",
    "home": "home \x01",
    "end": "end \x05",
    "page up": "page-up \x02 \x10",
    "page down": "page-down \x06 \x0e",
    "quit": "q Q \x04",
    "again": "r R",
}
"""Moves with their keys, as nosh has them (j is up there, and k down); `again` is ours."""

_MOVES = {key: move for move, keys in _KEYS.items() for key in keys.split(" ")}
_ORDER = ("running", "started", "ready", "starting", "stopping", "failed", "loading", "stopped",
          "done", "unloaded")  # fmt: skip


class Row(NamedTuple):
    """A bundle as it is shown. `wall`: since when, in seconds; None where nothing is known."""

    state: str
    enabled: bool
    letters: str
    pid: int
    wall: float | None
    name: str
    path: str

    def text(self) -> str:
        """The line for it."""
        setting = "enabled" if self.enabled else "disabled"
        pid = str(self.pid) if self.pid else ""
        since = when(self.wall) if self.wall is not None else ""
        left = f"{self.state:<8} {setting:<8} {self.letters} {pid:>7} {since:<25}"
        return f"{left} {self.name:<20} {self.path}"


def read_row(bundle: Bundle) -> Row:
    """What a bundle's supervise directory says now."""
    enabled, name = not bundle.has("down"), bundle.name
    try:
        if not is_supervised(bundle.supervise):
            return Row("unloaded", enabled, "__", 0, None, name, bundle.path)
        status = read_status(bundle.supervise)
    except OSError:  # nothing that could be loaded: it is not
        return Row("unloaded", enabled, "__", 0, None, name, bundle.path)
    if status is None:
        return Row("loading", enabled, "__", 0, None, name, bundle.path)
    letters = (status.want or "_") + ("p" if status.paused else "_")
    state = word(bundle, status)
    return Row(state, enabled, letters, status.pid, status.wall, name, bundle.path)


def _by_name(row: Row) -> tuple[object, ...]:
    return row.name, row.path


def _by_state(row: Row) -> tuple[object, ...]:
    rank = _ORDER.index(row.state) if row.state in _ORDER else len(_ORDER)
    return rank, row.name, row.path


def _by_pid(row: Row) -> tuple[object, ...]:
    return not row.pid, row.pid, row.name, row.path


def _by_state_and_pid(row: Row) -> tuple[object, ...]:
    return _by_state(row)[0], *_by_pid(row)


def _by_time(row: Row) -> tuple[object, ...]:
    return row.wall is None, row.wall or 0.0, row.name, row.path


SORTS: tuple[tuple[str, Callable[[Row], tuple[object, ...]]], ...] = (
    ("state", _by_state),
    ("state and pid", _by_state_and_pid),
    ("pid", _by_pid),
    ("time", _by_time),
    ("name", _by_name),
)


class Listing:
    """Rows in an order, one of which is chosen, and a window on them."""

    def __init__(self, rows: list[Row]) -> None:
        self.sort = len(SORTS) - 1
        self.chosen = 0
        self._top = 0
        self.put(rows)

    def put(self, rows: list[Row]) -> None:
        """Show these instead."""
        self.rows = rows
        self._arrange()

    def _arrange(self) -> None:
        self.rows.sort(key=SORTS[self.sort][1])
        self.chosen = max(0, min(self.chosen, len(self.rows) - 1))

    def move(self, how: str, page: int) -> None:
        """Follow a move; `page`: how many rows are seen."""
        steps = {"up": -1, "down": 1, "page up": -page, "page down": page}
        last = max(0, len(self.rows) - 1)
        if how in steps:
            self.chosen = min(last, max(0, self.chosen + steps[how]))
        elif how in ("home", "end"):
            self.chosen = 0 if how == "home" else last
        elif how in ("left", "right"):
            step = 1 if how == "right" else -1
            self.sort = min(len(SORTS) - 1, max(0, self.sort + step))
            self._arrange()

    def lines(self, height: int) -> tuple[list[str], int]:
        """What a screen of that height shows, and which line of it is chosen."""
        page = max(1, height - 1)
        self._top = min(self.chosen, max(self._top, self.chosen - page + 1))
        seen = self.rows[self._top : self._top + page]
        head = f"{len(self.rows)} bundles, by {SORTS[self.sort][0]}; arrows, r: again, q: quit"
        if height < 2:
            return [row.text() for row in seen], 0
        return [head, *(row.text() for row in seen)], self.chosen - self._top + 1


def main(arguments: list[str]) -> int:
    """The command; 1 when it is not understood, or a name is not found."""
    if asked_for_help("chkservice", arguments, _USAGE):
        return 0
    words = list(arguments)
    try:
        given = options(words, _SWITCHES)
        user = "user" in given
        bundles = Searching(user).all(words) if words else _every(user)
    except StokerError as error:
        complain("chkservice", error)
        return 1
    if not (os.isatty(0) and os.isatty(1)):
        for bundle in bundles:
            print("\n".join(show(bundle, long=False)))
        return 0
    return _fill(bundles, apart="plain" not in given)


def _every(user: bool) -> list[Bundle]:
    """The bundles of the search path."""
    from stoker.formats import roots

    found = []
    for group in roots(user).values():
        for root in group:
            names = sorted(os.listdir(root)) if os.path.isdir(root) else []
            found += [Bundle(f"{root}/{name}") for name in names if name[0] != "."]
    return [bundle for bundle in found if os.path.isdir(bundle.path)]


def _fill(bundles: list[Bundle], *, apart: bool) -> int:
    from .terminal import Terminal

    listing = Listing([read_row(one) for one in bundles])
    with Terminal(apart=apart) as terminal:
        while True:
            height = terminal.size[1]
            terminal.show(*listing.lines(height))
            keys = terminal.keys()
            moves = None if keys is None else [_MOVES.get(one, "") for one in keys]
            if moves is None or "quit" in moves:
                return 0
            for move in moves:
                if move == "again":
                    listing.put([read_row(one) for one in bundles])
                listing.move(move, max(1, height - 1))
