"""What is said while a place settles, and when the time for it is over."""

from __future__ import annotations

from typing import Any

import pytest

from stoker.cli.operation import _progress
from stoker.cli.settling import not_up


class Calls:
    """A call whose manager lists these rows."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)

    def client(self) -> Calls:
        return self

    def get(self, _path: str) -> dict[str, Any]:
        return {"instances": self.rows}


def row(name: str, state: str, following: str | None = None, **more: Any) -> dict[str, Any]:
    known = {"fmri": f"svc:/{name}:default", "name": name, "state": state, "wanted": True}
    return {**known, "next_state": following, "note": "", "waiting_for": [], "cause": "", **more}


OPEN = {"number": 1, "verb": "settle", "members": [], "outcome": "", "note": ""}


def test_what_moves_is_told_though_nobody_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    calls: Any = Calls(row("db", "offline", "online", note="warming up"), row("web", "online"))
    told: dict[str, str] = {}
    _progress(calls, OPEN, told)
    _progress(calls, OPEN, told)
    assert capsys.readouterr().err.splitlines() == ["db: offline → online (warming up)"]


def test_when_the_time_is_over_what_is_not_up_is_named() -> None:
    calls: Any = Calls(
        row("db", "offline", "online"),
        row("web", "offline", waiting_for=["requires db (offline)"]),
        row("log", "online"),
        row("old", "disabled", wanted=False),
    )
    assert not_up(calls, OPEN) == [
        "db: offline → online", "web: offline: requires db (offline)",
    ]  # fmt: skip
