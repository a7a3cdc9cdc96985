"""Labels of log lines become local times, and nothing else of a line changes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.compat.nosh.logging import cyclog, local, tai64nlocal
from stoker.model import leap_seconds, tai_label, tai_text, tai_wall


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_published_example(utc: None) -> None:
    """1992-06-02 08:07:09 TAI was 08:06:43 UTC (cr.yp.to/libtai/tai64.html)."""
    assert local(b"@400000002a2b2c2d00000001 x\n") == b"1992-06-02 08:06:43.000000001 x\n"


@pytest.mark.parametrize(
    "line",
    [b"text\n", b"@\n", b"@400000002a2b2c2d0000000 short\n", b"@4000000g2a2b2c2d00000000 \n", b"\n",
     b"@ffffffffffffffff00000000 no date\n"],
)  # fmt: skip
def test_what_is_no_label_stays(line: bytes, utc: None) -> None:
    assert local(line) == line


@pytest.mark.parametrize(
    ("unix", "leap"),
    [(0, 10), (78_796_799, 10), (78_796_800, 11), (1_483_228_799, 36), (1_483_228_800, 37)],
)
def test_leap_seconds(unix: int, leap: int) -> None:
    assert leap_seconds(unix) == leap
    wall = unix * 1_000_000_000 + 5
    assert tai_wall(tai_label(wall)) == wall
    assert tai_text(b"@" + tai_label(wall).hex().encode() + b" x") == tai_label(wall)


def test_a_filter_ends_the_last_line() -> None:
    for name, expected in (("tai64nlocal", b"a\nb\n"), ("tai64n", None)):
        done = subprocess.run(
            [Path(sys.executable).with_name("stoker"), name],
            input=b"a\nb",
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0 and done.stderr == b""
        if expected is not None:
            assert done.stdout == expected
            continue
        lines = done.stdout.splitlines()
        assert [line[25:] for line in lines] == [b" a", b" b"]
        assert all(tai_text(line) is not None for line in lines)


def test_what_is_not_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert cyclog([]) == 1
    assert cyclog(["--max-file-size", "many", "x"]) == 1
    assert tai64nlocal(["/does/not/exist"]) == 100
    assert "/does/not/exist" in capsys.readouterr().err
