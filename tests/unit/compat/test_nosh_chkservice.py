"""chkservice: what it shows of bundles, in which order, on a terminal and without one."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.compat import run
from stoker.compat.nosh.bundles import Bundle
from stoker.compat.nosh.chkservice import Listing, Row, read_row
from stoker.compat.nosh.terminal import split_keys
from stoker.interfaces.supervise.status import RUNNING, Seen, pack

ROWS = [
    Row("stopped", False, "__", 0, 30.0, "b", "/x/b"),
    Row("running", True, "u_", 20, 20.0, "c", "/x/c"),
    Row("unloaded", True, "__", 0, None, "a", "/x/a"),
    Row("running", True, "__", 10, 40.0, "d", "/x/d"),
]


def names(listing: Listing) -> str:
    return "".join(row.name for row in listing.rows)


def test_orders() -> None:
    listing = Listing(list(ROWS))
    found = [names(listing)]
    for _ in range(5):  # the last time there is nothing farther left
        listing.move("left", 10)
        found.append(names(listing))
    assert found == ["abcd", "cbda", "dcab", "dcba", "cdba", "cdba"]
    listing.move("right", 10)
    assert names(listing) == "dcba"


def test_the_window_follows_what_is_chosen() -> None:
    listing = Listing([Row("stopped", True, "__", 0, 1.0, f"{n:02}", "/") for n in range(30)])
    for move, chosen in (("end", 29), ("page up", 20), ("up", 19), ("home", 0), ("page down", 9)):
        listing.move(move, 9)
        lines, marked = listing.lines(10)
        assert len(lines) == 10
        assert listing.rows[listing.chosen].name == f"{chosen:02}"
        assert f" {chosen:02} " in lines[marked]
    assert Listing([]).lines(10)[1] == 1
    assert len(listing.lines(1)[0]) == 1


@pytest.mark.parametrize(
    ("data", "keys", "rest"),
    [
        (b"q\x1b[A\x1bOB", ["q", "up", "down"], b""),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["page-up", "page-down", "home", "end"], b""),
        (b"\x1b[1;5Aj", ["j"], b""),
        (b"a\x1b[", ["a"], b"\x1b["),
        (b"\x1b", [], b"\x1b"),
        (b"\x1bx", ["x"], b""),
    ],
)
def test_keys(data: bytes, keys: list[str], rest: bytes) -> None:
    assert split_keys(data) == (keys, rest)


@pytest.fixture
def bundles(tmp_path: Path) -> Iterator[Path]:
    """One that runs, as its supervisor would show it, and one that nobody has loaded."""
    for name in ("web", "db"):
        (tmp_path / name / "service").mkdir(parents=True)
        (tmp_path / name / "supervise").mkdir()
    os.mkfifo(tmp_path / "web/supervise/ok")
    reader = os.open(tmp_path / "web/supervise/ok", os.O_RDONLY | os.O_NONBLOCK)
    wall = 1_700_000_000_000_000_000
    status = pack("nosh", Seen(wall, 4711, paused=True, wish="u", state=RUNNING))
    (tmp_path / "web/supervise/status").write_bytes(status)
    (tmp_path / "db/service/down").touch()
    yield tmp_path
    os.close(reader)


def test_a_row(bundles: Path) -> None:
    web, db = (read_row(Bundle(f"{bundles}/{name}")) for name in ("web", "db"))
    assert web == Row("running", True, "up", 4711, 1_700_000_000.0, "web", f"{bundles}/web")
    assert db == Row("unloaded", False, "__", 0, None, "db", f"{bundles}/db")
    assert web.text().split()[:4] == ["running", "enabled", "up", "4711"]


def test_elsewhere_a_line_each(bundles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("chkservice", [f"{bundles}/web", f"{bundles}/db"]) == 0
    one, two = capsys.readouterr().out.splitlines()
    assert one.startswith(f"{bundles}/web: running (pid 4711) since ")
    assert two == f"{bundles}/db: No supervisor is running"
    assert run("chkservice", ["/does/not/exist"]) == 1
    assert run("chkservice", ["--what"]) == 1


def test_on_a_terminal(bundles: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 120, 0, 0))
    before = termios.tcgetattr(theirs)
    words = [Path(sys.executable).with_name("stoker"), "chkservice", *map(str, bundles.iterdir())]
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    try:
        assert b"\x1b[?1049h" in _until(ours, b"by name")
        os.write(ours, b"\x1b[D")
        shown = _until(ours, b"by time")
        assert shown.index(b" web ") < shown.index(b" db ")
        os.write(ours, b"q")
        assert b"\x1b[?1049l" in _until(ours, b"\x1b[?1049l")
        assert process.wait(60) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
        os.close(theirs)


def _until(fd: int, text: bytes) -> bytes:
    """What comes until a whole screen with that text has come."""
    seen = b""
    end = time.monotonic() + 60
    while text not in seen or not seen.endswith((b"\x1b[J", b"\x1b[?1049l")):
        ready, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
        assert ready, seen
        seen += os.read(fd, 65536)
    return seen
