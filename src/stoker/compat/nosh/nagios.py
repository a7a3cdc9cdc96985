"""nagios-check-service: whether services are as they should be (nosh.md 5.2)."""

from __future__ import annotations

import time
from collections.abc import Iterable

from .bundles import Bundle
from .supervised import is_supervised, read_status

__all__ = ["check"]

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_LEVELS = {
    "not loaded": CRITICAL,
    "clock skewed": CRITICAL,
    "stopped": CRITICAL,
    "failed": CRITICAL,
    "loading": WARNING,
    "started": WARNING,
    "disabled": OK,
    "up": OK,
}
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def check(bundles: Iterable[Bundle], least: int, strict: bool) -> int:
    """Print the groups on one line; the exit status. `least`: seconds that one must be up; less is
    a warning, or critical where `strict`.
    """
    groups: dict[str, list[str]] = {}
    levels = {**_LEVELS, f"below {least}s": CRITICAL if strict else WARNING}
    for bundle in bundles:
        groups.setdefault(_group(bundle, least), []).append(bundle.name)
    if not groups:
        print("UNKNOWN: no services")
        return UNKNOWN
    worst = max(levels[group] for group in groups)
    parts = [f"{group}: {' '.join(groups[group])}" for group in levels if group in groups]
    print(f"{_WORDS[worst]}: {'; '.join(parts)}")
    return worst


def _group(bundle: Bundle, least: int) -> str:
    try:
        if not is_supervised(bundle.supervise):
            return "not loaded"
        status = read_status(bundle.supervise)
    except OSError:  # there is nothing that could be loaded
        return "not loaded"
    if status is None:
        return "loading"
    word = status.word
    if word in ("stopped", "down"):
        if bundle.has("down"):
            return "disabled"
        done = bundle.has("ready_after_run") and len(status.ends) > 1 and status.ends[1].kind
        return "up" if done else "stopped"
    if word in ("failed", "stopping"):
        return "failed"
    if word == "starting":
        return "started"
    age = time.time() - status.wall
    if age < -1.0:
        return "clock skewed"
    return f"below {least}s" if age < least else "up"
