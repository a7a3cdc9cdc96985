"""Tables: keys, and what reads a whole table of them.

A `Table` is a list of `Key`s, and itself a kind of value, so tables nest. The rows themselves stand
in `keys`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stoker.model import LIVE_FIELDS, did_you_mean

from .kinds import BAD, Kind, Spot, told

__all__ = ["Each", "Instances", "Key", "Many", "Table", "below"]


class Key(msgspec.Struct, frozen=True):
    """One key: its kind, its default as the reference shows it, what it is for, and the field of
    the model that it becomes.

    `effect` is "live" when a running instance takes a change over, "restart" when it needs a new
    process.
    """

    name: str
    kind: Kind
    doc: str
    default: str = ""
    field: str = ""
    required: bool = False
    also: str = ""
    """Another spelling that is understood."""

    @property
    def effect(self) -> str:
        return "live" if not self.field or self.field in LIVE_FIELDS else "restart"


class Table(Kind):
    """A table of keys. Reads to {name: value} of the keys that are there and right."""

    words = "a table"

    def __init__(self, *keys: Key, name: str = "", merges: bool = True) -> None:
        self.keys = {key.name: key for key in keys}
        self.spellings = self.keys | {key.also: key for key in keys if key.also}
        self.name = name
        self.merges = merges
        self.outer: Table | None = None
        for key in keys:
            inner = key.kind.table if isinstance(key.kind, Many) else key.kind
            if isinstance(inner, Table):
                inner.outer = self

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, dict):
            return spot.wrong(
                f"expected a table, not {told(value)}", f"write [{self.name}] above its keys"
            )
        found: dict[str, Any] = {}
        good = True
        for name, item in value.items():
            key = self.spellings.get(name)
            if key is None:
                self.unknown(name, spot.at(name))
                good = False
                continue
            if key.name in found:
                good = (
                    spot.at(name).wrong(f'"{key.name}" is given twice, also as "{key.also}"')
                    is not BAD
                )
                continue
            found[key.name] = key.kind.read(item, spot.at(name))
            good = good and found[key.name] is not BAD
        for key in self.keys.values():
            if key.required and key.name not in found:
                good = spot.wrong(f'"{key.name}" is missing', f"{key.doc}") is not BAD
        return found if good else BAD

    def unknown(self, name: str, spot: Spot) -> None:
        """Say what may have been meant by a key that does not exist."""
        homes = [key for key in self.keys.values() if name in below(key.kind)]
        near = did_you_mean(name[:60], self.spellings)
        if homes:
            shown = (
                f"[[{homes[0].name}]]" if homes[0].name == "dependency" else f"[{homes[0].name}]"
            )
            hint = f"it belongs into {shown}"
        elif self.outer is not None and name in self.outer.keys:
            hint = "it belongs to the top of the file, above the first [table]"
        elif near:
            hint = f"did you mean {near}?"
        else:
            hint = "`stoker schema` has all keys"
        spot.wrong(f'unknown key "{name[:60]}"', hint)

    def schema(self) -> dict[str, Any]:
        rows = {}
        for key in self.keys.values():
            rows[key.name] = {**key.kind.schema(), "description": key.doc}
            if key.default and "default" not in rows[key.name]:
                rows[key.name]["description"] += f" Default: {key.default}."
            if key.also:
                rows[key.also] = rows[key.name]
        found: dict[str, Any] = {
            "type": "object",
            "properties": rows,
            "additionalProperties": False,
        }
        required = [key.name for key in self.keys.values() if key.required]
        return found | ({"required": required} if required else {})


class Many(Kind):
    """An array of tables. Reads to a list. `single`: one table alone is understood too."""

    words = "tables"

    def __init__(self, table: Table, single: bool = False) -> None:
        self.table = table
        self.single = single

    def read(self, value: Any, spot: Spot) -> Any:
        if self.single and isinstance(value, dict):
            found = self.table.read(value, spot)
            return BAD if found is BAD else [found]
        if not isinstance(value, list):
            return spot.wrong(
                f"expected an array of tables, not {told(value)}",
                f"write [[{self.table.name}]] with two brackets",
            )
        rows = [self.table.read(item, spot.at(at)) for at, item in enumerate(value)]
        return BAD if any(row is BAD for row in rows) else rows

    def schema(self) -> dict[str, Any]:
        many = {"type": "array", "items": self.table.schema()}
        return {"oneOf": [self.table.schema(), many]} if self.single else many


class Each(Table):
    """A table for which a word alone is understood too, as the value of its first key."""

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, str):
            return super().read(value, spot)
        first = next(iter(self.keys.values()))
        found = first.kind.read(value, spot)
        return BAD if found is BAD else {first.name: found}

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [super().schema(), next(iter(self.keys.values())).kind.schema()]}


class Instances(Kind):
    """Names to tables that override keys. Read by `native`, which knows what is inherited."""

    words = "a table of instances"

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, dict) or not value:
            return spot.wrong(
                f"expected {self.words}, not {told(value) if value else 'an empty one'}",
                "write [instances.NAME] above the keys that differ",
            )
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {"$ref": "#/$defs/overrides"}}


def below(kind: Kind) -> dict[str, Key]:
    """The keys inside a kind; none when it is no table."""
    if isinstance(kind, Many):
        return kind.table.keys
    return kind.keys if isinstance(kind, Table) else {}
