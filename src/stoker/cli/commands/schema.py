"""Print the JSON Schema of definitions, for editors."""

from __future__ import annotations

import json

from ..call import Call

__all__ = ["run"]


def run(call: Call) -> int:
    """Of definitions, or of the settings file."""
    from stoker.formats import schema as make

    schema = make("settings" if call.get("settings") else "definition")
    if call.json:
        print(json.dumps({"version": 1, "schema": schema}, ensure_ascii=False))
    else:
        print(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0
