"""What service-status, svstat and service-show say of status files (nosh.md 5.6; C29)."""

from __future__ import annotations

import json
import os
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
    for name in ("svstat", "service-status"):
        assert say(capsys, name, web.path) == f"{web.path}: loading\n"
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


@pytest.mark.parametrize("form", ["daemontools", "encore", "nosh"])
def test_a_line_of_each_family(web: Shown, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    web.write(pack(form, Seen(WALL, 4711, paused=True, wish="d", state=RUNNING)))
    text = say(capsys, "svstat", web.path)
    word = "up" if form == "daemontools" else "running"
    assert text.startswith(f"{web.path}: {word} (pid 4711) since 2023-11-1")
    assert text.endswith(" ago, paused, want down.\n")
    web.flag("down")
    assert say(capsys, "svstat", web.path).endswith("paused, want down, initially stopped.\n")


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
    assert text[0] == f"{web.path}:"
    assert text[1].startswith("State   : failed since 2023-11-1")
    assert text[4].startswith(" Started: exit 3 at 2023-")
    assert text[5].startswith("     Ran: crash 11 SEGV (core dumped) at 2023-")
    assert text[6].startswith("Restartd: kill 9 KILL at 2023-")
    assert text[7] == "Config  : enabled, run on empty, use SIGHUP, no SIGKILL"
    assert [line.split(".")[1] for line in text[8:]] == ["000000005 line 7", "000000005 line 8"]
