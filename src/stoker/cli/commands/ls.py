"""List instances."""

from __future__ import annotations

import sys
import time

from ..ask import instances
from ..call import Call
from ..say import age, seconds_of, state_of, table

__all__ = ["run"]


def run(call: Call) -> int:
    """Print STATE NAME PID SINCE RESTARTS NOTE, or what the manager answered."""
    rows = instances(call, call.names)
    if call.json:
        sys.stdout.write(call.client().text.rstrip("\n") + "\n")
        return 0
    if not rows:
        print("no services: nothing is defined here")
        return 0
    now = time.time()
    table(
        ("STATE", "NAME", "PID", "SINCE", "RESTARTS", "NOTE"),
        [
            (
                state_of(row),
                row["name"],
                str(row["pid"] or "-"),
                age(now - seconds_of(row["since"])) if row["since"] else "-",
                str(row["restarts"]),
                remark(row),
            )
            for row in rows
        ],
        [row["state"] for row in rows],
    )
    return 0


def remark(row: dict[str, object]) -> str:
    """The one thing worth knowing: what it waits for, why it is down, what it says itself."""
    waiting = row["waiting_for"]
    if row["note"]:
        return str(row["note"])
    if isinstance(waiting, list) and waiting:
        return str(waiting[0]) + (f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else "")
    return str(row["status_text"] or "")
