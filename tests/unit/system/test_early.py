"""What is set once at the beginning: language, clock; what is shown at the end; walls; shells."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from stoker.system import early, filesystems
from stoker.system.everybody import terminals, wall
from stoker.system.shell import login_argv
from stoker.system.view import line, waited_for


def test_language_is_that_of_the_first_file_and_the_directory(tmp_path: Path) -> None:
    first, second, folder = tmp_path / "a", tmp_path / "b", tmp_path / "d"
    second.write_text('# one\nLANG="de_DE.UTF-8"\nLC_TIME=C\nPATH=/evil\n')
    paths = (str(first), str(second))
    told = early.locale(paths, str(folder))
    assert told == {"LANG": "de_DE.UTF-8", "LC_TIME": "C"}
    folder.mkdir()
    (folder / "LC_TIME").write_text("en_DK\n")
    (folder / "LD_PRELOAD").write_text("/evil\n")
    assert early.locale(paths, str(folder)) == {"LANG": "de_DE.UTF-8", "LC_TIME": "en_DK"}
    assert early.locale((), "/nowhere") == {"LANG": "C.UTF-8"}


def test_a_clock_that_stood_still_goes_on_where_files_end(tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text("")
    os.utime(stamp, (5000.0, 5000.0))
    told: list[float] = []
    paths = (str(stamp), str(tmp_path / "missing"))
    assert early.set_clock(paths, 4000.0, set_time=told.append) == 5000.0
    assert told == [5000.0]
    assert early.set_clock(paths, 6000.0, set_time=told.append) is None
    assert told == [5000.0], "a clock that goes is left alone"


def test_a_clock_that_was_once_ahead_is_not_believed_for_ever(tmp_path: Path) -> None:
    log, repository, ours = (tmp_path / name for name in ("log", "repository", "ours"))
    now, year = 2_000_000_000.0, 365.25 * 86_400
    for path, written in ((log, now + 60), (repository, now + 5 * year), (ours, now)):
        path.write_text("")
        os.utime(path, (written, written))
    told: list[float] = []

    def set_clock(*stamps: Path) -> float | None:
        paths = tuple(map(str, stamps))
        return early.set_clock(paths, now, ours=str(ours), set_time=told.append)

    assert set_clock(log, repository) == now + 60, "what the last boot wrote counts"
    assert set_clock(tmp_path / "missing", repository) == now + 5 * year
    os.utime(repository, (now + 30 * year, now + 30 * year))
    assert set_clock(repository) is None
    assert told == [now + 60, now + 5 * year]


def zone_of(path: Path, east: int) -> Path:
    """A zone without summer time (tzfile(5)), `east` seconds off."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    path.write_bytes(b"TZif" + bytes(16) + counts + struct.pack(">lbb", east, 0, 0) + b"LOC\0")
    return path


def test_a_hardware_clock_in_local_time_is_put_right(tmp_path: Path) -> None:
    adjusted, told = tmp_path / "adjtime", list[int]()

    def warp(east: int = 0) -> int | None:
        zone = zone_of(tmp_path / "zone", east)
        return early.warp_clock(str(adjusted), str(zone), 1e9, set_zone=told.append)

    assert warp(3600) is None, "no file: it shows UTC"
    adjusted.write_text("0.0 0 0.0\n0\nUTC\n")
    assert warp(3600) is None
    assert told == []
    adjusted.write_text("0.0 0 0.0\n0\nLOCAL\n")
    assert (warp(-5 * 3600), warp(9 * 3600), warp(5400)) == (300, -540, -90)
    assert told == [300, -540, -90]


def test_a_directory_takes_files_or_it_does_not(tmp_path: Path) -> None:
    assert filesystems.writable(str(tmp_path / "made/below"))
    assert list((tmp_path / "made/below").iterdir()) == []
    (tmp_path / "file").write_text("")
    assert not filesystems.writable(str(tmp_path / "file/below"))


def test_a_shell_is_that_of_the_system_unless_the_kernel_was_told_otherwise() -> None:
    assert login_argv(lambda path: path == "/usr/sbin/sulogin", {}) == ["/usr/sbin/sulogin"]
    assert login_argv(lambda _path: False, {}) == ["/bin/sh", "-i"]
    assert login_argv(lambda _path: True, {"STOKER_FORCE_SHELL": "1"}) == ["/bin/sh", "-i"]
    assert login_argv(lambda _path: True, {"STOKER_FORCE_SHELL": "0"}) == ["/sbin/sulogin"]


def row(name: str, stage: str) -> dict[str, str]:
    return {"name": name, "stage": stage, "fmri": f"svc:/{name}:default"}


def test_only_what_goes_down_is_waited_for() -> None:
    rows = [row("a", "up"), row("b", "stop"), row("c", "idle"), row("d", "kill")]
    assert [one["name"] for one in waited_for(rows)] == ["b", "d"]
    assert line(waited_for(rows), 7.4).startswith("7 s: waiting for b, d   [e] ")
    many = [row(name, "stop") for name in "abcdef"]
    assert "waiting for a, b, c and 3 more" in line(many, 1.0)


def record(kind: int, terminal: bytes) -> bytes:
    return struct.pack("=hxxi32s", kind, 1, terminal).ljust(384, b"\0")


def test_a_message_goes_to_the_terminals_of_those_who_are_logged_in(tmp_path: Path) -> None:
    path = tmp_path / "utmp"
    path.write_bytes(
        record(7, b"pts/3") + record(2, b"~") + record(8, b"tty1") + record(7, b"../etc/passwd")
    )
    assert terminals(str(path)) == ["/dev/pts/3"]
    assert terminals(str(tmp_path / "missing")) == []
    target = tmp_path / "terminal"
    target.write_text("")
    assert wall("it ends", [str(target), str(tmp_path / "gone")]) == 1
    assert "it ends" in target.read_text()
