"""Files, mounts, clocks, limits, notification, inotify: the small parts."""

from __future__ import annotations

import os
import select
import socket
from pathlib import Path

import pytest

from stoker.linux import clock, files, inotify, limits, mounts, notify

TABLE = """\
23 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
31 23 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
38 31 0:35 /a/b /sys/fs/cgroup/odd\\040name rw,relatime shared:9 master:2 - cgroup2 cgroup2 rw
broken line
40 23 8:1 / /srv rw - xfs /dev/sdb1 rw
"""


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    assert files.read(tmp_path / "none") is None
    assert files.read(tmp_path) is None
    (tmp_path / "file").write_bytes(b"abcdef")
    assert files.read(tmp_path / "file", 3) == b"abc"
    with pytest.raises(FileNotFoundError):
        files.write(tmp_path / "none", b"x")


def test_the_mount_table_is_read() -> None:
    table = mounts.parse_mountinfo(TABLE)
    assert [one.point for one in table] == [
        "/",
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/odd name",
        "/srv",
    ]
    odd = table[2]
    assert (odd.root, odd.kind, odd.options) == ("/a/b", "cgroup2", frozenset({"rw", "relatime"}))
    assert "/proc" in [one.point for one in mounts.mounts()]


def test_fstab_tells_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "fstab"
    path.write_text(
        "# comment\n\n/dev/vda1 / ext4 defaults 0 1\n/dev/sdb1 /srv/ xfs rw 0 2\n"
        "/dev/sdc1 /home ext4 defaults 0 2\n/dev/sdd1 /media/x vfat noauto,user 0 0\n"
        "nas:/x /mnt nfs nofail 0 0\n/dev/sda2 none swap sw 0 0\nhalf a\n"
    )
    table = mounts.parse_mountinfo(TABLE)
    assert mounts.missing(str(path), table) == ["/home"]
    assert mounts.missing(str(tmp_path / "none"), table) == []


def test_clocks_go_forward() -> None:
    before, after = clock.now(), clock.now()
    assert after[0] >= before[0]
    assert clock.synchronised() in (True, False, None)


def test_limits_have_names() -> None:
    soft, hard = limits.get("nofile") or (0, 0)
    assert soft > 0
    assert hard == -1 or hard >= soft
    assert limits.get("nofile", 2**22 + 7) is None
    assert (limits.open_descriptors() or 0) >= 1
    assert (limits.open_descriptors(os.getpid()) or 0) >= 1
    assert limits.open_descriptors(2**22 + 7) is None


@pytest.mark.parametrize("abstract", [False, True])
def test_a_notification_arrives(tmp_path: Path, abstract: bool) -> None:
    name = f"@stoker-test-{os.getpid()}-{id(tmp_path)}" if abstract else str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name[1:] if abstract else name)
        receiver.settimeout(30)
        assert notify.send("READY=1\nSTATUS=ä", name)
        assert receiver.recv(100).decode() == "READY=1\nSTATUS=ä"


def test_a_notification_without_a_receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify.send("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "none"))
    assert not notify.send("READY=1")
    assert not notify.send("READY=1", "relative")


def test_inotify_tells_of_changes(tmp_path: Path) -> None:
    watcher = inotify.Inotify()
    assert watcher.read() == []
    assert watcher.add(tmp_path / "none", inotify.CREATE) is None
    watch = watcher.add(tmp_path, inotify.CREATE | inotify.DELETE)
    assert watch is not None
    (tmp_path / "long name").touch()
    (tmp_path / "d").mkdir()
    (tmp_path / "d").rmdir()
    poll = select.poll()
    poll.register(watcher.fd, select.POLLIN)
    assert poll.poll(30_000)
    assert watcher.read() == [
        (watch, inotify.CREATE, "long name"),
        (watch, inotify.CREATE | inotify.ISDIR, "d"),
        (watch, inotify.DELETE | inotify.ISDIR, "d"),
    ]
    watcher.remove(watch)
    watcher.remove(watch)
    watcher.close()
