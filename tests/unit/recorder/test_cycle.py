"""cyclog's log directories: what is kept stands in them once, in order, in files within bounds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stoker.recorder.cycle import Cycle

WALL = 1_700_000_000_000_000_000
HEAD = b"@400000006553f125" + b"00000000 "  # 1,700,000,000 + 37 leap seconds


def texts(folder: Path) -> list[bytes]:
    """What the files hold, oldest first."""
    names = sorted(one.name for one in folder.iterdir() if one.name != "lock")
    return [(folder / name).read_bytes() for name in names]


def test_lines_stand_behind_labels(tmp_path: Path) -> None:
    log = Cycle(str(tmp_path), 4096, 1 << 20, 512)
    log.keep(b"one\ntwo, in ", WALL)
    assert not (tmp_path / "current").stat().st_mode & 0o100
    log.keep(b"two parts\n", WALL + 1_000_000_000)
    log.close()
    assert (tmp_path / "current").read_bytes() == HEAD + b"one\n" + HEAD + b"two, in two parts\n"
    assert (tmp_path / "current").stat().st_mode & 0o777 == 0o744


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    first = Cycle(str(tmp_path), 4096, 1 << 20, 512)
    with pytest.raises(BlockingIOError):
        Cycle(str(tmp_path), 4096, 1 << 20, 512)
    first.close()
    Cycle(str(tmp_path), 4096, 1 << 20, 512).close()


@pytest.mark.parametrize("path", ["", "{}/none", "{}/file"])
def test_what_is_no_directory_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((FileNotFoundError, NotADirectoryError)):
        Cycle(path.format(tmp_path), 4096, 1 << 20, 512)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_what_a_dead_writer_left_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "current").write_bytes(b"half a li")
    log = Cycle(str(tmp_path), 4096, 1 << 20, 512)
    log.keep(b"new\n", WALL)
    log.close()
    (old,) = tmp_path.glob("@*.u")
    assert old.read_bytes() == b"half a li"
    assert (tmp_path / "current").read_bytes() == HEAD + b"new\n"


def test_a_whole_file_is_gone_on_with_and_an_unfinished_line_too(tmp_path: Path) -> None:
    log = Cycle(str(tmp_path), 4096, 1 << 20, 512)
    log.keep(b"whole\nhalf", WALL)
    log.close()
    log = Cycle(str(tmp_path), 4096, 1 << 20, 512)
    log.keep(b" and half\n", WALL)
    log.close()
    assert texts(tmp_path) == [HEAD + b"whole\n" + HEAD + b"half and half\n"]


@pytest.mark.parametrize("block", [1, 700, 100_000])
def test_files_end_at_line_ends_and_nothing_is_lost(tmp_path: Path, block: int) -> None:
    lines = b"".join(b"line %d %s\n" % (number, b"x" * (number % 90)) for number in range(400))
    log = Cycle(str(tmp_path), 4096, 1 << 30, 512)
    for at in range(0, len(lines), block):
        log.keep(lines[at : at + block], WALL)
    log.close()
    found = texts(tmp_path)
    assert len(found) > 5
    assert all(len(text) <= 4096 and text.endswith(b"\n") for text in found)
    assert b"".join(found).replace(HEAD, b"") == lines


def test_a_line_longer_than_a_file_is_cut(tmp_path: Path) -> None:
    log = Cycle(str(tmp_path), 4096, 1 << 30, 512)
    log.keep(b"y" * 10_000 + b"\nz\n", WALL)
    log.close()
    found = texts(tmp_path)
    assert [len(text) for text in found[:2]] == [4096, 4096]
    assert b"".join(found) == HEAD + b"y" * 10_000 + b"\n" + HEAD + b"z\n"


def test_the_oldest_are_removed(tmp_path: Path) -> None:
    log = Cycle(str(tmp_path), 4096, 10_000, 512)
    for number in range(300):
        log.keep(b"%0100d\n" % number, WALL)
    log.close()
    found = texts(tmp_path)
    assert sum(map(len, found)) <= 10_000 + 4096
    assert b"".join(found).endswith(b"299\n")
    numbers = [int(line.split()[1]) for line in b"".join(found).splitlines()]
    assert numbers == list(range(numbers[0], 300))


def test_the_command(tmp_path: Path) -> None:
    """ALRM closes the file in use; the end of the input ends it; both directories have all."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    program = str(Path(sys.executable).with_name("stoker"))
    words = [program, "cyclog", "--max-file-size=8192", str(one), str(two)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(b"first\n")
    process.stdin.flush()
    until(lambda: all((d / "current").exists() and texts(d)[-1] for d in (one, two)))
    process.send_signal(signal.SIGALRM)
    until(lambda: all(list(d.glob("@*.s")) and (d / "current").exists() for d in (one, two)))
    process.stdin.write(b"second\n")
    process.stdin.close()
    assert process.wait(60) == 0
    for folder in (one, two):
        assert [text[26:] for text in texts(folder)] == [b"first\n", b"second\n"]
        assert os.access(folder / "current", os.R_OK)


def until(so: object) -> None:
    """Wait until it is so."""
    assert callable(so)
    end = time.monotonic() + 60
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)
