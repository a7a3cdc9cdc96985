"""ctstat: show contracts (ctstat(1)). A contract here holds the processes of one run."""

from __future__ import annotations

import sys
from typing import Any

from stoker.errors import StokerError, UsageError

from .options import letters

__all__ = ["main"]

USAGE = "usage: ctstat [-av] [-i ID,…] [-t TYPE,…]"
HEAD = ("CTID", "ZONEID", "TYPE", "STATE", "HOLDER", "EVENTS", "QTIME", "NTIME")


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 shown, 1 it could not be, 2 usage."""
    try:
        words = list(arguments)
        flags, values = letters(words, "avh?", "itT")
        if flags & {"h", "?"}:
            print(USAGE)
            return 0
        if words:
            raise UsageError(f"{words[0]!r} is not understood")
        given = values.get("i", "").replace(",", " ").split()
        if not all(one.isdecimal() for one in given):
            raise UsageError("-i needs numbers")
    except UsageError as error:
        print(f"ctstat: {error.message}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        return _show({int(one) for one in given}, values.get("t", "process"), flags)
    except StokerError as error:
        print(f"ctstat: {error}", file=sys.stderr)
        return 1


def _show(numbers: set[int], types: str, flags: set[str]) -> int:
    from stoker.client import connect, contracts, place_of

    client = connect(place_of())
    holder = client.get("/v1")["pid"]
    rows = [row for row in contracts(client) if not row["method"]]
    if numbers:
        rows = [row for row in rows if row["contract"] in numbers]
    if "process" not in types.replace(",", " ").split():
        rows = []  # there are no device contracts
    print(_line(HEAD))
    for row in rows:
        owned = row["state"] == "owned"
        print(
            _line(
                (
                    str(row["contract"]), "0", "process", row["state"],
                    str(holder) if owned else "-", "0", "-", "-",
                )
            )
        )  # fmt: skip
        if "v" in flags:
            print("\n".join(_more(row)))
    for number in sorted(numbers - {row["contract"] for row in rows}):
        print(f"ctstat: there is no contract {number}", file=sys.stderr)
    return 1 if numbers - {row["contract"] for row in rows} else 0


def _line(cells: tuple[str, ...]) -> str:
    return "".join(f"{cell:<8}" for cell in cells).rstrip()


def _more(row: dict[str, Any]) -> list[str]:
    inner = [f"{pid}" for one in row["nested"] for pid in one["processes"]]
    members = " ".join([*map(str, row["processes"]), *inner])
    fields = {
        "informative event set": "none",
        "critical event set": "core signal empty",
        "fatal event set": "none",
        "parameter set": "none",
        "member processes": members or "none",
        "inherited contracts": "none",
        "service fmri": row["fmri"] or "none",
    }
    return [f"        {name + ':':<24}{text}" for name, text in fields.items()]
