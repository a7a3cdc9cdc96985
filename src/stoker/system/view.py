"""What the end of the machine waits for, shown on the console, with keys for a person there.

    e   more time: the limit begins anew
    k   kill what is waited for
    s   wait for nothing more: what is left is killed

Nothing is shown of what ends within a second. Without a console nobody is asked.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import time
from collections.abc import Callable, Iterable
from typing import Any

from stoker.client import Client
from stoker.errors import StokerError

from .console import CONSOLE

__all__ = ["MISSING", "NO_MANAGER", "SKIPPED", "View", "line", "waited_for", "watched"]

SKIPPED, NO_MANAGER, MISSING = 9, 3, 4
"""Exit statuses of a job that a person said not to wait for, of one that nobody heard, and of one
whose target there is not.
"""

_FIRST = 1.0  # seconds before anything is shown
_MOST = 3  # names on a line
_STAGES = ("stop", "kill", "cleanup", "decide")
_KEYS = "[e] more time  [k] kill  [s] skip"


def waited_for(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those among all instances that are on their way down."""
    return [row for row in rows if row["stage"] in _STAGES]


def line(rows: Iterable[dict[str, Any]], seconds: float) -> str:
    """One line about them: who, and for how long the end has been under way."""
    told = [str(row["name"]) for row in rows]
    more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return f"{seconds:.0f} s: waiting for {', '.join(told[:_MOST])}{more}   {_KEYS}"


class View:
    """Call `look` again and again while something is waited for; `close` at the end."""

    def __init__(self, path: str = CONSOLE) -> None:
        self._began = time.monotonic()
        self._shown = ""
        self._to_kill: set[str] = set()
        self._before: list[Any] | None = None
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self._fd = -1  # nobody looks
            return
        try:
            self._before = termios.tcgetattr(self._fd)
            mode = termios.tcgetattr(self._fd)
            mode[3] &= ~(termios.ICANON | termios.ECHO)  # keys come at once, and are not shown
            termios.tcsetattr(self._fd, termios.TCSANOW, mode)
        except termios.error:
            self._before = None  # no terminal: it shows, and gives no keys

    def look(self, client: Client) -> bool:
        """Show what is waited for, and do what keys say. False when nothing is to be waited for
        any more.
        """
        seconds = time.monotonic() - self._began
        if self._fd < 0 or seconds < _FIRST:
            return True
        try:
            rows = waited_for(client.get("/v1/instances", patience=2.0)["instances"])
        except StokerError:
            rows = []  # the manager is busy, or being replaced
        if rows:
            self._show(line(rows, seconds))
        for key in self._keys():
            if key == "s":
                return False
            self._press(key, rows)
        self._kill(client, [row["fmri"] for row in rows if row["fmri"] in self._to_kill])
        return True

    def close(self) -> None:
        """Leave the console as it was."""
        if self._fd < 0:
            return
        if self._shown:
            self._write("\r\n")
        if self._before is not None:
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
            except termios.error:
                pass  # it is gone
        os.close(self._fd)
        self._fd = -1

    def _press(self, key: str, rows: list[dict[str, Any]]) -> None:
        if key == "e":
            os.kill(os.getppid(), signal.SIGUSR1)
            self._write("\r\nstoker: the limit begins anew\r\n")
        elif key == "k":
            self._to_kill.update(row["fmri"] for row in rows)

    def _kill(self, client: Client, names: list[str]) -> None:
        """At each look again: first the main process gets it, then what it leaves behind."""
        if not names:
            return
        body = {"verb": "signal", "signal": "KILL", "why": "a key at the console", "names": names}
        try:
            client.post("/v1/operations", body, patience=5.0)
        except StokerError:
            pass  # it has gone meanwhile, or the next look tries again

    def _keys(self) -> str:
        if self._before is None or not select.select([self._fd], [], [], 0.0)[0]:
            return ""
        try:
            return os.read(self._fd, 64).decode("ascii", "replace").lower()
        except OSError:
            return ""

    def _show(self, text: str) -> None:
        if text != self._shown:
            self._write("\r" + text.ljust(len(self._shown)))
            self._shown = text

    def _write(self, text: str) -> None:
        try:
            os.write(self._fd, text.encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # stopped, or gone


def watched(client: Client, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Wait for an operation with a view of it; None when a person said not to. `ask()` is one look
    at the operation, which waits a moment for its end.
    """
    view = View()
    try:
        while True:
            operation = ask()
            if operation["outcome"]:
                return operation
            if not view.look(client):
                return None
    finally:
        view.close()
