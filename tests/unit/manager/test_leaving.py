"""Being replaced: one program after the other, so that whichever is killed meanwhile has two left
that follow it; and nobody goes for what does not begin.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from stoker.errors import Failed, NotYet, StokerError
from stoker.linux.loop import Timer
from stoker.manager import leaving
from stoker.manager.leaving import Leaving

OURS = ("keeper", "-I", "-S", "-c", "import keeper; keeper.main()", "--run", "/run")


class Parts:
    """A manager's loop, keeper and recorder, as far as they are asked; `asked` says in what order.
    What is to be called later is called by `pass_time`.
    """

    def __init__(self, keeper: bool = True) -> None:
        self.asked: list[str] = []
        self.timers: list[tuple[int, Timer]] = []
        self.replaced: Callable[[], object] = lambda: None
        self.unreplaced: Callable[[str], object] = lambda _why: None
        self.renewed: Callable[[], object] = lambda: None
        self.answers: list[StokerError | None] = []
        self.command = ["keeper"]
        self.keeping = self if keeper else None
        self.link = self.loop = self
        self.executor = self.helpers = self
        self.ended: Callable[[int, bytes], object] | None = None
        self.leaving = Leaving(self)  # type: ignore[arg-type]

    def replace(self) -> None:
        self.leaving.replace(self.answers.append)

    def log(self, text: str) -> None:
        self.asked.append(f"log: {text}")

    def run(self, _argv: Any, _env: Any, ended: Callable[[int, bytes], object]) -> Parts:
        self.asked.append("trial")
        self.ended = ended
        return self

    def exec(self, argv: list[str]) -> None:
        self.asked.append(argv[0])

    def renew(self, call: Callable[[], object]) -> None:
        self.asked.append("recorder")
        self.renewed = call

    def at(self, when: int, call: Callable[[], object]) -> Timer:
        timer = Timer(call)
        self.timers.append((when, timer))
        return timer

    def stop(self) -> None:
        self.asked.append("manager")

    def pass_time(self) -> None:
        timers, self.timers = sorted(self.timers, key=lambda timer: timer[0]), []
        for _when, timer in timers:
            if timer.call is not None:
                timer.call()

    @property
    def told(self) -> list[str]:
        return [word for word in self.asked if not word.startswith("log: ")]


def test_keeper_recorder_and_manager_go_one_after_the_other() -> None:
    parts = Parts()
    parts.replace()
    assert parts.told == ["keeper"]
    parts.replaced()
    assert parts.told == ["keeper", "recorder"]
    parts.renewed()
    assert parts.told == ["keeper", "recorder"]  # whoever asked gets an answer first
    assert parts.answers == [None]
    parts.pass_time()
    assert parts.told == ["keeper", "recorder", "manager"]


def test_asked_twice_it_is_done_once() -> None:
    parts = Parts()
    parts.replace()
    parts.replace()
    assert parts.told == ["keeper"]
    assert not parts.answers
    parts.replaced()
    parts.renewed()
    assert parts.answers == [None, None]


@pytest.mark.parametrize("step", ["keeper", "recorder"])
def test_for_what_does_not_begin_nobody_goes(step: str) -> None:
    parts = Parts()
    parts.replace()
    if step == "recorder":
        parts.replaced()
    before = parts.told
    parts.pass_time()
    assert "I stay" in parts.asked[-1]
    assert [type(answer) for answer in parts.answers] == [NotYet]
    assert parts.told == before
    parts.replace()  # it can be asked for again
    assert parts.told == [*before, "keeper"]


def test_what_begins_late_is_followed() -> None:
    parts = Parts()
    parts.replace()
    parts.pass_time()
    parts.replaced()
    parts.renewed()
    parts.pass_time()
    assert parts.told == ["keeper", "recorder", "manager"]


def test_without_a_keeper_it_is_refused() -> None:
    with pytest.raises(Failed, match="no keeper"):
        Parts(keeper=False).replace()


def test_of_a_keeper_that_cannot_be_replaced_the_recorder_is_not_taken_away() -> None:
    parts = Parts()
    parts.replace()
    parts.unreplaced("No such file or directory")
    assert parts.told == ["keeper"]
    (answer,) = parts.answers
    assert isinstance(answer, Failed)
    assert "cannot become keeper: No such file or directory" in str(answer)
    assert str(answer) in parts.asked[-1]
    parts.pass_time()
    assert parts.told == ["keeper"]
    assert len(parts.answers) == 1
    parts.replace()  # it can be asked for again
    parts.replaced()
    parts.renewed()
    assert parts.answers == [answer, None]


def test_a_keeper_that_takes_no_packets_is_not_replaced() -> None:
    parts = Parts()

    def refuse(_argv: list[str]) -> None:
        raise TimeoutError("the keeper takes no packets")

    parts.exec = refuse  # type: ignore[method-assign]
    parts.replace()
    assert [type(answer) for answer in parts.answers] == [Failed]
    assert "the keeper takes no packets" in str(parts.answers[0])
    assert not parts.told


def test_nobody_goes_for_what_was_tried_and_does_not_begin() -> None:
    parts = Parts()
    parts.command = list(OURS)
    parts.replace()
    assert parts.told == ["trial"]
    parts.replace()
    assert parts.told == ["trial"]
    assert parts.ended is not None
    parts.ended(1, b'  File "/x/keeper.py", line 7\nSyntaxError: invalid syntax\n')
    assert len(parts.answers) == 2
    assert all(isinstance(answer, Failed) for answer in parts.answers)
    for text in (str(parts.answers[0]), parts.asked[-1]):
        assert "does not begin: SyntaxError: invalid syntax" in text
        assert "/x/keeper.py" in text
    parts.pass_time()
    assert parts.told == ["trial"]


def test_what_was_tried_and_begins_is_gone_over_to() -> None:
    parts = Parts()
    parts.command = list(OURS)
    parts.replace()
    assert parts.ended is not None
    parts.ended(0, b"")
    assert parts.told == ["trial", "keeper"]


def test_while_all_goes_down_nothing_is_gone_over_to() -> None:
    parts = Parts()
    parts.command = list(OURS)
    parts.replace()
    parts.leaving.begin(0)
    assert parts.ended is not None
    parts.ended(0, b"")
    assert parts.told == ["trial"]
    assert "going down" in str(parts.answers[0])


def test_who_cannot_be_answered_does_not_hold_it_up() -> None:
    parts = Parts()

    def hang_up(_error: StokerError | None) -> None:
        raise BrokenPipeError

    parts.leaving.replace(hang_up)
    parts.replaced()
    with pytest.raises(BrokenPipeError):  # the loop says so, and goes on
        parts.renewed()
    parts.pass_time()
    assert parts.told == ["keeper", "recorder", "manager"]


def test_a_moment_passes_for_the_answer() -> None:
    parts = Parts()
    parts.replace()
    parts.replaced()
    before = time.monotonic_ns()
    parts.renewed()
    stop = [when for when, timer in parts.timers if timer.call == parts.stop]
    assert stop and stop[0] >= before + leaving._PARTING
