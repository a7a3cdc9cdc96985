"""Every subcommand of system-control says how it is used, and refuses what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoker.compat import run
from stoker.compat.nosh.system_control import SUBCOMMANDS
from stoker.compat.nosh.usage import USAGES

OF_THE_MACHINE = {"init"}  # which passes over what it does not understand


def test_all_are_told_about() -> None:
    assert USAGES.keys() == SUBCOMMANDS.keys()


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS))
def test_help_is_given(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("system-control", [name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: system-control {name}")


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS.keys() - OF_THE_MACHINE))
def test_an_unknown_option_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("system-control", [name, "--no-such-option"]) == 1
    assert "--no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    ["is-active", "is-active a b", "set-service-env a", "print-service-env", "escape",
     "write-standard-targets a b", "poweroff now", "load-kernel-module", "get-mount-what"],
)  # fmt: skip
def test_wrong_words_are_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("system-control", line.split()) == 1
    assert capsys.readouterr().err.startswith("system-control: ")


def test_an_overview_has_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("system-control", ["--help"]) == 0
    told = capsys.readouterr().out.replace(",", " ").split()
    assert set(told) >= SUBCOMMANDS.keys()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("load-kernel-module", "-a -- one two\n"),
        ("unload-kernel-module", "--remove -a -- one two\n"),
    ],
)
def test_modules_are_for_the_system_s_own_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    program = tmp_path / "modprobe"
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/said\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert run("system-control", [name, "one", "two"]) == 3
    assert (tmp_path / "said").read_text() == said


def test_who_has_read_enough_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_given: object) -> int:
        raise BrokenPipeError

    monkeypatch.setitem(SUBCOMMANDS, "version", cut)
    with pytest.raises(BrokenPipeError):  # which is the program's own affair, for every command
        run("system-control", ["version"])
