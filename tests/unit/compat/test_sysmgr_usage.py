"""What the four commands say about themselves, on which stream, and how they end then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import stoker
from stoker.compat import COMMANDS, SYSTEMS, run
from stoker.compat.sysmgr.manager import find_commands


def test_sysmgr_takes_no_argument_and_names_both_directories_and_the_version(box: Any) -> None:
    for word in ("-h", "start", "--version"):
        status, out, err = box.call("sysmgr", word)
        assert (status, err) == (1, "")
        assert out.startswith("usage: sysmgr\n")
        assert str(box.services) in out and str(box.runs) in out and stoker.__version__ in out


def test_the_directories_have_defaults(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYSDIR")
    monkeypatch.delenv("RUNDIR")
    out = box.call("sysmgr", "-h")[1]
    assert "/var/sysmgr\n" in out and "/run/sysmgr\n" in out


def test_sysmgr_says_why_sysdir_cannot_be_opened(box: Any) -> None:
    box.services.rmdir()
    status, out, err = box.call("sysmgr")
    assert (status, out) == (1, "")
    assert str(box.services) in err and "No such file or directory" in err


@pytest.mark.parametrize("words", [[], ["a", "b"]])
def test_runsyssv_wants_one_argument(box: Any, words: list[str]) -> None:
    status, out, err = box.call("runsyssv", *words)
    assert (status, err) == (1, "")
    assert out.startswith("usage: runsyssv ")


def test_runsyssv_explains_itself(box: Any) -> None:
    status, out, _err = box.call("runsyssv", "-h")
    assert status == 0 and out.startswith("usage: runsyssv ")


@pytest.mark.parametrize("words", [[], ["-h"], ["-x", "web"]])
def test_svctl_explains_itself(box: Any, words: list[str]) -> None:
    status, out, err = box.call("svctl", *words)
    assert (status, err) == (0, "")
    assert out.startswith("usage: svctl ")
    for operation in ("start", "stop", "restart", "kill", "once", "status"):
        assert operation in out


def test_svctl_wants_a_service(box: Any) -> None:
    status, out, err = box.call("svctl", "start")
    assert (status, err) == (1, "")
    assert out.startswith("usage: svctl ")


def test_svctl_asks_whether_sysmgr_runs(box: Any) -> None:
    status, out, err = box.call("svctl", "status", "web")
    assert (status, out) == (1, "")
    assert str(box.runs) in err and "is sysmgr running?" in err


def test_svctl_refuses_an_unknown_operation(box: Any) -> None:
    box.runs.mkdir()
    status, out, err = box.call("svctl", "strat", "web")
    assert (status, out) == (1, "")
    assert "unknown operation: strat" in err


@pytest.mark.parametrize("words", [[], ["-h"]])
def test_sysmgr_depends_explains_itself(box: Any, words: list[str]) -> None:
    status, out, err = box.call("sysmgr-depends", *words)
    assert (status, err) == (0, "")
    assert out.startswith("usage: sysmgr-depends ")


@pytest.mark.parametrize("there", [False, True])
def test_scripts_find_sysmgr_depends_beside_sysmgr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    own, of_the_system = tmp_path / "own", tmp_path / "system"
    for folder in (own, of_the_system):
        folder.mkdir()
        (folder / "sysmgr-depends").write_text("")
    (own / "sysmgr-depends").chmod(0o755)
    (of_the_system / "sysmgr-depends").chmod(0o755 if there else 0o644)
    monkeypatch.setenv("PATH", f"/nowhere:{of_the_system}")
    find_commands(str(own))
    path = os.environ["PATH"].split(":")
    assert path == ["/nowhere", str(of_the_system), *([] if there else [str(own)])]


def test_every_command_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (system, _module, text) in COMMANDS.items():
        assert system in SYSTEMS and text
        assert run(name, ["-h"]) in (0, 1)
        assert f"usage: {name}" in capsys.readouterr().out
