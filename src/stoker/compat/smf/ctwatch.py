"""ctwatch: follow what happens to contracts (ctwatch(1))."""

from __future__ import annotations

import sys

from stoker.errors import StokerError, UsageError

from .options import letters

__all__ = ["main"]

USAGE = "usage: ctwatch [-fr] process|ID…"
SUMMARY = {
    "empty": "contract empty",
    "core": "process dumped core",
    "signal": "process received fatal signal",
    "hwerr": "process killed by hardware error",
}
"""The events of process contracts; the others of ours are no such."""


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 it was interrupted, 1 it could not go on, 2 usage."""
    try:
        words = list(arguments)
        flags, _ = letters(words, "frh?", "")
        if flags & {"h", "?"}:
            print(USAGE)
            return 0
        if not words:
            raise UsageError("it needs a contract, or process")
        if not all(one.isdecimal() or one == "process" for one in words):
            raise UsageError("contracts are numbers, or process")
    except UsageError as error:
        print(f"ctwatch: {error.message}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        _follow({int(one) for one in words if one.isdecimal()}, "process" in words)
    except KeyboardInterrupt:
        pass  # that is how it ends
    except StokerError as error:
        print(f"ctwatch: {error}", file=sys.stderr)
        return 1
    return 0


def _follow(numbers: set[int], every: bool) -> None:
    from stoker.client import connect, contract_events, place_of

    client = connect(place_of())
    rows = client.get("/v1/instances")["instances"]
    known = {row["fmri"]: row["contract"] for row in rows if row["contract"] is not None}
    print(_line("CTID", "EVID", "CRIT", "ACK", "CTTYPE", "SUMMARY"), flush=True)
    cursor = client.get("/v1")["cursor"]
    for event in client.stream(f"/v1/events?cursor={cursor}&follow=1"):
        found = contract_events(client, event, known)
        if found is None or found["event"] not in SUMMARY:
            continue
        if every or found["contract"] in numbers:
            number, evid = str(found["contract"]), str(event["cursor"] & 0xFFFFFFFF)
            line = _line(number, evid, "crit", "no", "process", SUMMARY[found["event"]])
            print(line, flush=True)


def _line(number: str, event: str, critical: str, seen: str, kind: str, text: str) -> str:
    return f"{number:<8}{event:<8}{critical:<5}{seen:<4}{kind:<8}{text}"
