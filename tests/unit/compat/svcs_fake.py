"""What svcs asks of a manager, answered from what a test puts in."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

__all__ = ["NOW", "STATUS", "Manager", "choice", "needs"]

NOW = 1584696000.0
"""Now, for these tests: 2020-03-20 09:20:00 UTC."""

Row = dict[str, Any]


class Manager:
    """What is asked of a client, answered from what a test put in."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.statuses: dict[str, dict[str, Any]] = {}
        self.definitions: dict[str, dict[str, Any]] = {}
        self.mistakes: list[Row] = []

    def add(self, fmri: str, state: str = "online", at: str = "2020-03-20T09:00:00", **more: Any
    ) -> None:  # fmt: skip
        status = {key: more.pop(key) for key in STATUS if key in more}
        up = state in ("online", "degraded")
        self.rows[fmri] = {
            "fmri": fmri, "enabled": state != "disabled", "wanted": state != "disabled",
            "state": state, "next_state": None, "reason": "none", "state_time": at + ".000000Z",
            "contract": 7 if up else None, "description": "", "note": "", "waiting_for": [], **more,
        }  # fmt: skip
        self.statuses[fmri] = {**STATUS, **status}

    def get(self, path: str) -> Any:
        parts = path.removeprefix("/v1/").split("/")
        if parts == ["instances"]:
            return {"instances": [self.rows[fmri] for fmri in sorted(self.rows)]}
        if parts == ["check"]:
            return {"mistakes": self.mistakes}
        fmri = unquote(parts[1])
        if parts[2:] == ["definition"]:
            return {"definition": self.definitions.get(fmri, {})}
        assert len(parts) == 2
        return {"status": self.statuses[fmri]}


STATUS: dict[str, Any] = {
    "dependencies": [], "dependents": [], "processes": [], "choice": None, "override": None,
    "last_exit": "", "log": "stoker logs x",
}  # fmt: skip


def needs(group: str, target: str, state: str, grouping: str = "require_all", **more: Any) -> Row:
    """One row of dependencies."""
    satisfied = state in ("online", "degraded", "present")
    return {
        "group": group, "grouping": grouping, "restart_on": "none", "target": target,
        "state": state, "satisfied": satisfied, **more,
    }  # fmt: skip


def choice(why: str, later: bool = False) -> Row:
    """An administrator's word that disables."""
    return {"enabled": False, "by": "root", "when": None, "why": why, "until": None, "later": later}
