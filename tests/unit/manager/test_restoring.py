"""What a new manager takes for runs of other restarters, and what for its own."""

from __future__ import annotations

from typing import Any

import pytest

from stoker.engine import Adopted, Told
from stoker.manager import restoring
from stoker.model import Definition, Ready, Step, restart_digest

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
