"""What has left a scanned directory is told to stop and to be unloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.compat.nosh import leaving
from stoker.compat.nosh.leaving import Leaving


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
