"""A SYSDIR and a RUNDIR of this test's own, processes that stand for watching ones, and a manager
for svcs that is written down.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from svcs_fake import NOW, Manager

from stoker import client
from stoker.compat import run
from stoker.compat.smf import svcs, svcs_why

Call = Callable[..., tuple[int, str, str]]


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


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Manager]:
    """What svcs asks; it is 2020-03-20 09:20 here, in UTC."""
    made = Manager()
    place = SimpleNamespace(logs="/logs", state=str(tmp_path / "none"), kind="project")
    monkeypatch.setattr(client, "place_of", lambda: place)
    monkeypatch.setattr(client, "connect", lambda _place: made)
    monkeypatch.setattr(svcs, "time", SimpleNamespace(time=lambda: NOW))
    monkeypatch.setattr(svcs_why.Why, "_groups", lambda _self, _fmri: {})
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield made
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def call(
    manager: Manager, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """svcs: status, standard output and standard error."""

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run("svcs", words)
        return (status, *capsys.readouterr())

    return command
