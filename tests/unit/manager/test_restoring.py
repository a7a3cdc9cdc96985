"""What a new manager takes for runs of other restarters, what for its own, and what of them the
history is told.
"""

from __future__ import annotations

from typing import Any

import pytest

from stoker.engine import Adopted, Told
from stoker.manager import restoring
from stoker.manager.happenings import note_of
from stoker.model import Definition, Ready, Step, restart_digest
from stoker.process import End, Found

WEB, THEIRS = "svc:/web:default", "svc:/restarter:default"
LEFT = Definition(
    WEB, start=(Step(argv=("web",)),), ready=Ready("told"), restarter=THEIRS, later=True
)
ALIVE = {"stage": "up", "run": 3, "ctid": 8, "main_alive": True}
ADOPTED = Adopted(WEB, "alive", "alive", True)


class Taken:
    """Takes over one record beside that of the restarter. `ours`: whose processes were looked for;
    `theirs`: what the delegation was told of: run, whether it ends, life of the restarter.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, record: Any, restarter: Any) -> None:
        self.ours: list[str] = []
        self.theirs: list[tuple[int, bool, int]] = []

        def adopt(_executor: Any, todo: Any, _ends: Any, _items: Any) -> list[Any]:
            self.ours += [one.fmri for one in todo]
            return []

        monkeypatch.setattr(restoring, "adopt", adopt)
        records = restoring.Records(engine={WEB: record, THEIRS: restarter})
        nobody: Any = None
        self.events = restoring.take_over(nobody, records, [LEFT], list, {}, nobody, self)  # type: ignore[arg-type]

    def adopt(self, _fmri: str, _d: Definition, run: int, ends: bool, life: int) -> None:
        self.theirs.append((run, ends, life))


def test_what_its_restarter_runs_is_that_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Taken(monkeypatch, ALIVE, {"stage": "up", "run": 2})
    assert (taken.events, taken.ours, taken.theirs) == ([ADOPTED], [], [(3, False, 2)])


def test_a_start_that_was_asked_for_and_not_begun_is_too(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"stage": "start", "run": 4, "pending": "asked", "method": "start"}
    record["digest"] = restart_digest(LEFT)
    taken = Taken(monkeypatch, record, {"stage": "up", "run": 2})
    assert (taken.events, taken.ours, taken.theirs) == ([ADOPTED], [], [(4, False, 2)])


def test_with_a_restarter_that_has_ended_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Taken(monkeypatch, {**ALIVE, "stage": "kill"}, {"stage": "idle", "run": 2})
    first, second = taken.events
    assert (first, taken.theirs) == (ADOPTED, [(3, True, 2)])
    assert isinstance(second, Told) and (second.run, second.state) == (3, "offline")


def test_a_run_of_ours_stays_ours_whatever_its_definition_says_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = {"stage": "stop", "run": 3, "ctid": 8, "pending": "running", "method": "stop"}
    taken = Taken(monkeypatch, {**record, "digest": "another"}, {"stage": "up", "run": 2})
    assert (taken.events, taken.ours, taken.theirs) == ([], [WEB], [])


class Heard:
    """What the history is told of the runs that were taken over, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda _fmri, *rest: self.told.append((name, *rest))


def history_of(
    monkeypatch: pytest.MonkeyPatch, record: Any, found: Found, *, ends: str = "main", **more: Any
) -> list[tuple[Any, ...]]:
    monkeypatch.setattr(restoring, "adopt", lambda *_: [found])
    definition = Definition(WEB, start=(Step(argv=("web",)),), ends=ends)
    records, heard, nobody = restoring.Records(engine={WEB: record}, **more), Heard(), Any
    restoring.take_over(nobody, records, [definition], list, {}, heard, nobody)  # type: ignore[arg-type]
    return heard.told


UP = {"stage": "up", "run": 3, "main": 70, "main_alive": True, "was_up": True}
STARTS = {"stage": "start", "run": 3, "method": "start"}
KILLED = End("signal", 9)


def test_the_begin_of_a_recorded_run_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = Found(WEB, "alive", populated=True)
    assert history_of(monkeypatch, UP, lives) == [("goes_on", 3)]


def test_a_run_that_was_recognised_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = Found(WEB, "alive", populated=True)
    assert history_of(monkeypatch, UP, lives, recognised=True) == [("began", 3, 0)]


def test_a_process_that_nobody_wrote_down_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = Found(WEB, "alive", populated=True, pid=70, start=5)
    asked = {**STARTS, "pending": "asked"}
    assert history_of(monkeypatch, asked, lives) == [("began", 3, 70)]


@pytest.mark.parametrize("method", ["prepare", "start"])
def test_a_run_that_did_not_come_to_its_start_neither_begins_nor_goes_on(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    asked = {"stage": method, "run": 3, "method": method, "pending": "asked"}
    assert history_of(monkeypatch, asked, Found(WEB)) == [("emptied", 3)]


@pytest.mark.parametrize(("ends", "word"), [("never", "main"), ("empty", "start")])
def test_a_command_that_ended_unseen_ends_its_run(
    monkeypatch: pytest.MonkeyPatch, ends: str, word: str
) -> None:
    runs = {**STARTS, "pending": "running", "method_pid": 70}
    told = history_of(monkeypatch, runs, Found(WEB, method=KILLED), ends=ends)
    assert told == [("goes_on", 3), ("ended", 3, word, KILLED), ("emptied", 3)]


def test_a_note_that_makes_no_sense_is_none() -> None:
    assert note_of("end:main:svc:/web:default", [None, "exit", 0, False]) is None
    assert note_of("end:main:svc:/web:default", [3, "exit", "zero", False]) is None
