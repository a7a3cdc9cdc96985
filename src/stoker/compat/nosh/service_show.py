"""service-show: everything about a bundle, for programs (nosh.md 5.6)."""

from __future__ import annotations

import json
import os
import time

from stoker.errors import UsageError

from .bundles import Bundle, asked_for_help, complain, options
from .supervised import CLASSES, End, is_supervised, read_status

__all__ = ["main"]

WANTS = {"u": "up", "d": "down", "o": "once", "O": "once at most"}
RELATIONS = {
    "Wants": "wants",
    "Wanted-By": "wanted-by",
    "Before": "before",
    "After": "after",
    "Expects": "expects",
    "Requires": "requires",
    "Required-By": "required-by",
    "Conflicts": "conflicts",
    "Stopped-By": "stopped-by",
}
Value = str | int | bool | list[str]


def main(arguments: list[str]) -> int:
    """The command; 0 also where something is not loaded, which is told and left out."""
    if asked_for_help("service-show", arguments, "[--json] DIRECTORY…"):
        return 0
    words = list(arguments)
    try:
        given = options(words, {"--json": "json"})
    except UsageError as error:
        complain("service-show", error)
        return 1
    found: dict[str, dict[str, Value]] = {}
    for directory in words:
        try:
            values = _values(Bundle(directory))
        except OSError as error:
            complain("service-show", f"{directory}: {error.strerror}")
            continue
        if values is None:
            complain("service-show", f"{directory}: No supervisor is running")
            continue
        found[directory] = values
    if "json" in given:
        print(json.dumps(found))
        return 0
    for directory, values in found.items():
        print(f"[{directory}]")
        for key, value in values.items():
            print(f"{key}={_plain(value)}")
        print()
    return 0


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, list) else str(value)


def _values(bundle: Bundle) -> dict[str, Value] | None:
    """All keys in nosh's order; None when nobody supervises it."""
    if not is_supervised(bundle.supervise):
        return None
    values: dict[str, Value] = {}
    status = read_status(bundle.supervise)
    if status is None:
        values["Loading"] = True
    else:
        values["DaemontoolsState"] = "up" if status.pid else "down"
        values["DaemontoolsEncoreState"] = status.word
        values["MainPID"] = status.pid
        values["Timestamp"] = int.from_bytes(status.tai[:8], "big")
        values["UTCTimestamp"] = _utc(status.wall)
        values["Want"] = WANTS.get(status.want, "nothing")
        values["Paused"] = status.paused
        for name, end in zip(("Start", "Run", "Restart", "Stop"), status.ends, strict=False):
            values |= _end(name, end)
    values["Enabled"] = not bundle.has("down")
    values["RemainAfterExit"] = bundle.has("remain")
    values["ReadyAfterRun"] = bundle.has("ready_after_run")
    for key, relation in RELATIONS.items():
        values[key] = [_text(path) for path in bundle.links(relation)]
    if os.path.islink(f"{bundle.path}/log"):
        values["LogService"] = _text(f"{bundle.path}/log")
    return values


def _end(name: str, end: End) -> dict[str, Value]:
    if not end.kind:
        return {}
    code = "exit" if end.kind == 1 else CLASSES.get(end.number, "crash")
    return {
        f"{name}ExitStatusCode": code,
        f"{name}ExitStatusNumber": end.number,
        f"{name}Timestamp": int.from_bytes(end.tai[:8], "big"),
        f"{name}UTCTimestamp": _utc(end.wall),
    }


def _text(path: str) -> str:
    """The text of a link, without one step upward."""
    try:
        return os.readlink(path).removeprefix("../")
    except OSError:  # a directory itself
        return os.path.basename(path)


def _utc(wall: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall))
