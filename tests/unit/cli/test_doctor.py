"""What doctor finds, each with a remedy; and that it changes nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoker.cli import main
from stoker.cli.doctor import machine

RUN = "#!/bin/sh\nexec sleep infinity\n"


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with a short path: pytest's own are too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="stoker-") as base:
        monkeypatch.setenv("STOKER_RUNTIME_DIR", f"{base}/run")
        folder = Path(base) / "services"
        folder.mkdir()
        (folder / "web").write_text(RUN)
        (folder / "web").chmod(0o755)
        yield folder


def state_of(project: Path) -> Path:
    state = project / ".stoker"
    (state / "logs").mkdir(parents=True)
    return state


def tree(path: Path) -> dict[str, tuple[int, int]]:
    return {str(one): (one.stat().st_mtime_ns, one.stat().st_size) for one in path.rglob("*")}


def examine(project: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The findings, without those about this machine's clock and disk; nothing was changed."""
    before = tree(project.parent)
    status = main(["-C", str(project), "doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert tree(project.parent) == before
    assert told["version"] == 1
    assert status == (1 if told["findings"] else 0)
    assert told["ok"] == (not told["findings"])
    assert all(one["remedy"] and one["text"] for one in told["findings"])
    machine = ("clock", "cgroups", "logs", "descriptors")
    return [
        one for one in told["findings"]
        if one["subject"] not in machine or str(project) in one["text"] or "set back" in one["text"]
    ]  # fmt: skip


def test_nothing_is_wrong_with_a_place_that_never_ran(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [one for one in examine(project, capsys) if one["subject"] != "logs"] == []


def test_a_mistake_and_a_loop_are_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "bad.toml").write_text("exec_strat = ['x']\n")
    for one, other in (("a", "b"), ("b", "a")):
        text = f"exec_start = ['sleep', '1']\n[[dependency]]\ntargets = ['{other}']\n"
        (project / f"{one}.toml").write_text(text)
    texts = [one["text"] for one in examine(project, capsys) if one["subject"] == "definitions"]
    assert any("bad.toml" in text for text in texts)
    assert any("dependency loop" in text for text in texts)


def test_open_permissions_are_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "web").chmod(0o777)
    runtime = project.parent / "run"
    runtime.mkdir()
    runtime.chmod(0o755)
    texts = [one["text"] for one in examine(project, capsys) if one["subject"] == "permissions"]
    assert any(str(project / "web") in text and "everybody" in text for text in texts)
    assert any(str(runtime) in text and "open to others" in text for text in texts)


def test_a_damaged_repository_is_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = state_of(project)
    (state / "repository.db").write_bytes(b"no database at all" * 100)
    base = sqlite3.connect(state / "history.db")
    base.execute("CREATE TABLE x (y)")
    base.commit()
    base.close()
    (state / "repository.db.damaged-20260101T000000.000000Z").write_bytes(b"")
    texts = [one["text"] for one in examine(project, capsys) if one["subject"] == "repository"]
    assert len(texts) == 2
    assert "repository.db (administrators' choices)" in texts[0]
    assert "set aside" in texts[1]


def test_a_clock_that_was_set_back_is_found(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = state_of(project) / "logs" / "stoker.log"
    log.write_text("")
    ahead = time.time() + 7200
    os.utime(log, (ahead, ahead))
    assert any("the clock was set back" in one["text"] for one in examine(project, capsys))


@pytest.mark.parametrize("asked", [False, True])
def test_a_clock_that_nobody_keeps_right_matters_to_who_asks_for_the_time(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    asked: bool,
) -> None:
    monkeypatch.setattr(machine, "_synchronised", lambda: False)
    if asked:
        text = 'exec_start = ["sleep", "9"]\nsystem_dependencies = ["TIME"]\n'
        (project / "timely.toml").write_text(text)
    main(["-C", str(project), "doctor", "--json"])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert len([one for one in found if one["subject"] == "clock"]) == asked


def test_a_socket_that_was_left_is_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = project.parent / "run"
    runtime.mkdir(mode=0o700)
    (runtime / "control").write_text("")
    texts = [one["text"] for one in examine(project, capsys) if one["subject"] == "programs"]
    assert any("left over" in text for text in texts)


def test_people_read_findings_and_remedies(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "bad.toml").write_text("exec_strat = ['x']\n")
    assert main(["-C", str(project), "doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("error") and "bad.toml" in line)
    assert lines[at + 1].startswith("           ")
    assert "finding" in lines[-1]
    assert any(line.startswith("ok ") for line in lines)
