"""What the recorder has not taken is found by the next manager, each once and in order."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from stoker.manager.backlog import Backlog


class Keeper:
    """Holds the newest file, as the keeper does: by a descriptor of its own."""

    def __init__(self) -> None:
        self.fd = -1

    def hold(self, fd: int) -> None:
        self.close()
        self.fd = os.dup(fd)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def next(self) -> Backlog:
        """The backlog as a successor finds it."""
        return Backlog(self.hold, os.dup(self.fd) if self.fd >= 0 else -1)


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    one = Keeper()
    yield one
    one.close()


def test_nothing_is_made_before_it_is_needed(keeper: Keeper) -> None:
    one = keeper.next()
    one.taken(b"never added")
    assert one.left == [] and keeper.fd == -1


def test_what_was_not_taken_is_left(keeper: Keeper) -> None:
    one = keeper.next()
    for record in (b"a", b"bb", b"ccc"):
        one.add(record)
    one.taken(b"a")
    two = keeper.next()
    assert two.left == [b"bb", b"ccc"]
    two.add(b"dddd")
    two.taken(b"bb")
    assert keeper.next().left == [b"ccc", b"dddd"]
    two.taken(b"ccc")
    two.taken(b"dddd")
    three = keeper.next()
    assert three.left == []
    three.add(b"e")
    assert keeper.next().left == [b"e"]


def test_a_record_over_which_its_writer_died_is_cut_off(keeper: Keeper) -> None:
    one = keeper.next()
    one.add(b"whole")
    one.add(b"torn" * 100)
    os.ftruncate(keeper.fd, os.fstat(keeper.fd).st_size - 1)
    two = keeper.next()
    assert two.left == [b"whole"]
    two.add(b"next")
    assert keeper.next().left == [b"whole", b"next"]


@pytest.mark.parametrize("size", range(13))
def test_any_beginning_of_a_file_is_none_or_one(keeper: Keeper, size: int) -> None:
    one = keeper.next()
    one.add(b"x")
    os.ftruncate(keeper.fd, size)
    two = keeper.next()
    assert two.left == []
    two.add(b"y")
    assert keeper.next().left == [b"y"]


def test_it_does_not_grow_for_ever(keeper: Keeper) -> None:
    one = keeper.next()
    record = b"r" * 10_000
    for _ in range(3):
        one.add(record)
    for _ in range(1000):
        one.add(record)
        one.taken(record)
    assert os.fstat(keeper.fd).st_size < 3_000_000
    assert keeper.next().left == [record] * 3
