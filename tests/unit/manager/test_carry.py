"""Effects are carried out in order, starts a few at a time, and a mistake of ours stays where it
is.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stoker.engine import Kill, NotSpawned, ProbeOff, Publish, Release, Signal, Spawn
from stoker.manager import Carrier, Happenings, Ring
from stoker.model import Definition, Step

MOST = 16


class Doer:
    """An executor that writes down what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.fail = ""
        self.watches = SimpleNamespace(add=self.note("watch"), remove=self.note("unwatch"))

    def note(self, word: str) -> Any:
        def call(*args: Any) -> None:
            if word == self.fail:
                raise ValueError("a mistake")
            self.asked.append((word, *args))

        return call

    def spawn(self, starts: list[Spawn]) -> None:
        if self.fail == "spawn":
            raise ValueError("a mistake")
        self.asked.append(("spawn", [one.fmri for one in starts]))

    def __getattr__(self, word: str) -> Any:
        if word.startswith("_"):
            raise AttributeError(word)
        return self.note(word)


class Rig:
    def __init__(self) -> None:
        self.doer = Doer()
        self.happenings = Happenings(lambda _values: None, lambda _text: None)
        self.ring = Ring(1)
        self.errors: list[Exception] = []
        nothing = lambda *_args: None  # noqa: E731
        doer: Any = self.doer
        self.carrier = Carrier(
            doer, self.happenings, self.ring, None, nothing, nothing, nothing, nothing,
            nothing, self.errors.append,
        )  # fmt: skip


@pytest.fixture
def rig() -> Rig:
    return Rig()


def spawn(number: int, method: str = "start") -> Spawn:
    fmri = f"svc:/s{number}:default"
    return Spawn(fmri, 1, number, method, Step(argv=("/bin/true",)), Definition(fmri=fmri))


def test_starts_that_follow_each_other_are_one_group(rig: Rig) -> None:
    publish = Publish("svc:/s1:default", "offline", "offline", "online", "r", "c", 1)
    rig.carrier.carry([spawn(1), publish, spawn(2)])
    assert rig.doer.asked == [("spawn", ["svc:/s1:default", "svc:/s2:default"])]
    assert [one.kind for one in rig.ring.after(0)] == ["transition"]


def test_only_so_many_are_started_in_one_turn(rig: Rig) -> None:
    rig.carrier.carry([spawn(number) for number in range(MOST + 5)])
    assert [len(one[1]) for one in rig.doer.asked] == [MOST]
    assert rig.carrier.waits
    assert rig.carrier.go_on()
    assert [len(one[1]) for one in rig.doer.asked] == [MOST, 5]
    assert not rig.carrier.waits
    assert not rig.carrier.go_on()


def test_a_start_that_waits_is_given_up_when_its_run_is_ended(rig: Rig) -> None:
    rig.carrier.carry([spawn(number) for number in range(MOST + 2)])
    late = f"svc:/s{MOST}:default"
    rig.carrier.carry([Kill(late, 1), Release(late, 1)])
    (told,) = rig.happenings.queue
    assert isinstance(told, NotSpawned)
    assert told.fmri == late
    started = [name for one in rig.doer.asked if one[0] == "spawn" for name in one[1]]
    assert late not in started
    assert len(started) == MOST + 1


def test_something_else_about_an_instance_comes_after_its_start(rig: Rig) -> None:
    rig.carrier.carry([spawn(1), ProbeOff("svc:/s1:default", 1, ("ready",)), spawn(2)])
    assert [one[0] for one in rig.doer.asked] == ["spawn", "probe_off", "spawn"]


def test_an_effect_that_fails_keeps_no_other_from_being_carried_out(rig: Rig) -> None:
    rig.doer.fail = "signal"
    rig.carrier.carry([Signal("svc:/a:default", 1, "all", 15), Kill("svc:/b:default", 1)])
    assert [one[0] for one in rig.doer.asked] == ["kill"]
    assert len(rig.errors) == 1


def test_starts_that_fail_by_a_mistake_are_told_as_not_started(rig: Rig) -> None:
    rig.doer.fail = "spawn"
    rig.carrier.carry([spawn(1), spawn(2)])
    assert [type(one) for one in rig.happenings.queue] == [NotSpawned, NotSpawned]
    assert len(rig.errors) == 1
