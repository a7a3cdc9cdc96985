"""What `svcadm -s` waits for, and what it says of how that ended; `-T` as Solaris 11 has it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from stoker.client import quote
from stoker.errors import StokerError, UsageError

from .tree import Tree

__all__ = ["Waiting", "seconds_of"]

LONGEST = 30.0  # seconds that one question to the manager waits for
LOOK_AGAIN = 3.0  # … of an instance, where no change comes first


def seconds_of(text: str | None) -> int | None:
    """The value of -T; None is for ever. Raises UsageError."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10**9:
        raise UsageError(f"-T needs a number of seconds, not {text!r}")
    return int(text)


class Waiting:
    """Waits for all that one command asked, together no longer than `seconds`."""

    def __init__(self, tree: Tree, seconds: int | None) -> None:
        self.tree = tree
        self.seconds = seconds
        self.end = None if seconds is None else time.monotonic() + seconds

    def _left(self, most: float) -> float:
        return most if self.end is None else max(0.0, min(most, self.end - time.monotonic()))

    def _go_on(self, names: Sequence[str]) -> None:
        """Raises StokerError when the time is over."""
        if self.end is not None and time.monotonic() >= self.end:
            shown = ", ".join(names)
            raise StokerError(f"after {self.seconds} seconds it is still waited for {shown}")

    def operation(self, number: int) -> None:
        """Until an operation is over. Raises StokerError."""
        while True:
            seconds = self._left(LONGEST)
            path = f"/v1/operations/{number}?wait={seconds:.3f}"
            one: dict[str, Any] = self.tree.client.get(path, patience=seconds + 60)["operation"]
            if one["outcome"]:
                return
            self._go_on([m["fmri"] for m in one["members"] if not m["outcome"]] or ["the others"])

    def instance(self, name: str, up: bool) -> int:
        """Until it is as asked, 0, or will not be so: 3 or 4. Raises StokerError."""
        wanted = "up" if up else "disabled"
        while True:
            seconds = self._left(LOOK_AGAIN)
            path = f"/v1/wait?name={quote(name)}&for={wanted}&timeout={seconds:.3f}"
            answer = self.tree.client.get(path, patience=seconds + 60)
            row = answer["instances"][0] if answer["instances"] else None
            verdict = _verdict(row, up, answer["outcome"])
            if verdict is not None:
                return told(name, row, verdict)
            self._go_on([name])

    def rested(self, name: str, state: str = "") -> int:
        """How an instance stands after what was asked of it is over: 3 where it went to maintenance
        (or is not in the `state` that it was marked with), 4 where it cannot come up.
        """
        row = self.tree.rows().get(name)
        if row is None:
            return told(name, row, 3)
        if state:
            return 0 if row["state"] == state else told(name, row, 3)
        if row["state"] == "maintenance":
            return told(name, row, 3)
        return told(name, row, 4) if row["wanted"] and row["hopeless"] else 0


def told(name: str, row: dict[str, Any] | None, verdict: int) -> int:
    """Say how a wait ended where that is not as asked."""
    if verdict == 3:
        state = row["state"] if row else "no"
        print(f'svcadm: Instance "{name}" is in {state} state.', file=sys.stderr)
    elif verdict == 4:
        print(f'svcadm: Instance "{name}" has unsatisfied dependencies.', file=sys.stderr)
    return verdict


def _verdict(row: dict[str, Any] | None, up: bool, outcome: str) -> int | None:
    """How a wait ends for one instance; None while it goes on."""
    if outcome == "so":
        return 0
    if row is None or outcome == "gone":
        return 3
    if row["state"] == "maintenance" or row["wanted"] != up:
        return 3  # what is not wanted stays in maintenance too, where its stop failed
    return 4 if up and row["hopeless"] else None
