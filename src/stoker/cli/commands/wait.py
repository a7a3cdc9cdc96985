"""Wait until instances are in a state."""

from __future__ import annotations

import time

from ..ask import named
from ..call import Call
from ..say import clean, dump, note, state_of

__all__ = ["run"]

SLICE = 30.0
STATUS_OF = {"so": 0, "hopeless": 1, "gone": 4, "not yet": 5}


def run(call: Call) -> int:
    """Ask with patience until it is so, cannot become so, or the time is over."""
    wanted = call.get("for", "online")
    timeout = call.get("timeout")
    begun = time.monotonic()
    while True:
        left = SLICE if timeout is None else max(0.0, begun + timeout - time.monotonic())
        part = min(left, SLICE)
        query = named(call.names, **{"for": wanted, "timeout": f"{part:.3f}"})
        answer = call.client().get(f"/v1/wait{query}", patience=part + 60)
        if answer["outcome"] != "not yet" or (timeout is not None and left <= SLICE):
            break
    status = STATUS_OF[answer["outcome"]]
    if call.json:
        dump(answer)
        return status
    for row in answer["instances"]:
        if status and (row["state"] != wanted or row["next_state"]):
            why = row["note"] or "; ".join(row["waiting_for"]) or row["cause"]
            note(clean(f"{row['name']}: {state_of(row)}" + (f": {why}" if why else "")))
    if status == 1:
        note(f"it will not be {wanted} without an administrator")
    elif status == 4:
        note("a service was removed meanwhile")
    return status
