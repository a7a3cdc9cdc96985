"""Being replaced: one program after the other, so that whichever is killed meanwhile has two left
that follow it; and nobody goes for what does not begin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stoker.errors import Failed
from stoker.manager import leaving
from stoker.manager.leaving import Leaving


class Parts:
    """A manager's loop, keeper and recorder, as far as they are asked; `asked` says in what order.
    What is to be called later is called by `pass_time`.
    """

    def __init__(self, keeper: bool = True) -> None:
        self.asked: list[str] = []
        self.timers: list[tuple[int, Callable[[], object]]] = []
        self.replaced: Callable[[], object] = lambda: None
        self.renewed: Callable[[], object] = lambda: None
        self.command = ["keeper"]
        self.keeping = self if keeper else None
        self.link = self.loop = self
        self.leaving = Leaving(self)  # type: ignore[arg-type]

    def log(self, text: str) -> None:
        self.asked.append(f"log: {text}")

    def exec(self, argv: list[str]) -> None:
        self.asked.append(*argv)

    def renew(self, call: Callable[[], object]) -> None:
        self.asked.append("recorder")
        self.renewed = call

    def at(self, when: int, call: Callable[[], object]) -> Any:
        self.timers.append((when, call))
        return self

    def stop(self) -> None:
        self.asked.append("manager")

    def pass_time(self) -> None:
        timers, self.timers = sorted(self.timers, key=lambda timer: timer[0]), []
        for _when, call in timers:
            call()

    @property
    def told(self) -> list[str]:
        return [word for word in self.asked if not word.startswith("log: ")]


def test_keeper_recorder_and_manager_go_one_after_the_other() -> None:
    parts = Parts()
    parts.leaving.replace()
    assert parts.told == ["keeper"]
    parts.replaced()
    assert parts.told == ["keeper", "recorder"]
    parts.renewed()
    assert parts.told == ["keeper", "recorder"]  # whoever asked gets an answer first
    parts.timers = [timer for timer in parts.timers if timer[1] == parts.stop]
    parts.pass_time()
    assert parts.told == ["keeper", "recorder", "manager"]


def test_asked_twice_it_is_done_once() -> None:
    parts = Parts()
    parts.leaving.replace()
    parts.leaving.replace()
    assert parts.told == ["keeper"]


@pytest.mark.parametrize("step", ["keeper", "recorder"])
def test_for_what_does_not_begin_nobody_goes(step: str) -> None:
    parts = Parts()
    parts.leaving.replace()
    if step == "recorder":
        parts.replaced()
    before = parts.told
    parts.pass_time()
    assert "I stay" in parts.asked[-1]
    assert parts.told == before
    parts.leaving.replace()  # it can be asked for again
    assert parts.told == [*before, "keeper"]


def test_what_begins_late_is_followed() -> None:
    parts = Parts()
    parts.leaving.replace()
    parts.pass_time()
    parts.replaced()
    parts.renewed()
    parts.pass_time()
    assert parts.told == ["keeper", "recorder", "manager"]


def test_without_a_keeper_it_is_refused() -> None:
    with pytest.raises(Failed, match="no keeper"):
        Parts(keeper=False).leaving.replace()


def test_a_moment_passes_for_the_answer() -> None:
    parts = Parts()
    parts.leaving.replace()
    asked = parts.leaving._asked
    parts.replaced()
    parts.renewed()
    stop = [when for when, call in parts.timers if call == parts.stop]
    assert stop and stop[0] >= asked + leaving._PARTING
