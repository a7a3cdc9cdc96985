"""What becomes of each setting of a file of another system, when it is converted."""

from __future__ import annotations

import msgspec

__all__ = ["APPROXIMATED", "IGNORED", "TAKEN", "Row"]

TAKEN, APPROXIMATED, IGNORED = "taken", "approximated", "ignored"


class Row(msgspec.Struct, frozen=True):
    """A line of the report: what became of one setting."""

    file: str
    line: int
    section: str
    key: str
    value: str
    what: str
    why: str = ""
