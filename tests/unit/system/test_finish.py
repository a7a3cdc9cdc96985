"""The last steps: what is unmounted, in which order, and what is kept of why."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import pytest

from stoker.linux import memory, mounts
from stoker.linux.mounts import Mount
from stoker.system import finish, reason

DISK, NONE = frozenset(("rw",)), frozenset[str]()


def table() -> list[Mount]:
    return [
        Mount("/", "/", "ext4", "/dev/sda1", DISK),
        Mount("/proc", "/", "proc", "proc", DISK),
        Mount("/dev", "/", "devtmpfs", "dev", DISK),
        Mount("/run", "/", "tmpfs", "tmpfs", DISK),
        Mount("/srv", "/", "ext4", "/dev/sda2", DISK),
        Mount("/srv/data", "/", "xfs", "/dev/sda3", DISK),
        Mount("/sys/fs/cgroup", "/", "cgroup2", "cgroup2", DISK),
        Mount("/dev/shm", "/", "tmpfs", "tmpfs", DISK),
        Mount("/run/user/7", "/", "tmpfs", "tmpfs", DISK),
    ]


class World:
    """A mount table that changes."""

    def __init__(self, busy: tuple[str, ...] = (), stubborn: tuple[str, ...] = ()) -> None:
        self.now, self.busy, self.stubborn = table(), busy, stubborn
        self.done: list[str] = []

    def unmount(self, point: str) -> None:
        below = any(one.point.startswith(point + "/") for one in self.now)
        if point in self.busy or below:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self.now = [one for one in self.now if one.point != point]
        self.done.append(f"unmount {point}")

    def read_only(self, point: str) -> None:
        if point in self.stubborn:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self.done.append(f"read-only {point}")

    def end(self) -> list[str]:
        return finish.unmount_all(lambda: list(self.now), self.unmount, self.read_only)


def test_the_last_mounted_goes_first_and_the_root_becomes_read_only() -> None:
    world = World()
    assert world.end() == []
    assert world.done == [
        "unmount /run/user/7",
        "unmount /srv/data",
        "unmount /srv",
        "read-only /",
    ]


def test_what_is_busy_becomes_read_only() -> None:
    world = World(busy=("/srv",))
    assert world.end() == []
    assert world.done[-2:] == ["read-only /srv", "read-only /"]


def test_what_stays_writable_is_told() -> None:
    world = World(busy=("/srv",), stubborn=("/srv",))
    assert world.end() == ["/srv stays writable: Device or resource busy"]
    assert world.done[-1] == "read-only /"


def test_nothing_is_swapped_to_in_the_end(tmp_path: Path) -> None:
    table = tmp_path / "swaps"
    table.write_text(
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        "/dev/sda2                               partition\t1048572\t\t0\t\t-2\n"
        "/a\\040file                               file\t\t16380\t\t0\t\t-3\n"
    )
    asked: list[str] = []

    def swap_off(path: str) -> None:
        asked.append(path)
        if path == "/dev/sda2":
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    told = finish.swap_off_all(lambda: mounts.swaps(str(table)), swap_off)
    assert asked == ["/dev/sda2", "/a file"]
    assert told == ["/dev/sda2: Cannot allocate memory"]
    assert mounts.swaps(str(tmp_path / "none")) == []


def test_what_hangs_in_the_end_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    made: list[int] = []
    fork = os.fork

    def noted() -> int:
        made.append(fork())
        return made[-1]

    monkeypatch.setattr(finish, "say", said.append)
    monkeypatch.setattr(os, "fork", noted)
    try:
        finish.apart("disks", signal.pause, 1.0, lambda: 7)
        assert said == ["disks: nothing was done for 1 s; left as it is"]
    finally:
        os.kill(made[0], signal.SIGKILL)
        os.waitpid(made[0], 0)


def test_what_goes_on_being_written_is_waited_for(tmp_path: Path) -> None:
    left = iter(range(1_000_000, 0, -1))
    finish.apart("disks", lambda: (tmp_path / "done").touch(), 60.0, lambda: next(left))
    assert (tmp_path / "done").exists()
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemFree:   9 kB\nDirty:     40 kB\nWriteback:  2 kB\nWritebackTmp: 5 kB\n")
    assert memory.unwritten(str(meminfo)) == 42
    assert memory.unwritten(str(tmp_path / "none")) == 0


def test_only_the_first_process_ends_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _number: killed.append(pid))
    finish.end_processes()
    assert killed == []


def test_why_it_ended_is_kept_with_the_state(tmp_path: Path) -> None:
    state, run = tmp_path / "state", tmp_path / "run"
    state.mkdir()
    (run / "system").mkdir(parents=True)
    (run / "place.json").write_text(json.dumps({"state": str(state)}))
    reason.write(f"{run}{reason.GOING}", {"action": "reboot", "who": "eve", "why": "disk"})
    finish.keep_reason(str(run), "reboot")
    told = reason.read(str(state) + reason.LAST)
    assert (told["who"], told["why"], told["clean"]) == ("eve", "disk", True)
    for _again in range(2):
        assert reason.begun(str(run), str(state)) == (
            "the end before this: reboot, asked for by eve: disk"
        )
    (tmp_path / "next/system").mkdir(parents=True)
    told_next = reason.begun(f"{tmp_path}/next", str(state))
    assert told_next == "the machine did not end in order before this"


def test_on_a_full_disk_an_old_end_is_not_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "system").mkdir()
    reason.write(str(tmp_path) + reason.LAST, {"action": "halt", "who": "eve", "clean": True})
    sync = os.fsync

    def full(fd: int) -> None:
        if "last-end" in os.readlink(f"/proc/self/fd/{fd}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(fd)

    monkeypatch.setattr(os, "fsync", full)
    assert (
        reason.begun(str(tmp_path), str(tmp_path)) == "the end before this: halt, asked for by eve"
    )
    assert [one.name for one in tmp_path.iterdir()] == ["system"]


def test_a_request_explains_one_signal_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()
    run = str(tmp_path)
    reason.request(run, "reboot", "eve", "a new kernel")
    assert reason.taken(run, "halt")["who"] == "a signal to the first process"
    assert reason.taken(run, "reboot") == {"action": "reboot", "who": "eve", "why": "a new kernel"}
    assert reason.taken(run, "reboot")["who"] == "a signal to the first process"


def test_what_cannot_be_read_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "it"
    for text in ("", "[1]", "{", "\0\xff"):
        path.write_text(text)
        assert reason.read(str(path)) == {}
    assert reason.last_end({}) == ""
