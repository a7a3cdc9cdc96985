"""Registering with an init, in the file system of another root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stoker.cli import main
from stoker.cli.inits import INITS, MARK, detect
from stoker.errors import Failed

FILES = {
    "systemd": ["etc/systemd/system/stoker.service"],
    "openrc": ["etc/init.d/stoker"],
    "sysvinit": ["etc/init.d/stoker"],
    "runit": [
        "etc/service/stoker", "etc/sv/stoker/control/d", "etc/sv/stoker/control/h",
        "etc/sv/stoker/control/t", "etc/sv/stoker/run",
    ],
}  # fmt: skip


def files(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() or path.is_symlink()
    )


def system(verb: str, init: str, root: Path, *more: str) -> int:
    return main(["--system", verb, "--init", init, "--root", str(root), *more])


@pytest.mark.parametrize("init", INITS)
def test_what_is_installed_is_uninstalled(
    init: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert system("install", init, tmp_path) == 0
    assert files(tmp_path) == FILES[init]
    for name in FILES[init]:
        path = tmp_path / name
        if not path.is_symlink():
            assert MARK in path.read_text().splitlines()
            assert os.access(path, os.X_OK) == (init != "systemd")
    first = capsys.readouterr().out
    assert "write" in first
    assert system("install", init, tmp_path) == 0
    assert "write" not in capsys.readouterr().out
    assert system("uninstall", init, tmp_path) == 0
    assert files(tmp_path) == []
    assert system("uninstall", init, tmp_path) == 0
    assert "nothing of ours" in capsys.readouterr().out


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_another_s_file_stays(
    init: str, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / FILES[init][-1]
    path.parent.mkdir(parents=True)
    path.write_text("by hand\n")
    assert system(verb, init, tmp_path) == 1
    assert "was not written by stoker" in capsys.readouterr().err
    assert files(tmp_path) == [FILES[init][-1]]
    assert path.read_text() == "by hand\n"


@pytest.mark.parametrize("init", INITS)
def test_a_dry_run_says_all_and_does_nothing(
    init: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert system("install", init, tmp_path, "--dry-run", "--json") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["version"], told["init"], told["dry_run"]) == (1, init, True)
    assert sorted(a["path"][1:] for a in told["acts"] if a["path"]) == FILES[init]
    assert not told["commands_run"]
    assert files(tmp_path) == []


@pytest.mark.parametrize("init", ["openrc", "sysvinit", "runit"])
def test_scripts_are_shell(init: str, tmp_path: Path) -> None:
    system("install", init, tmp_path)
    for name in FILES[init]:
        if not (tmp_path / name).is_symlink():
            done = subprocess.run(["/bin/sh", "-n", tmp_path / name], capture_output=True)
            assert done.returncode == 0, done.stderr


def test_the_unit_keeps_services_over_a_restart(tmp_path: Path) -> None:
    system("install", "systemd", tmp_path)
    lines = (tmp_path / FILES["systemd"][0]).read_text().splitlines()
    for line in ("Type=notify", "NotifyAccess=all", "KillMode=process", "Delegate=yes",
                 "WantedBy=multi-user.target", "TimeoutStopSec=300"):  # fmt: skip
        assert line in lines
    assert any(line.startswith("ExecReload=/") and "reload" in line for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    system("install", "systemd", tmp_path)
    unit = tmp_path / FILES["systemd"][0]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert "stoker.service" not in done.stderr, done.stderr


def test_a_user_s_unit_lies_in_his_configuration(
    tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = os.environ["XDG_CONFIG_HOME"]
    words = ["install", "--user", "--init", "systemd", "--root", str(tmp_path)]
    assert main(words) == 0
    unit = tmp_path / config[1:] / "systemd/user/stoker.service"
    assert "--user up -d" in unit.read_text()
    assert "WantedBy=default.target" in unit.read_text().splitlines()
    assert main(["install", "--user", "--init", "runit", "--root", str(tmp_path)]) == 2
    assert "no services of users" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sign", "init"),
    [
        ("run/systemd/system", "systemd"), ("usr/lib/systemd/systemd", "systemd"),
        ("run/openrc", "openrc"), ("sbin/openrc-run", "openrc"),
        ("run/runit", "runit"), ("sbin/runit-init", "runit"), ("etc/inittab", "sysvinit"),
    ],
)  # fmt: skip
def test_the_init_is_found(sign: str, init: str, tmp_path: Path) -> None:
    (tmp_path / sign).mkdir(parents=True)
    assert detect(str(tmp_path)) == init


def test_no_init_is_said(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no init that we know"):
        detect(str(tmp_path))


def test_words_that_make_no_sense(tmp_path: Path) -> None:
    assert main(["install", "--init", "launchd", "--system"]) == 2
    assert main(["install", "--user", "--system"]) == 2
    assert main(["install", "--system", "--root", str(tmp_path / "none")]) == 2
