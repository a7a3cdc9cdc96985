"""Take service bundles into the repository."""

from __future__ import annotations

from ..call import Call
from ..say import dump, note

__all__ = ["run"]


def run(call: Call) -> int:
    """Import files and directories; what is wrong with one is told, and the others are taken."""
    if call.arguments["paths"][0] == "systemd":
        from ..units import import_units

        return import_units(call, list(call.arguments["paths"][1:]))
    from stoker.compat import properties

    said: list[str] = []
    found = properties(call.place(), said.append if call.json else note)
    failed = found.take(list(call.arguments["paths"]))
    if call.json:
        dump({"version": 1, "failed": failed, "said": said})
    return 1 if failed else 0
