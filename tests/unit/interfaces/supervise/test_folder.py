"""One supervise directory, with whatever stands in its way (nosh.md 4.1)."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from stoker.interfaces.supervise.folder import Folder


def serve(path: Path) -> Folder:
    folder = Folder(str(path))
    folder.lock()
    try:
        folder.open()
    except OSError:
        folder.close()
        raise
    return folder


def test_its_files_and_their_modes(tmp_path: Path) -> None:
    folder = serve(tmp_path / "supervise")
    folder.write_status(b"x" * 87)
    modes = {one.name: one.stat().st_mode for one in (tmp_path / "supervise").iterdir()}
    assert {name: stat.S_IMODE(mode) for name, mode in modes.items()} == {
        "ok": 0o666,
        "control": 0o600,
        "lock": 0o600,
        "status": 0o644,
    }
    assert {name for name, mode in modes.items() if stat.S_ISFIFO(mode)} == {"ok", "control"}
    folder.close()
    assert (tmp_path / "supervise" / "status").exists()  # they stay
    with pytest.raises(OSError) as nobody:
        os.open(tmp_path / "supervise" / "ok", os.O_WRONLY | os.O_NONBLOCK)
    assert nobody.value.errno == errno.ENXIO
    os.chmod(tmp_path / "supervise" / "control", 0o620)
    serve(tmp_path / "supervise").close()
    assert stat.S_IMODE(os.stat(tmp_path / "supervise" / "control").st_mode) == 0o620


@pytest.mark.parametrize("name", ["ok", "control"])
@pytest.mark.parametrize("what", ["file", "directory", "dangling link"])
def test_no_fifo_where_one_should_be(tmp_path: Path, name: str, what: str) -> None:
    tmp_path.joinpath("supervise").mkdir()
    path = tmp_path / "supervise" / name
    if what == "file":
        path.write_text("mine")
    elif what == "directory":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    with pytest.raises(OSError):
        serve(tmp_path / "supervise")
    assert os.path.lexists(path) and (what != "file" or path.read_text() == "mine")
    assert not any(one.startswith(str(tmp_path)) for one in open_files())


def open_files() -> list[str]:
    """What our descriptors are of."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:  # it was the listing's own
            continue
    return found


def test_a_directory_that_another_program_has_locked(tmp_path: Path) -> None:
    (tmp_path / "supervise").mkdir()
    with open(tmp_path / "supervise" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            Folder(str(tmp_path / "supervise")).lock()
        fcntl.flock(lock, fcntl.LOCK_UN)
        serve(tmp_path / "supervise").close()


def test_links_are_followed_to_what_is_made_for_them(tmp_path: Path) -> None:
    (tmp_path / "supervise").symlink_to(tmp_path / "early" / "web")
    serve(tmp_path / "supervise").close()
    assert (tmp_path / "early" / "web" / "control").is_fifo()
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError):
        Folder(str(tmp_path / "round")).lock()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        Folder(str(tmp_path / "file")).lock()


def test_who_reads_the_status_while_it_is_written_has_a_whole_one(tmp_path: Path) -> None:
    folder = serve(tmp_path / "supervise")
    folder.write_status(bytes(87))
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % 256
            folder.write_status(bytes((number,)) * 87)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        sizes = {len((tmp_path / "supervise" / "status").read_bytes()) for _ in range(500)}
    finally:
        stop.set()
        writer.join()
    assert sizes == {87}
    folder.close()


def test_a_directory_that_was_removed_and_made_anew_is_another_one(tmp_path: Path) -> None:
    folder = serve(tmp_path / "supervise")
    assert folder.is_there()
    (tmp_path / "supervise").rename(tmp_path / "old")
    assert not folder.is_there()
    (tmp_path / "supervise").mkdir()
    assert not folder.is_there()
    folder.close()
