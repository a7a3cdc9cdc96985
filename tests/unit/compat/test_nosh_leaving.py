"""What has left a scanned directory is told to stop and to be unloaded."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stoker.compat.nosh import coming, leaving, scanner
from stoker.compat.nosh.leaving import Leaving
from stoker.compat.nosh.scanner import Scanner


class Served:
    """A control FIFO that somebody reads."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.path = str(path)
        os.mkfifo(path / "control")
        self.fd = os.open(path / "control", os.O_RDWR | os.O_NONBLOCK)

    def read(self) -> bytes:
        try:
            return os.read(self.fd, 10)
        except BlockingIOError:
            return b""

    def end(self) -> None:
        os.close(self.fd)
        self.fd = -1


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path / "web")
    yield one
    if one.fd >= 0:
        one.end()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path / "log")
    yield one
    if one.fd >= 0:
        one.end()


def test_a_log_ends_after_those_who_write_to_it(web: Served, log: Served) -> None:
    eye = Leaving()
    eye.seen("web", web.path, log.path)
    eye.left([])
    os.unlink(f"{web.path}/control")  # its directory may be gone by now
    assert eye.busy and not eye.advance()
    assert (web.read(), log.read()) == (b"dx", b"")
    assert not eye.advance()
    assert (web.read(), log.read()) == (b"", b"")  # told once
    web.end()
    assert eye.advance() and eye.busy
    eye.advance()
    assert log.read() == b"dx"
    log.end()
    assert eye.advance() and not eye.busy


def test_what_some_entry_still_leads_to_stays(web: Served, log: Served) -> None:
    eye = Leaving()
    eye.seen("one", web.path, log.path)
    eye.seen("two", web.path)
    eye.left(["two"])
    eye.advance()
    assert (web.read(), log.read()) == (b"", b"dx")
    eye.seen("two", f"{web.path}/../nothing")  # not loaded: what was there before it stays
    eye.left(["two"])
    eye.advance()
    assert web.read() == b""
    eye.seen("two", log.path)  # another bundle in its place
    eye.left(["two"])
    eye.advance()
    assert web.read() == b"dx"


def test_a_manager_that_died_is_waited_for(web: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    eye = Leaving()
    eye.seen("web", web.path)
    eye.left([])
    web.end()
    assert not eye.advance() and eye.busy
    web.fd = os.open(f"{web.path}/control", os.O_RDWR | os.O_NONBLOCK)
    assert not eye.advance()
    assert web.read() == b"dx"
    monkeypatch.setattr(leaving, "_PATIENCE", -1.0)
    lost = Served(Path(web.path).with_name("lost"))
    eye.seen("lost", lost.path)
    lost.end()
    eye.left([])
    assert eye.advance()


def test_files_are_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "control").write_text("")
    eye = Leaving()
    eye.seen("file", str(tmp_path))
    eye.left([])
    assert not eye.busy and not eye.advance()


