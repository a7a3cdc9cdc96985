"""Write services as a service bundle."""

from __future__ import annotations

import sys

from ..call import Call
from ..say import dump, note

__all__ = ["run"]


def run(call: Call) -> int:
    """Write the bundle to standard output, or into a file."""
    from stoker.compat import properties

    text = properties(call.place(), note).export(call.names)
    path = call.get("output")
    if path:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    if call.json:
        dump({"version": 1, "written": path} if path else {"version": 1, "bundle": text})
    elif not path:
        sys.stdout.write(text)
    return 0
