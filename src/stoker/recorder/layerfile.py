"""The file STATE/layer.json: what of the repository's properties is in effect, for the step that
compiles definitions, which reads no database.

Two lines of JSON: version and count of changes, then services, running and options. It is derived:
whoever finds it older than the repository writes it again.
"""

from __future__ import annotations

import json
import os
from typing import Any

from stoker.errors import UsageError

__all__ = ["Layer"]


class Layer:
    """The file beside the repository at `path`."""

    def __init__(self, path: str) -> None:
        self.path = os.path.join(os.path.dirname(path), "layer.json")

    def is_of(self, count: int) -> bool:
        """Whether it has everything up to that count of changes."""
        try:
            with open(self.path, "rb") as file:
                return bool(json.loads(file.readline())["count"] == count)
        except (OSError, ValueError, KeyError, TypeError):
            return False  # none, or none that can be read: it is made

    def write(self, layer: dict[str, Any]) -> None:
        """Replace it in one step. Raises OSError."""
        head = {"version": layer["version"], "count": layer["count"]}
        body = {name: layer[name] for name in ("services", "running", "options")}
        text = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in (head, body))
        new = f"{self.path}.{os.getpid()}"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        os.replace(new, self.path)

    @staticmethod
    def take(path: str) -> tuple[list[dict[str, Any]], int | None]:
        """The change that a file of the manager's asks for; the file is removed. Raises OSError,
        UsageError.
        """
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        asked = json.loads(data)
        changes, expect = asked.get("changes"), asked.get("expect")
        good = isinstance(changes, list) and all(isinstance(one, dict) for one in changes)
        if not good or not (expect is None or isinstance(expect, int)):
            raise UsageError("a change of properties makes no sense")
        return changes, expect
