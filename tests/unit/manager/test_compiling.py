"""A manager begins, and the definitions cannot be read: they are compiled, wherever that can be."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from stoker.errors import StokerError
from stoker.manager import reload
from stoker.manager.papers import PREFIX, Papers
from stoker.manager.reload import Step, definitions
from stoker.model import Place, project_place

ANOTHERS = msgspec.msgpack.encode({"version": 99, "definitions": 3})


class Box:
    """A project with one service, whose compiled definitions are another version's."""

    def __init__(self, base: Path) -> None:
        project = base / "p"
        project.mkdir()
        script = project / "web"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        self.run = base / "run"
        self.run.mkdir()
        self.place: Place = project_place(str(project), {"HOME": "/nowhere"}, os.getuid())
        self.place.runtime = str(self.run)
        (self.run / "place.json").write_text(self.place.to_json())
        (self.run / "definitions").write_bytes(ANOTHERS)
        self.held: dict[str, int] = {}
        self.life().keep()
        self.said: list[str] = []

    def put(self, there: Mapping[str, int]) -> None:
        """The keeper takes copies."""
        self.held |= {name: os.dup(fd) for name, fd in there.items()}

    def life(self) -> Papers:
        """What the next manager has."""
        return Papers(str(self.run), {name: os.dup(fd) for name, fd in self.held.items()}, self.put)

    def names(self) -> list[str]:
        """What a manager that begins takes for defined."""
        found = definitions(self.life(), self.place, self.said.append)
        return [one.fmri for one in found.definitions]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The directories of steps that have one of their own."""
    made: list[str] = []
    real = reload._apart

    def noted(runtime: str) -> str:
        made.append(real(runtime))
        return made[-1]

    monkeypatch.setattr(reload, "_apart", noted)
    return made


@pytest.mark.parametrize("damage", ["definitions", "the place too", "all is gone"])
def test_they_are_compiled_once(box: Box, apart: list[str], damage: str) -> None:
    if damage == "the place too":
        (box.run / "place.json").unlink()
        (box.run / "place.json").write_text("{")
    elif damage == "all is gone":
        shutil.rmtree(box.run)
    for _ in range(2):
        assert box.names() == ["svc:/web:default"]
    assert len(apart) == len(box.said) == 1
    assert "compiled again" in box.said[0]
    assert not os.path.exists(apart[0])
    assert box.run.exists() == (damage != "all is gone")
    if box.run.exists():
        assert sorted(os.listdir(box.run)) == ["definitions", "place.json"]
        seen = os.stat(box.run / "definitions")
        assert os.path.samestat(seen, os.fstat(box.held[f"{PREFIX}definitions"]))


def test_a_dry_run_knows_the_place_as_it_is(box: Box) -> None:
    step = Step(box.place, b"before")
    written = json.loads(Path(step.directory, "place.json").read_text())
    assert written["runtime"] == str(box.run)
    assert Path(step.blob).read_bytes() == b"before"
    assert os.stat(step.directory).st_mode & 0o077 == 0
    step.close()
    assert sorted(os.listdir(box.run)) == ["definitions", "place.json"]


def test_a_step_that_fails_is_said(
    box: Box, apart: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Step, "argv", ("/bin/false",))
    with pytest.raises(StokerError, match="the compile step ended with 1"):
        box.names()
    monkeypatch.setattr(Step, "argv", ("/nonexistent",))
    with pytest.raises(StokerError, match="No such file"):
        box.names()
    assert len(apart) == 2
    assert not any(map(os.path.exists, apart))


def test_one_that_does_not_end_is_not_waited_for_for_ever(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Step, "argv", ("/bin/sh", "-c", "exec sleep infinity"))
    monkeypatch.setattr(reload, "PATIENCE", 0)
    with pytest.raises(StokerError, match="was killed"):
        box.names()
    assert "at most 0 s" in box.said[0]
