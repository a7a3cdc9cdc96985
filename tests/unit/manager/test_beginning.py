"""When the records of managers that died one after the other are set aside, and when not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from stoker.linux import channel
from stoker.manager import beginning
from stoker.manager.restoring import TRIED, Records
from stoker.manager.statelog import StateLog

DECIDED = {"svc:/web:default": {"v": 1, "stage": "idle"}}
ITSELF = 1, -signal.SIGSEGV, -signal.SIGABRT
SOMEBODY = 0, -signal.SIGTERM, -signal.SIGKILL, None


class Kept:
    """A keeper's side: what it holds, and what it says of the deaths before."""

    def __init__(self, fd: int, failures: int, last: int | None) -> None:
        flags = frozenset({"state-aside"} if failures >= 4 else ())
        self.hello = channel.Hello(1, failures + 1, 77, last, failures, flags)
        self.fd = fd

    def take(self, prefix: str) -> dict[str, int]:
        return {prefix: os.dup(self.fd)}


@pytest.fixture
def held() -> Iterator[list[int]]:
    fds: list[int] = []
    yield fds
    os.close(fds[-1])


def dies(held: list[int], number: int, last: int | None) -> Any:
    """A manager after so many deaths, which takes the records up, and dies before it serves: what
    it had found.
    """
    state = StateLog(lambda fd: held.append(os.dup(fd)))
    keeping: Any = Kept(held[-1], number, last)
    try:
        return beginning._records(keeping, state).engine
    finally:
        state.close()


def begins(held: list[int]) -> None:
    state = StateLog(lambda fd: held.append(os.dup(fd)))
    state.create()
    state.append({**DECIDED, TRIED: None})
    state.close()


@pytest.mark.parametrize("last", ITSELF)
def test_what_four_in_a_row_died_with_is_set_aside(held: list[int], last: int) -> None:
    begins(held)
    found = [dies(held, number, last) for number in range(5)]
    assert found == [DECIDED] * 4 + [{}]


@pytest.mark.parametrize("last", SOMEBODY)
def test_what_others_have_killed_managers_over_is_not(held: list[int], last: int | None) -> None:
    begins(held)
    assert all(dies(held, number, last) == DECIDED for number in range(20))


def test_what_cannot_even_be_understood_is_set_aside_too(
    held: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    begins(held)

    def of(_values: Any) -> Any:
        raise TypeError("what a later version wrote")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "of", of)
        for number in range(4):
            with pytest.raises(TypeError):
                dies(held, number, 1)
    assert dies(held, 4, 1) == {}


def test_nor_what_none_of_them_came_to_take_up(held: list[int]) -> None:
    begins(held)
    assert dies(held, 100, 1) == DECIDED


def test_one_that_serves_makes_good_for_all(held: list[int]) -> None:
    begins(held)
    for number in range(3):
        dies(held, number, 1)
    state = StateLog(held.append)
    state.open(os.dup(held[-1]))
    state.append({TRIED: None})
    state.close()
    assert [dies(held, number, 1) for number in range(5)] == [DECIDED] * 4 + [{}]
