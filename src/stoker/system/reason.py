"""Why the machine goes down: written by who asks, kept for the next boot.

RUN/system/request is what a command writes before it signals; RUN/system/going is what the director
makes of it; STATE/last-end.json is what the next boot finds, and is kept as RUN/system/last while
the machine runs. Each is one JSON object: action, who, why, at (seconds since 1970), clean.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

__all__ = ["GOING", "LAST", "begun", "last_end", "read", "request", "taken", "write"]

REQUEST = "/system/request"
GOING = "/system/going"
LAST = "/last-end.json"
LAST_KEPT = "/system/last"
_RECENT = 60.0  # seconds for which a request explains a signal


def write(path: str, told: dict[str, Any]) -> None:
    """Replace a file as a whole. Raises OSError."""
    fresh = f"{path}.{os.getpid()}"
    try:
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        _forget(fresh)  # half of it, on a full disk
        raise


def read(path: str) -> dict[str, Any]:
    """What is written there; nothing when there is nothing that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def request(run: str, action: str, who: str, why: str) -> None:
    """Say why a signal is about to be sent. Raises OSError."""
    write(run + REQUEST, {"action": action, "who": who, "why": why, "at": time.time()})


def last_end(told: dict[str, Any]) -> str:
    """In words how the machine ended before; "" when nothing is known."""
    if not told:
        return ""
    if told.get("clean") is not True:
        return "the machine did not end in order before this"
    why = f": {told['why']}" if told.get("why") else ""
    return f"the end before this: {told.get('action')}, asked for by {told.get('who')}{why}"


def begun(run: str, state: str) -> str:
    """A machine has begun: keep how it ended before, and that it has not ended again. Returns the
    first in words, however often it is asked. Raises OSError.
    """
    if os.path.exists(run + LAST_KEPT):
        return last_end(read(run + LAST_KEPT))
    told = read(state + LAST)
    write(run + LAST_KEPT, told)
    try:
        write(state + LAST, {"clean": False, "at": time.time()})
    except OSError:
        _forget(state + LAST)  # a full disk: nothing is less wrong than what is out of date
    return last_end(told)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it is not there, or cannot be changed at all


def taken(run: str, action: str) -> dict[str, Any]:
    """What is known of why this action was asked for; it explains no further one."""
    found = read(run + REQUEST)
    try:
        recent = abs(time.time() - float(found.get("at", 0))) < _RECENT
    except (TypeError, ValueError):
        recent = False
    if not recent or found.get("action") != action:
        return {"action": action, "who": "a signal to the first process", "why": ""}
    _forget(run + REQUEST)
    return {"action": action, "who": str(found.get("who", "")), "why": str(found.get("why", ""))}
