"""The recorder makes changes of properties durable, and writes what is in effect beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stoker.linux import Loop
from stoker.recorder.ledger import Ledger


class Desk:
    """A ledger, and what it answered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[Any] = []
        self.ledger = self.make("one")

    def make(self, life: str) -> Ledger:
        return Ledger(
            Loop(lambda error: pytest.fail(str(error))),
            str(self.folder / "repository.db"),
            str(self.folder / "history.db"),
            life,
            send=lambda *message: self.said.append(message),
            said=lambda _text: None,
        )

    def change(self, text: str) -> tuple[Any, ...]:
        path = self.folder / "change"
        path.write_text(text)
        self.said.clear()
        self.ledger.change(7, str(path), "root")
        assert not path.exists()
        return next(one for one in self.said if one[0] == "changed")

    def layer(self) -> dict[str, Any]:
        head, body = (self.folder / "layer.json").read_text().splitlines()
        return {**json.loads(head), **json.loads(body)}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def running(fmri: str, **more: Any) -> str:
    row = {"do": "snapshot", "fmri": fmri, "name": "running", "body": {"instance": {}}}
    return json.dumps({"changes": [row], **more})


def test_a_change_is_answered_and_in_effect(desk: Desk) -> None:
    assert desk.change(running("svc:/a:x")) == ("changed", 7, "", "", False)
    assert desk.layer() == {
        "version": 1,
        "count": 1,
        "services": {},
        "running": {"svc:/a:x": {"instance": {}}},
        "options": {},
    }
    desk.ledger.close()


def test_what_is_refused_or_makes_no_sense_is_answered(desk: Desk) -> None:
    desk.change(running("svc:/a:x"))
    _, _, why, _, refused = desk.change(running("svc:/b:x", expect=0))
    assert "meanwhile" in why and refused
    for text in (
        "nonsense",
        '{"changes": 3}',
        '{"changes": [{"do": "dance"}]}',
        '{"changes": [1]}',
    ):
        _, _, why, _, refused = desk.change(text)
        assert why and not refused
    assert list(desk.layer()["running"]) == ["svc:/a:x"]
    desk.ledger.close()


def test_a_successor_writes_what_its_predecessor_did_not_come_to(desk: Desk) -> None:
    desk.change(running("svc:/a:x"))
    desk.change(json.dumps({"changes": [
        {"do": "group", "fmri": "svc:/a", "name": "v", "body": {"type": "x"}, "volatile": True}
    ]}))  # fmt: skip
    desk.ledger.close()
    (desk.folder / "layer.json").unlink()
    desk.ledger = desk.make("two")
    desk.ledger.intents()
    assert desk.layer()["count"] == 3  # what was volatile went, which is a change too
    assert list(desk.layer()["running"]) == ["svc:/a:x"]
    desk.ledger.close()
