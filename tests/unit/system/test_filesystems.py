"""The disks of a machine that begins: what is checked, made writable, mounted, and kept where."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from stoker.linux import files, mounts
from stoker.linux.mounts import Entry, Mount
from stoker.system import boot, children, early, filesystems

FSTAB = mounts.fstab
READ_ONLY = frozenset(("ro",))


class Disks:
    """A machine's table, and programs that write down what they are asked."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.asked = folder / "asked"
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        self.program("fsck", "exit 0")
        self.program("mount", "exit 0")
        self.table()
        root = Mount("/", "/", "ext4", "/dev/sda1", READ_ONLY)
        patch.setattr(mounts, "mounts", lambda: [root])

    def program(self, name: str, text: str, mode: int = 0o755) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.asked}\n{text}\n')
        path.chmod(mode)

    def table(self, *lines: str) -> None:
        path = self.folder / "fstab"
        path.write_text("\n".join(["/dev/sda1 / ext4 defaults 0 1", *lines]) + "\n")
        self.patch.setattr(mounts, "fstab", lambda: FSTAB(str(path)))

    def open(self) -> list[str]:
        return list(filesystems.open_disks())

    def done(self) -> list[str]:
        return self.asked.read_text().splitlines() if self.asked.exists() else []


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disks:
    return Disks(tmp_path, monkeypatch)


ROOT = ["fsck -a -T /", "mount -o remount,rw /"]


def test_the_root_is_checked_and_made_writable_and_ours_are_mounted(disks: Disks) -> None:
    disks.table(
        "/dev/sda2 /var ext4 defaults 0 2",
        "/dev/sda3 /home ext4 defaults 0 2",
        "/dev/sda4 /var/log ext4 noauto 0 2",
        "none /var/lib tmpfs size=9m 0 0",
    )
    assert disks.open() == []
    assert disks.done() == [*ROOT, "fsck -a -T /var", "mount /var", "mount /var/lib"]


@pytest.mark.parametrize("status", [1, 8, 16, 32])
def test_what_fsck_repaired_or_could_not_look_at_is_used(disks: Disks, status: int) -> None:
    disks.program("fsck", f"exit {status}")
    told = disks.open()
    assert disks.done() == ROOT
    assert [line.startswith("fsck /: it failed") for line in told] == [True] * (status != 1)


@pytest.mark.parametrize("status", [4, 6, 12])
def test_what_has_errors_left_is_not_written_to(disks: Disks, status: int) -> None:
    disks.table("/dev/sda2 /var ext4 defaults 0 2")
    disks.program("fsck", f"exit {status}")
    told = disks.open()
    assert disks.done() == ["fsck -a -T /", "fsck -a -T /var"]
    assert "/ stays read-only" in told
    assert "/var is not mounted" in told


def test_a_check_that_is_killed_is_told(disks: Disks) -> None:
    disks.program("fsck", "kill -SEGV $$")
    assert disks.open() == [f"fsck /: it failed (status -{int(signal.SIGSEGV)})"]
    assert disks.done() == ROOT


def test_a_check_that_cannot_be_run_does_not_keep_the_root_read_only(disks: Disks) -> None:
    disks.program("fsck", "", 0o644)
    disks.patch.setenv("PATH", str(disks.folder))
    (disks.folder / "mount").write_text(f'#!/bin/sh\n/bin/echo "mount $*" >>{disks.asked}\n')
    assert disks.open() == ["fsck: Permission denied"]
    assert disks.done() == ROOT[1:]


def test_only_what_fstab_numbers_is_checked(disks: Disks) -> None:
    path = disks.folder / "other"
    path.write_text("a / ext4 defaults 0 0\nb /var ext4 defaults\nc /usr ext4 defaults 0 2\n")
    table = FSTAB(str(path))
    assert [one.checked for one in table] == [False, False, True]
    disks.patch.setattr(mounts, "fstab", lambda: table[:2])
    assert disks.open() == []
    assert disks.done() == ["mount -o remount,rw /", "mount /var"]


def test_a_person_can_go_round_a_check(disks: Disks) -> None:
    disks.program("fsck", "exit 4")
    disks.patch.setattr(files, "read", lambda _path: b"ro quiet fsck.mode=skip\n")
    assert disks.open() == []
    assert disks.done() == ROOT[1:]


def test_nothing_is_kept_below_what_is_to_be_mounted_later() -> None:
    table = [Entry("a", "/", "ext4", frozenset()), Entry("b", "/var", "ext4", frozenset()),
             Entry("c", "/var/log", "ext4", frozenset(("noauto",)))]  # fmt: skip
    assert filesystems.lacking("/var/lib/stoker", table, {"/"}) == "/var"
    assert filesystems.lacking("/var/lib/stoker", table, {"/", "/var"}) == ""
    assert filesystems.lacking("/var/log/stoker", table, {"/", "/var"}) == ""
    assert filesystems.lacking("/variable", table, {"/"}) == ""


@pytest.mark.parametrize("kind", ["machine", "namespace", "container"])
def test_what_others_mount_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr(boot, "say", said.append)
    monkeypatch.setattr(early, "kind", lambda: kind)
    monkeypatch.setattr(filesystems, "lacking", lambda _path: "/var")
    found = boot._kept(str(tmp_path), "/run/instead")
    assert found == ("/run/instead" if kind == "machine" else str(tmp_path))
    assert len(said) == (kind == "machine")


def test_choices_that_can_only_be_read_still_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, run = tmp_path / "state", tmp_path / "run"
    state.mkdir()
    (state / "repository.db").write_bytes(b"chosen")
    (state / "history.db").write_bytes(b"long ago")
    said: list[str] = []
    monkeypatch.setattr(boot, "say", said.append)
    monkeypatch.setattr(boot, "RUN", str(run))
    monkeypatch.setattr(boot, "STATE", str(state))
    monkeypatch.setattr(boot, "LOGS", str(tmp_path / "logs"))
    monkeypatch.setattr(filesystems, "lacking", lambda _path: "")
    monkeypatch.setattr(filesystems, "writable", lambda path: path != str(state))
    argv: list[tuple[str, ...]] = []

    def prepared(words: tuple[str, ...], _limit: float) -> bytes:
        argv.append(words)
        return b'{"keeper": ["keep", "this"]}'

    monkeypatch.setattr(boot, "output_of", prepared)
    assert boot._prepared(["sysinit"]) == ["keep", "this"]
    assert argv[0][-4:] == (str(run), f"{run}/state", str(tmp_path / "logs"), "sysinit")
    assert [one.name for one in (run / "state").iterdir()] == ["repository.db"]
    assert (run / "state/repository.db").read_bytes() == b"chosen"
    assert said == [f"{state} cannot be written: what would be kept in {state} is lost at the end"]


def test_a_file_that_cannot_be_carried_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    told = list(filesystems.carry(("a", "none"), str(tmp_path), str(tmp_path / "to")))
    assert told == [f"{tmp_path}/a: Is a directory"]


def test_programs_begin_without_the_signals_that_are_blocked_here() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        assert children.status_of(("sh", "-c", "kill -TERM $$")) == -signal.SIGTERM
        assert children.output_of(("sh", "-c", "echo one; kill -TERM $$; echo two"), 60) == b"one\n"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_programs_have_a_limit() -> None:
    assert children.status_of(("sleep", "1000"), 0.1) == -signal.SIGKILL
    assert children.output_of(("sh", "-c", "echo one; exec sleep 1000"), 2.0) in (b"one\n", b"")
    with pytest.raises(FileNotFoundError):
        children.status_of(("/nowhere/at-all",))
