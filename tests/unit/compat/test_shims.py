"""Names of other inits: what their words come to for system-control."""

from __future__ import annotations

import pytest

from stoker.compat import run
from stoker.compat.shims import commands

Called = list[list[str]]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    """What system-control is called with; it fails for the bundle `bad`."""
    found: Called = []

    def system_control(words: list[str]) -> int:
        found.append(words)
        return 1 if "bad" in words else 0

    monkeypatch.setattr(commands, "system_control", system_control)
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("systemctl --user start web", ["--user start web"]),
        ("service web start", ["start web"]),
        ("service -v web status", ["status --verbose web"]),
        ("service web restart", ["stop web", "start web"]),
        ("rc-service web stop", ["stop web"]),
        ("invoke-rc.d web start", ["reset web"]),
        ("invoke-rc.d --quiet web restart", ["stop web", "reset web"]),
        ("invoke-rc.d web force-reload", ["condrestart web"]),
        ("update-rc.d web defaults", ["preset web"]),
        ("update-rc.d web defaults 20 80", ["preset web"]),
        ("update-rc.d -f web remove", ["disable web"]),
        ("chkconfig web", ["is-enabled web"]),
        ("chkconfig web on", ["enable web"]),
        ("chkconfig web off", ["disable web"]),
        ("chkconfig web reset", ["preset web"]),
        ("rc-update add web default", ["preset web"]),
        ("rc-update del web", ["disable web"]),
        ("rcctl get web", ["print-service-env web"]),
        ("rcctl set web flags -x", ["set-service-env web flags -x"]),
        ("rcctl enable web", ["enable web"]),
        ("initctl version", ["version"]),
        ("initctl status web", ["status web"]),
        ("initctl show-config web", ["show-json web"]),
        ("start web db", ["start web db"]),
        ("stop web", ["stop web"]),
        ("status web", ["status web"]),
    ],
)
def test_words(line: str, expected: list[str], called: Called) -> None:
    name, *words = line.split()
    assert run(name, words) == 0
    assert [" ".join(one) for one in called] == expected


@pytest.mark.parametrize(
    "line",
    ["service", "service web", "service web start now", "invoke-rc.d web reload", "chkconfig",
     "update-rc.d web", "rc-update web", "rc-update web add", "initctl start", "initctl fly web",
     "service --what web start", "runlevel x"],
)  # fmt: skip
def test_what_is_not_understood_does_nothing(
    line: str, called: Called, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *words = line.split()
    assert run(name, words) == 1
    assert called == []
    assert capsys.readouterr().err.startswith(f"{name}: ")


def test_the_second_is_not_done_when_the_first_failed(called: Called) -> None:
    assert run("service", ["bad", "restart"]) == 1
    assert called == [["stop", "bad"]]


@pytest.mark.parametrize("name", ["service", "invoke-rc.d", "chkconfig", "rc-update", "initctl"])
def test_help(name: str, called: Called, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, ["--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: {name} ")
    assert called == []


def test_there_are_no_run_levels(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("runlevel", []) == 0
    assert capsys.readouterr().out == "N N\n"
