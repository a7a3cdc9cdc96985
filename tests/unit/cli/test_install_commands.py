"""Links for other systems' commands: ours alone are ever replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stoker.cli import main
from stoker.compat import ASKED_FOR, COMMANDS, SYSTEMS


def test_every_command_gets_a_link_and_dir_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        assert main(["install-commands", str(folder)]) == 0
        usual = [name for name, row in COMMANDS.items() if row[0] not in ASKED_FOR]
        assert sorted(os.listdir(folder)) == sorted(usual)
    assert str(folder / "svctl") in capsys.readouterr().out


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_stands_for_its_commands(tmp_path: Path, system: str) -> None:
    assert main(["install-commands", str(tmp_path), system]) == 0
    theirs = sorted(name for name, row in COMMANDS.items() if row[0] == system)
    assert sorted(os.listdir(tmp_path)) == theirs


def test_those_named_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-commands", str(tmp_path), "svctl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1
    assert found["commands"] == [{"name": "svctl", "system": "sysmgr"}]
    assert os.listdir(tmp_path) == ["svctl"]


def test_a_dry_run_makes_nothing(tmp_path: Path) -> None:
    assert main(["install-commands", "-n", str(tmp_path / "x")]) == 0
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("what", ["file", "link", "directory"])
def test_what_is_not_ours_stays_and_nothing_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    path = tmp_path / "svctl"
    if what == "file":
        path.write_text("the original")
    elif what == "link":
        path.symlink_to("/usr/bin/svctl-0.1.1")
    else:
        path.mkdir()
    assert main(["install-commands", str(tmp_path)]) == 1
    assert str(path) in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["svctl"]


def test_a_name_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-commands", str(tmp_path), "svclt"]) == 2
    assert "did you mean svctl?" in capsys.readouterr().err


def test_a_program_of_several_words_gets_a_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import sys; from stoker.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", code]
    monkeypatch.setattr("stoker.cli.commands.install_commands._program", lambda: words)
    for _ in range(2):  # it is known as ours the second time
        assert main(["install-commands", str(tmp_path), "svctl"]) == 0
    done = subprocess.run([tmp_path / "svctl"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout[:12]) == (0, "usage: svctl")


def test_under_its_own_name_and_as_a_verb_it_is_the_same(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("stoker")
    (tmp_path / "svctl").symlink_to(program)
    own = subprocess.run([tmp_path / "svctl"], capture_output=True, text=True, timeout=60)
    verb = subprocess.run([program, "svctl"], capture_output=True, text=True, timeout=60)
    assert own.stdout == verb.stdout and own.stdout.startswith("usage: svctl")
    assert own.returncode == verb.returncode == 0
    unknown = subprocess.run(
        [program, "svctl", "x", "y"], capture_output=True, text=True, timeout=60,
        env={**os.environ, "RUNDIR": str(tmp_path)},
    )  # fmt: skip
    assert unknown.returncode == 1 and "unknown operation: x" in unknown.stderr


def test_help_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for name in COMMANDS:
        assert name in out
