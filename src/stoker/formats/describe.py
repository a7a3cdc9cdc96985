"""What the table of keys gives to others: JSON Schema for editors, rows for the reference."""

from __future__ import annotations

from typing import Any

from .keys import DEFINITION
from .settings import SETTINGS
from .tables import Key, Many, Table

__all__ = ["reference_rows", "schema"]

_WHICH = {"definition": DEFINITION, "settings": SETTINGS}


def schema(which: str = "definition") -> dict[str, Any]:
    """JSON Schema (2020-12) of a native definition, or with "settings" of our own settings file."""
    table = _WHICH[which]
    found: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"stoker {which}",
        **table.schema(),
    }
    if which == "definition":
        overrides = Table(
            *(key for key in table.keys.values() if key.name not in ("id", "instances"))
        )
        found["$defs"] = {"overrides": overrides.schema()}
        found["anyOf"] = [{"required": ["exec_start"]}, {"required": ["instances"]}]
    return found


def reference_rows(which: str = "definition") -> list[dict[str, str]]:
    """A row for each key, in the order of the table: table ("" is the top), key, type, default,
    effect, doc.

    `effect`: "live" when a running instance takes a change over, "restart" when it needs a new
    process.
    """
    table = _WHICH[which]
    rows = []
    for key in table.keys.values():
        rows.append(_row("", key, key.effect))
    for key in table.keys.values():
        inner = key.kind.table if isinstance(key.kind, Many) else key.kind
        if isinstance(inner, Table):
            shown = f"[[{key.name}]]" if isinstance(key.kind, Many) else f"[{key.name}]"
            rows += [_row(shown, one, _inner_effect(key, one)) for one in inner.keys.values()]
    return rows


def _inner_effect(outer: Key, key: Key) -> str:
    """As the table's, but for the two of [log] that change the pipe itself (`changed_fields`)."""
    if outer.name == "log" and key.name in ("mode", "stderr"):
        return "restart"
    return outer.effect


def _row(table: str, key: Key, effect: str) -> dict[str, str]:
    default = "required" if key.required else key.default
    return {
        "table": table,
        "key": key.name,
        "type": key.kind.words,
        "default": default,
        "effect": effect,
        "doc": key.doc,
    }
