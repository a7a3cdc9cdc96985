"""A directory of definitions to write into, and what reading it comes to."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stoker.formats import compile_place, schema
from stoker.model import Compiled, Definition, Mistaken, Place, project_place

TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def fits(value: Any, rule: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether a value is valid by the part of JSON Schema that we write."""
    known = {"$schema", "$defs", "$ref", "title", "description", "default", "type", "enum", "items"}
    known |= {"properties", "required", "additionalProperties", "minimum", "maximum", "pattern"}
    assert set(rule) <= known | {"anyOf", "oneOf"}, rule
    if "$ref" in rule:
        return fits(value, whole["$defs"][rule["$ref"].rpartition("/")[2]], whole)
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(
        isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
        for kind in kinds
    ):
        return False
    good = value in rule.get("enum", [value])
    if isinstance(value, str) and "pattern" in rule:
        good = good and re.search(rule["pattern"], value) is not None
    if isinstance(value, int | float):
        good = good and rule.get("minimum", value) <= value <= rule.get("maximum", value)
    if isinstance(value, list) and "items" in rule:
        good = good and all(fits(item, rule["items"], whole) for item in value)
    if isinstance(value, dict):
        other = rule.get("additionalProperties", True)
        rows = rule.get("properties", {})
        good = good and all(name in value for name in rule.get("required", []))
        for name, item in value.items():
            inner = rows.get(name, other)
            good = good and (fits(item, inner, whole) if isinstance(inner, dict) else inner)
    if "anyOf" in rule:
        good = good and any(fits(value, one, whole) for one in rule["anyOf"])
    if "oneOf" in rule:
        good = good and sum(fits(value, one, whole) for one in rule["oneOf"]) == 1
    return good


def valid(text: str, which: str = "definition") -> bool:
    """Whether an editor would find a text right, by our schema."""
    made = schema(which)
    return fits(tomllib.loads(text), made, made)


@dataclass
class Box:
    """A project. `toml` and `script` write definitions, `compile` reads them all."""

    directory: Path

    @property
    def place(self) -> Place:
        return project_place(
            str(self.directory), {"HOME": "/nowhere"}, os.getuid(), runtime="/run/x"
        )

    def toml(self, name: str, text: str | bytes) -> Path:
        path = self.directory / f"{name}.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def script(self, name: str, text: str | bytes = "#!/bin/sh\nexec sleep infinity\n") -> Path:
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o755)
        return path

    def compile(self, previous: Compiled | None = None) -> Compiled:
        return compile_place(self.place, previous)

    def read(self, text: str) -> Definition:
        """The only definition that the text comes to; no mistake, not even a warning.

        What is read without a mistake is right by the schema too.
        """
        self.toml("it", text)
        assert valid(text)
        compiled = self.compile()
        assert compiled.mistakes == []
        (one,) = [one for one in compiled.definitions if not one.gives]
        return one

    def wrong(self, text: str | bytes) -> list[Mistaken]:
        """The mistakes of a text, one of them an error: nothing is loaded."""
        self.toml("it", text)
        compiled = self.compile()
        assert compiled.errors
        assert compiled.definitions == []
        return compiled.mistakes

    def said(self, text: str | bytes) -> list[tuple[int | None, str | None, str, str]]:
        """The same as (line, key, message, hint)."""
        return [(one.line, one.key, one.message, one.hint) for one in self.wrong(text)]


@pytest.fixture
def right_by_schema() -> Any:
    """(text, which) to whether an editor would find it right."""
    return valid


@pytest.fixture
def box(tmp_path: Path) -> Box:
    directory = tmp_path / "services"
    directory.mkdir()
    return Box(directory)
