"""Show or set properties of a service."""

from __future__ import annotations

from stoker.errors import UsageError

from ..call import Call
from ..say import clean, dump, note

__all__ = ["run"]


def run(call: Call) -> int:
    """Get, set or unset."""
    from stoker.compat import properties

    action, name = call.arguments["action"], call.arguments["name"]
    given = list(call.arguments["what"] or ())
    found = properties(call.place(), note)
    if action == "get":
        rows = found.get(name, given)
        if call.json:
            dump({"version": 1, "properties": rows})
            return 0
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            values = " ".join(value or '""' for value in row["values"])
            late = "" if row["in_effect"] else ", not in effect yet"
            print(
                clean(f"{row['name']:<{width}}  {row['type']}  {values}  # {row['origin']}{late}")
            )
        return 0
    if not given:
        raise UsageError(f"{action} needs a property", hint="stoker prop set NAME PG/PROP=VALUE")
    if action == "set":
        found.set(name, given, bool(call.get("later")))
    else:
        found.unset(name, given, bool(call.get("later")))
    if call.json:
        dump({"version": 1, "changed": given})
    return 0
