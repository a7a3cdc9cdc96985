"""Memory is given back once, when much has been done and nothing is waiting to be done."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from stoker.linux import memory
from stoker.manager import tidying


class Loop:
    """Timers that a test lets come due."""

    def __init__(self) -> None:
        self.timers: list[Callable[[], object]] = []

    def at(self, _when: int, call: Callable[[], object]) -> Any:
        self.timers.append(call)
        return SimpleNamespace()

    def due(self) -> None:
        timers, self.timers = self.timers, []
        for call in timers:
            call()


def test_after_much_it_is_done_once_and_when_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(1))
    loop: Any = Loop()
    busy = True
    tidy = tidying.Tidying(loop, lambda: busy)
    tidy.dealt(100)
    assert not loop.timers, "for a little nobody wakes up"
    tidy.dealt(100)
    tidy.dealt(5000)
    assert len(loop.timers) == 1
    loop.due()
    assert not given
    assert len(loop.timers) == 1, "it is looked at again"
    busy = False
    loop.due()
    assert given == [1]
    assert not loop.timers
    tidy.dealt(199)
    assert not loop.timers


def test_giving_back_takes_nothing_that_is_in_use() -> None:
    kept = [bytes([number % 256]) * 5000 for number in range(2000)]
    lost = kept[::2]
    del kept[::2]
    del lost
    memory.give_back()
    assert all(one == bytes([one[0]]) * 5000 for one in kept)
