"""What a manager begins with: the runtime directory's files, or those that the keeper holds."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from stoker.errors import StokerError
from stoker.linux import files
from stoker.manager.papers import PREFIX, Papers
from stoker.model import Compiled, Place, Settings, encode_compiled


class Keeper:
    """Holds copies of descriptors by name."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.packets: list[list[str]] = []

    def put(self, there: Mapping[str, int]) -> None:
        self.packets.append([*there])
        for name, fd in there.items():
            old = self.held.get(name)
            self.held[name] = os.dup(fd)
            if old is not None:
                os.close(old)

    def life(self, run: Path) -> Papers:
        """What the next manager has."""
        return Papers(str(run), {name: os.dup(fd) for name, fd in self.held.items()}, self.put)


def blob(reserve: int) -> bytes:
    return encode_compiled(Compiled(settings=Settings(reserve=reserve)))


def replaced(path: Path, data: bytes) -> None:
    """As all that we write there: by another file of that name."""
    fresh = path.with_name("fresh")
    fresh.write_bytes(data)
    fresh.rename(path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    place = Place("project", ["/p"], str(folder), "/p/.stoker", "/p/.stoker/logs", [], "/p", 0)
    (folder / "place.json").write_text(place.to_json())
    (folder / "definitions").write_bytes(blob(1))
    (folder / "environment").write_bytes(b"A=1")
    (folder / "mark").write_bytes(b"0123456789abcdef")
    return folder


def reserve(found: Papers) -> int:
    return found.definitions().settings.reserve


def test_all_is_read_when_the_directory_is_gone(run: Path) -> None:
    keeper = Keeper()
    keeper.life(run).keep()
    shutil.rmtree(run)
    found = keeper.life(run)
    assert found.place().runtime == str(run)
    assert reserve(found) == 1
    assert [*found.read("environment")] == [b"A=1"]
    assert [*found.read("mark")] == [b"0123456789abcdef"]
    found.keep()
    assert len(keeper.packets) == 1 and not run.exists()


def test_a_newer_file_comes_first_and_is_then_held(run: Path) -> None:
    keeper = Keeper()
    keeper.life(run).keep()
    replaced(run / "definitions", blob(2))
    found = keeper.life(run)
    assert reserve(found) == 2
    found.keep()
    assert keeper.packets[1:] == [[f"{PREFIX}definitions"]]
    (run / "definitions").unlink()
    assert reserve(keeper.life(run)) == 2


def test_what_makes_no_sense_is_read_from_what_is_held(run: Path) -> None:
    keeper = Keeper()
    keeper.life(run).keep()
    replaced(run / "definitions", blob(2)[:-1])
    replaced(run / "place.json", b"{")
    found = keeper.life(run)
    assert reserve(found) == 1
    assert found.place().runtime == str(run)


def test_what_makes_no_sense_does_not_take_the_place_of_what_is_held(run: Path) -> None:
    keeper = Keeper()
    keeper.life(run).keep()
    for name in ("place.json", "definitions", "mark"):
        replaced(run / name, b"{")
    for _ in range(2):
        found = keeper.life(run)
        assert found.place().runtime == str(run)
        assert (reserve(found), found.mark()) == (1, "0123456789abcdef")
        found.keep()
    replaced(run / "definitions", blob(2))  # as a reload does
    found.keep()
    assert reserve(found) == 2
    assert reserve(keeper.life(run)) == 2


@pytest.mark.parametrize("data", [None, b"", b"garbage", b"\x81"])
def test_a_blob_that_cannot_be_read_says_what_to_do(run: Path, data: bytes | None) -> None:
    (run / "definitions").unlink()
    if data is not None:
        (run / "definitions").write_bytes(data)
    with pytest.raises(StokerError) as error:
        Papers(str(run)).definitions()
    assert "stoker reload" in error.value.hint


def test_what_is_no_mark_is_none(run: Path) -> None:
    assert Papers(str(run)).mark() == "0123456789abcdef"
    for data in (b"", b"0123456789abcde", b"0123456789abcdeg", b"\xff" * 16):
        replaced(run / "mark", data)
        assert Papers(str(run)).mark() == ""


def test_what_a_disk_refuses_is_not_there(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper()
    keeper.life(run).keep()
    found = keeper.life(run)

    def refused(_fd: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files, "contents", refused)
    assert [*found.read("definitions")] == []
    with pytest.raises(FileNotFoundError):
        found.place()
    with pytest.raises(StokerError, match="there are no compiled definitions"):
        found.definitions()


def test_nothing_is_told_twice(run: Path) -> None:
    keeper = Keeper()
    for _ in range(3):
        keeper.life(run).keep()
    assert len(keeper.packets) == 1


def test_a_keeper_that_takes_nothing_costs_no_descriptor(run: Path) -> None:
    def refuse(_there: Mapping[str, int]) -> None:
        raise TimeoutError

    before = len(os.listdir("/proc/self/fd"))
    found = Papers(str(run), {}, refuse)
    with pytest.raises(TimeoutError):
        found.keep()
    assert (found.held, len(os.listdir("/proc/self/fd"))) == ({}, before)


def test_without_any_there_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Papers(str(tmp_path / "run")).place()
