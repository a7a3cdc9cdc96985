"""A directory of definitions to write into, and what reading it comes to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from stoker.formats import compile_place
from stoker.model import Compiled, Definition, Mistaken, Place, project_place


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
        """The only definition that the text comes to; no mistake, not even a warning."""
        self.toml("it", text)
        compiled = self.compile()
        assert compiled.mistakes == []
        (one,) = compiled.definitions
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
def box(tmp_path: Path) -> Box:
    directory = tmp_path / "services"
    directory.mkdir()
    return Box(directory)
