"""What a reload says it does, and to whom."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stoker.linux import Loop
from stoker.manager import changes
from stoker.manager.reload import Compile
from stoker.model import Context, Definition, Step

A, B = "svc:/a:default", "svc:/b:default"


def definition(fmri: str = A, **fields: object) -> Definition:
    # type: ignore[arg-type]
    return Definition(fmri=fmri, start=(Step(argv=("/bin/true",)),), **fields)


def rows(
    old: list[Definition], new: list[Definition], running: tuple[str, ...] = (A, B)
) -> list[tuple[str, str]]:
    found = changes(
        {one.fmri: one for one in old},
        {one.fmri: one for one in new},
        running,
        lambda _fmri, one: one.enabled,
    )
    return [(row["fmri"], row["action"]) for row in found]


def test_what_is_the_same_is_not_named() -> None:
    assert rows([definition(), definition(B)], [definition(), definition(B)]) == []


def test_where_it_stands_does_not_matter() -> None:
    moved = definition(source="/elsewhere", origins={"start": "x:1"})
    assert rows([definition()], [moved]) == []


def test_new_and_gone() -> None:
    assert rows([definition(A)], [definition(B)]) == [(A, "stop"), (B, "start")]
    assert rows([definition(A)], [], running=()) == [(A, "none")]
    assert rows([], [definition(B, enabled=False)]) == [(B, "none")]


def test_a_field_that_needs_a_process_restarts() -> None:
    after = definition(context=Context(environment={"A": "1"}))
    assert rows([definition()], [after]) == [(A, "restart")]
    assert rows([definition()], [after], running=()) == [(A, "start")]


def test_a_field_that_needs_none_is_taken_over_live() -> None:
    (row,) = changes(
        {A: definition()}, {A: definition(description="new")}, [A], lambda _fmri, _one: True
    )
    assert row["action"] == "live"
    assert row["fields"] == {"description": "live"}
    assert row["why"]


def test_disabling_in_the_file_stops() -> None:
    assert rows([definition()], [definition(enabled=False)]) == [(A, "stop")]


class Hanging:
    """A compile step that never ends, and the helpers that run it."""

    pid = 7

    def __init__(self) -> None:
        self.cancelled = 0

    def run(self, _argv: object, _env: object, _done: Callable[..., object]) -> Hanging:
        return self

    def cancel(self) -> None:
        self.cancelled += 1


def test_a_step_that_does_not_end_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["stoker.manager.reload"], "PATIENCE", 0)
    loop = Loop(lambda error: pytest.fail(str(error)))
    step, told = Hanging(), []

    def done(answer: Any) -> None:
        told.append(str(answer))
        loop.stop()

    executor: Any = SimpleNamespace(helpers=step)
    place: Any = SimpleNamespace(runtime=str(tmp_path))
    Compile(loop, executor, place, done, dry=False)
    assert not told
    loop.run()
    loop.close()
    assert step.cancelled == 1
    assert len(told) == 1
    assert "compile step (pid 7) was killed" in told[0]