def test_one_whose_log_cannot_be_held_is_not_taken_for_gone(
    web: Served, log: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    eye = Leaving()

    def short(path: Any, *flags: int, **more: Any) -> int:
        if str(path).startswith(log.path):
            raise OSError(errno.EMFILE, "too few descriptors")
        return opened(path, *flags, **more)

    opened = os.open
    monkeypatch.setattr(os, "open", short)
    with pytest.raises(OSError, match="too few"):
        eye.seen("web", web.path, log.path)
    monkeypatch.undo()
    eye.left(["web"])
    assert not eye.busy
    eye.seen("web", web.path, log.path)
    monkeypatch.setattr(os, "open", short)
    with pytest.raises(OSError, match="too few"):
        eye.seen("web", web.path, log.path)
    eye.left(["web"])
    assert not eye.busy


def test_one_that_is_behind_is_told_later_and_one_that_is_another_s_is_said(
    web: Served, log: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    size = fcntl.fcntl(web.fd, fcntl.F_GETPIPE_SZ)
    assert os.write(web.fd, b"\n" * size) == size
    eye = Leaving("scanner")
    eye.seen("web", web.path)
    eye.left([])
    assert not eye.advance() and eye.busy
    while web.read():
        pass
    assert not eye.advance()
    assert web.read() == b"dx"

    def refused(_key: object, _letters: bytes) -> bool:
        raise PermissionError(errno.EACCES, "not allowed")

    eye.seen("log", log.path)
    eye.left([])
    monkeypatch.setattr(eye, "_tell", refused)
    assert eye.advance() and not eye.busy
    assert (
        f"scanner: {log.path}/control: cannot be unloaded: not allowed" in capsys.readouterr().err
    )


def test_those_who_write_to_each_other_end_all_the_same(web: Served, log: Served) -> None:
    eye = Leaving()
    eye.seen("web", web.path, log.path)
    eye.seen("log", log.path, web.path)
    eye.left([])
    eye.advance()
    assert (web.read(), log.read()) == (b"dx", b"dx")


def test_what_cannot_be_followed_just_now_has_not_gone(
    web: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scanned = tmp_path / "scanned"
    scanned.mkdir()
    eye = Leaving()
    eye.seen("circle", web.path)
    (scanned / "circle").symlink_to("circle")
    scanner = Scanner(str(scanned), "/nowhere", False, eye)
    assert scanner.scan() and not eye.busy
    assert f"{scanned}/circle: " in capsys.readouterr().err
    (scanned / "circle").unlink()
    assert scanner.scan() and eye.busy
    scanned.rmdir()
    assert not scanner.scan()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_directory_that_moves_while_it_is_looked_at_has_lost_nothing(
    web: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    """A relative link leads elsewhere from another place."""
    scanned = tmp_path / "scanned"
    scanned.mkdir()
    (scanned / "web").symlink_to("../web")
    eye = Leaving()
    eye.seen("web", web.path)
    listed = os.scandir

    def moved(fd: int) -> Any:
        (tmp_path / "deeper").mkdir()
        scanned.rename(tmp_path / "deeper" / "scanned")
        if replaced:
            scanned.mkdir()
        return listed(fd)

    monkeypatch.setattr(os, "scandir", moved)
    assert not Scanner(str(scanned), "/nowhere", False, eye).scan()
    assert not eye.busy


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each entry was asked to be loaded; none is, unless a test does it."""
    asked: dict[str, int] = {}

    def load(_rpc: str, bundle: Any, **_words: bool) -> None:
        name = os.path.basename(bundle.path)
        asked[name] = asked.get(name, 0) + 1

    monkeypatch.setattr(scanner, "load", load)
    monkeypatch.setattr(coming, "command", lambda *_words: None)
    return asked


def waits(monkeypatch: pytest.MonkeyPatch, each: Scanner) -> list[float | None]:
    """Let it wait once, until something changes; how long it would have waited at most."""
    asked: list[float | None] = []

    def select(fds: list[int], _w: object, _x: object, most: float | None) -> tuple[list[int], ...]:
        asked.append(most)
        return fds, [], []

    monkeypatch.setattr(scanner, "select", SimpleNamespace(select=select))
    each._wait(0)
    return asked


@pytest.mark.parametrize("came", [False, True])
def test_only_after_something_has_come_all_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loads: dict[str, int], came: bool
) -> None:
    (tmp_path / "scanned" / "web").mkdir(parents=True)
    monkeypatch.setattr(coming, "_PATIENCE", -1.0)  # it is late at once
    each = Scanner(str(tmp_path / "scanned"), "/nowhere", False, Leaving())
    each.scan()
    monkeypatch.setattr(coming, "is_supervised", lambda _path: came)
    assert waits(monkeypatch, each) == ([] if came else [None])
    assert loads == {"web": 1}


def test_what_has_come_is_known_though_others_are_long_in_coming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loads: dict[str, int]
) -> None:
    scanned = tmp_path / "scanned"
    for name in ("never", "web"):
        (scanned / name).mkdir(parents=True)
    eye = Leaving()
    each = Scanner(str(scanned), "/nowhere", False, eye)
    each.scan()
    web = Served(scanned / "web" / "supervise")
    monkeypatch.setattr(coming, "is_supervised", lambda path: path == web.path)
    assert len(waits(monkeypatch, each)) == 1
    # Its entry goes; what it led to is elsewhere.
    os.rename(scanned / "web", tmp_path / "web")
    each.scan()
    assert eye.busy
    eye.advance()
    assert web.read() == b"dx"
    web.end()
