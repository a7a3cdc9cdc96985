"""List the snapshots of a service's properties, or go back to one."""

from __future__ import annotations

from ..call import Call
from ..say import clean, dump, note

__all__ = ["run"]


def run(call: Call) -> int:
    """List, or revert."""
    from stoker.compat import properties

    action, name = call.arguments["action"], call.arguments["name"]
    found = properties(call.place(), note)
    if action == "revert":
        which = call.arguments["snapshot"] or "running"
        found.revert(name, which, bool(call.get("later")))
        if call.json:
            dump({"version": 1, "reverted": which})
        return 0
    names = found.snapshots(name)
    if call.json:
        dump({"version": 1, "snapshots": names})
    else:
        for one in names:
            print(clean(one))
    return 0
