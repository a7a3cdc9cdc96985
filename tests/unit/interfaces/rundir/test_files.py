"""The files of a run directory: whole numbers, and nothing of others touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stoker.interfaces.rundir.files import NOTHING, Files, Shown


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(str(tmp_path / "run" / "sysmgr"))
    made.make()
    return made


def text(files: Files, name: str) -> str:
    return Path(files.path, name).read_text()


def test_numbers_are_decimal_with_a_newline(files: Files) -> None:
    files.publish_pid(7)
    files.write("web", Shown(11, 12, 0), NOTHING)
    assert [text(files, name) for name in ("pid", "web/syspid", "web/pid", "web/lock")] == [
        "7\n", "11\n", "12\n", "0\n",
    ]  # fmt: skip
    assert os.listdir(files.path) in (["pid", "web"], ["web", "pid"])


@pytest.mark.parametrize("new", [Shown(11, 12), Shown(lock=15), Shown(11, 13, 0), NOTHING])
@pytest.mark.parametrize("old", [Shown(11, 12), Shown(lock=15), Shown(11, 13, 0), NOTHING])
def test_what_was_written_is_read(files: Files, old: Shown, new: Shown) -> None:
    files.write("web", old, NOTHING)
    files.write("web", new, old)
    assert files.read("web") == new
    assert files.there("web") == (new != NOTHING)


def test_what_somebody_removed_meanwhile_is_not_made_again(files: Files) -> None:
    assert files.write("web", Shown(11, 12), NOTHING)
    files.remove("web")
    for new in (Shown(11, 13), Shown(lock=15)):
        assert not files.write("web", new, Shown(11, 12))
    assert files.names() == []


@pytest.mark.parametrize(("content", "lock"), [("9\n", 9), ("", 15), ("words", 15), ("-1", 15)])
def test_a_lock_is_one_whatever_it_says(files: Files, content: str, lock: int) -> None:
    folder = Path(files.path, "web")
    folder.mkdir()
    (folder / "lock").write_text(content)
    assert files.read("web") == Shown(lock=lock)


def test_a_lock_may_be_anything(files: Files, tmp_path: Path) -> None:
    folder = Path(files.path, "web")
    (folder / "lock").mkdir(parents=True)
    assert files.read("web").lock == 15
    (folder / "lock").rmdir()
    os.mkfifo(folder / "lock")
    assert files.read("web").lock == 15
    (folder / "lock").unlink()
    (tmp_path / "secret").write_text("9")
    (folder / "lock").symlink_to(tmp_path / "secret")
    assert files.read("web").lock is None


def test_files_of_others_stay(files: Files) -> None:
    files.write("web", Shown(11, 12), NOTHING)
    Path(files.path, "web", "note").write_text("mine")
    files.remove("web")
    assert os.listdir(f"{files.path}/web") == ["note"]
    assert files.end("/nowhere") == ["web"]


def test_a_link_is_no_service_and_is_not_followed(files: Files, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "pid").write_text("1")
    os.symlink(elsewhere, f"{files.path}/web")
    assert files.names() == [] and not files.there("web")
    files.remove("web")
    with pytest.raises(NotADirectoryError):
        files.write("web", Shown(11, 12), NOTHING)
    assert files.end("/nowhere") == ["web"]
    assert (elsewhere / "pid").exists()


def test_at_the_end_nothing_is_left(files: Files) -> None:
    place = Path(files.path, ".stoker")
    (place / "logs" / "web").mkdir(parents=True)
    (place / "logs" / "web" / "current").write_text("line\n")
    (place / "run").symlink_to("/nowhere")
    files.publish_pid(7)
    files.write("web", Shown(11, 12), NOTHING)
    files.write("db", Shown(lock=15), NOTHING)
    assert files.end(str(place)) == []
    assert not os.path.exists(files.path)


def test_a_place_elsewhere_is_left_alone(files: Files, tmp_path: Path) -> None:
    place = tmp_path / ".stoker"
    place.mkdir()
    assert files.end(str(place)) == []
    assert place.exists() and not os.path.exists(files.path)


def test_what_others_write_meanwhile_goes_too(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(files.path, ".stoker")
    (place / "run").mkdir(parents=True)
    remove, late = os.rmdir, [str(place / "run" / f"late-{number}") for number in range(3)]

    def rmdir(path: str) -> None:
        if late and path == str(place / "run"):
            Path(late.pop()).write_text("of a process that is ending")
        remove(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rmdir", rmdir)
        assert files.end(str(place)) == []
    assert not os.path.exists(files.path) and not late
