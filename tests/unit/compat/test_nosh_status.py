"""What service-status, svstat and service-show say of status files (nosh.md 5.6; C29)."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.compat import run
from stoker.interfaces.supervise.status import FAILED, RUNNING, STOPPED, Record, Seen, pack

WALL = 1_700_000_000_000_000_000


class Shown:
    """A bundle whose supervise directory somebody serves."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "service").mkdir(parents=True)
        (path / "supervise").mkdir()
        os.mkfifo(path / "supervise" / "ok")
        self.reader = os.open(path / "supervise" / "ok", os.O_RDONLY | os.O_NONBLOCK)

    def write(self, data: bytes) -> None:
        (self.path / "supervise" / "status").write_bytes(data)

    def flag(self, name: str) -> None:
        (self.path / "service" / name).touch()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Shown]:
    shown = Shown(tmp_path / "web")
    yield shown
    os.close(shown.reader)


def say(capsys: pytest.CaptureFixture[str], name: str, *words: object) -> str:
    assert run(name, [str(word) for word in words]) == 0
    return capsys.readouterr().out


def test_while_it_is_being_loaded(web: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    web.write(b"")
    assert say(capsys, "svstat", web.path) == f"{web.path}: loading\n"
    long = f"{web.path}: \n\tState   : loading\n\tConfig  : enabled\n"
    assert say(capsys, "service-status", web.path) == long
    shown = json.loads(say(capsys, "service-show", "--json", web.path))[str(web.path)]
    assert shown["Loading"] is True and "MainPID" not in shown
    assert run("service-is-up", [str(web.path)]) == 100


def test_when_nobody_serves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "web" / "supervise").mkdir(parents=True)
    text = f"{tmp_path}/web: No supervisor is running\n"
    assert say(capsys, "svstat", f"{tmp_path}/web") == text
    os.mkfifo(tmp_path / "web" / "supervise" / "ok")
    assert say(capsys, "svstat", f"{tmp_path}/web") == text
    assert run("svok", [f"{tmp_path}/web"]) == 100
    assert run("svok", [f"{tmp_path}/none"]) == 111


@pytest.mark.parametrize("form", ["daemontools", "encore", "runit"])
def test_a_wish_that_has_come_true_is_none(
    web: Shown, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    web.write(pack(form, Seen(WALL, 4711, state=RUNNING, wanted=True)))
    assert say(capsys, "svstat", web.path).endswith(" ago.\n")


@pytest.mark.parametrize("form", ["daemontools", "encore", "nosh"])
def test_a_line_of_each_family(web: Shown, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    web.write(pack(form, Seen(WALL, 4711, paused=True, wish="d", state=RUNNING)))
    text = say(capsys, "svstat", web.path)
    word = "up" if form == "daemontools" else "running"
    assert text.startswith(f"{web.path}: {word} (pid 4711) since 2023-11-1")
    assert text.endswith(" ago; paused, want down.\n")
    web.flag("down")
    said = "down" if form == "daemontools" else "stopped"
    assert say(capsys, "svstat", web.path).endswith(f"; paused, want down, initially {said}.\n")


def test_a_line_about_what_is_as_it_should_be(
    web: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    long_ago = time.time_ns() - (2 * 86_400 + 7) * 1_000_000_000
    web.write(pack("nosh", Seen(long_ago, 4711, state=RUNNING)))
    assert re.search(r"; 2d 0h \d+m \d+s ago\.\n$", say(capsys, "svstat", web.path))


def test_the_family_of_s6_is_understood(web: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    web.write(pack("s6", Seen(WALL, 4711, paused=True, state=RUNNING, wanted=True)))
    text = say(capsys, "svstat", web.path)
    assert text.startswith(f"{web.path}: up (pid 4711) since 2023-11-1")
    assert text.endswith(" ago; paused.\n")
    web.write(pack("s6", Seen(WALL, 4711, state=FAILED, wanted=True)))  # what runs is finish
    text = say(capsys, "svstat", web.path)
    assert text.startswith(f"{web.path}: down since") and "; want up, initially up." in text


def test_what_is_ready_when_it_has_run(web: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    web.flag("ready_after_run")
    ended = (Record(), Record(1, 0, WALL), Record(), Record())
    for seen, word in (
        (Seen(WALL, 7, state=RUNNING), "started"),
        (Seen(WALL, 0, state=RUNNING), "ready"),
        (Seen(WALL, 0, state=STOPPED, records=ended), "done"),
        (Seen(WALL, 0, state=STOPPED), "stopped"),
    ):
        web.write(pack("nosh", seen))
        assert say(capsys, "svstat", web.path).split()[1] == word


def test_at_length_with_the_end_of_its_log(web: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    ended = (Record(1, 3, WALL), Record(3, 11, WALL), Record(2, 9, WALL), Record())
    web.write(pack("nosh", Seen(WALL, 0, state=FAILED, records=ended)))
    for name in ("use_hangup", "no_kill_signal", "remain"):
        web.flag(name)
    (web.path / "log" / "main").mkdir(parents=True)
    lines = [b"@%016x%08x line %d\n" % ((1 << 62) + 1_700_000_037, 5, n) for n in range(9)]
    (web.path / "log" / "main" / "current").write_bytes(b"".join(lines))
    text = say(capsys, "service-status", "--log-lines=2", web.path).splitlines()
    assert text[0] == f"{web.path}: "
    assert text[1].startswith("\tState   : failed since 2023-11-1")
    assert text[2].startswith("\t Started: exit 3 at 2023-")
    assert text[3].startswith("\t     Ran: crash 11 SEGV (core dumped) at 2023-")
    assert text[4].startswith("\tRestartd: kill 9 KILL at 2023-")
    assert text[5] == "\tConfig  : enabled, run on empty, use SIGHUP, no SIGKILL"
    assert [line.split(".")[1] for line in text[6:]] == ["000000005 line 7", "000000005 line 8"]
