"""A SYSDIR and a RUNDIR of this test's own, and processes that stand for watching ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stoker.compat import run


class Box:
    """`services` and `runs` are the two directories."""

    def __init__(self, base: Path, said: Callable[[], tuple[str, str]]) -> None:
        self.services = base / "sv"
        self.runs = base / "run"
        self.services.mkdir()
        self._said = said
        self._children: list[subprocess.Popen[bytes]] = []

    def call(self, *words: str) -> tuple[int, str, str]:
        """Status, standard output and standard error of a command."""
        status = run(words[0], words[1:])
        return (status, *self._said())

    def script(self, name: str, body: str = "exec sleep 1000") -> Path:
        path = self.services / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def process(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(["sleep", "1000"])
        self._children.append(child)
        return child

    def show(self, name: str, **files: object) -> Path:
        """RUNDIR/NAME with these files."""
        folder = self.runs / name
        folder.mkdir(parents=True, exist_ok=True)
        for part, value in files.items():
            (folder / part).write_text(f"{value}\n")
        return folder

    def close(self) -> None:
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.wait()


@pytest.fixture
def box(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Box]:
    made = Box(tmp_path, lambda: tuple(capfd.readouterr()))  # type: ignore[arg-type,return-value]
    monkeypatch.setenv("SYSDIR", str(made.services))
    monkeypatch.setenv("RUNDIR", str(made.runs))
    yield made
    made.close()
