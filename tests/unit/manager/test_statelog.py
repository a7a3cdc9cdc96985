"""The state log: what was written is read again, whatever happened to the end of it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.manager import StateLog


class Kept:
    """Holds the newest file, as the keeper does."""

    def __init__(self) -> None:
        self.fd = -1
        self.count = 0

    def __call__(self, fd: int) -> None:
        self.close()
        self.fd = os.dup(fd)
        self.count += 1

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def bytes(self) -> bytes:
        return os.pread(self.fd, 1 << 26, 0)


@pytest.fixture
def kept() -> Iterator[Kept]:
    one = Kept()
    yield one
    one.close()


def log_of(kept: Kept, *turns: dict[str, Any]) -> StateLog:
    log = StateLog(kept)
    log.create()
    for turn in turns:
        log.append(turn)
    return log


def read(data: bytes) -> tuple[dict[str, Any], StateLog]:
    """What a successor finds in a file with these bytes."""
    fd = os.memfd_create("test")
    os.pwrite(fd, data, 0)
    log = StateLog(lambda _fd: None)
    return log.open(fd), log


def test_later_records_win_and_null_forgets(kept: Kept) -> None:
    log_of(kept, {"a": 1, "b": {"x": [1, 2]}}, {"a": 2, "c": None}, {"b": None}).close()
    found, log = read(kept.bytes())
    assert found == {"a": 2}
    assert log.damage == ""
    log.close()


def test_a_successor_appends_where_the_predecessor_stopped(kept: Kept) -> None:
    log_of(kept, {"a": 1}).close()
    after = StateLog(kept)
    after.open(os.dup(kept.fd))
    after.append({"b": 2})
    after.close()
    found, log = read(kept.bytes())
    assert found == {"a": 1, "b": 2}
    log.close()


TURNS = [{f"svc:/s{n}:default": {"v": 1, "n": n, "text": "x" * n}} for n in range(8)]


def test_every_torn_tail_leaves_whole_turns(kept: Kept) -> None:
    log_of(kept, *TURNS).close()
    data = kept.bytes()
    before = -1
    for length in range(8, len(data) + 1):
        found, log = read(data[:length])
        values = [value["n"] for value in found.values()]
        assert values == list(range(len(values)))
        assert len(values) >= before
        before = len(values)
        assert os.fstat(log.fd).st_size == log.size
        log.append({"more": True})
        again, second = read(os.pread(log.fd, 1 << 20, 0))
        assert again == {**found, "more": True}
        log.close()
        second.close()
    assert before == len(TURNS)


def test_every_flipped_bit_is_survived(kept: Kept) -> None:
    log_of(kept, *TURNS).close()
    data = kept.bytes()
    expected = {key: value for turn in TURNS for key, value in turn.items()}
    chance = random.Random(5)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << chance.randrange(8)
        found, log = read(bytes(damaged))
        assert log.damage
        assert all(expected[key] == value for key, value in found.items())
        log.close()


def test_a_damaged_record_is_passed_over_when_good_ones_follow(kept: Kept) -> None:
    log_of(kept, *TURNS).close()
    data = bytearray(kept.bytes())
    data[data.index(b'"n":2')] ^= 1
    found, log = read(bytes(data))
    assert sorted(value["n"] for value in found.values()) == [0, 1, 3, 4, 5, 6, 7]
    assert "1 damaged" in log.damage
    log.close()


@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_read_without_an_error(data: bytes) -> None:
    found, log = read(data)
    log.append({"a": 1})
    again, second = read(os.pread(log.fd, 1 << 20, 0))
    assert again["a"] == 1
    assert isinstance(found, dict)
    log.close()
    second.close()


@given(st.binary(max_size=300))
def test_any_bytes_behind_the_beginning_are_read_without_an_error(data: bytes) -> None:
    found, log = read(b"STOKERS1" + data)
    assert isinstance(found, dict)
    log.close()


def test_it_is_rewritten_when_little_of_it_is_alive(kept: Kept) -> None:
    log = log_of(kept)
    body = "x" * 1000
    for number in range(5000):
        log.append({"a": {"n": number, "body": body}})
    assert kept.count > 1
    assert log.size < 1_000_000
    log.close()
    found, again = read(kept.bytes())
    assert found["a"]["n"] == 4999
    again.close()


def test_rewriting_keeps_everything_that_lives(kept: Kept) -> None:
    log = log_of(kept)
    expected = {}
    for number in range(3000):
        key = f"k{number % 40}"
        value = {"n": number, "é\n": "x" * 500}
        expected[key] = value
        log.append({key: value})
    assert kept.count > 1
    log.close()
    found, again = read(kept.bytes())
    assert found == expected
    again.close()
