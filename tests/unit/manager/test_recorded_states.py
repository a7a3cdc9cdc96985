"""Each format that the state ever had is still read: what a manager left running is taken over by
the present one as it was, and nothing that lives is touched.

``tests/data/state-N`` holds a state as a manager of that time wrote it, the definitions that it
had, and what it showed of them. A recorded state is never changed; a new format gets a new one.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from stoker.engine import Adopted, Defined, Engine, Now
from stoker.engine.effects import Kill, Release, Signal, Spawn
from stoker.formats import compile_place
from stoker.manager import StateLog
from stoker.model import project_place

DATA = Path(__file__).resolve().parents[2] / "data"
STATES = sorted(path.name for path in DATA.glob("state-*"))


def read(path: Path) -> dict[str, Any]:
    """The live values of a recorded state."""
    log = StateLog(lambda _fd: None)
    fd = os.memfd_create("recorded", os.MFD_CLOEXEC)
    try:
        os.write(fd, path.read_bytes())
        values = log.open(fd)
        assert not log.damage
        return values
    finally:
        os.close(fd)


def test_there_is_one() -> None:
    assert "state-1" in STATES


@pytest.mark.parametrize("state", STATES)
def test_what_was_shown_is_shown_again(state: str, tmp_path: Path) -> None:
    shutil.copytree(DATA / state / "services", tmp_path / "services")
    compiled = compile_place(project_place(str(tmp_path / "services"), environ={}, uid=os.getuid()))
    shown = json.loads((DATA / state / "shown.json").read_text())
    assert {one.fmri for one in compiled.definitions} == set(shown)

    values = read(DATA / state / "state")
    records = {key: one for key, one in values.items() if key == "engine" or key in shown}
    moment = max(max(one.get("starts", [0])) for one in records.values())
    now = Now(moment + 1_000_000_000, max(one.get("since", 0) for one in records.values()))
    engine = Engine()
    engine.restore(records)
    events: list[Any] = [Defined(one) for one in compiled.definitions]
    for fmri, one in shown.items():
        pending = records[fmri].get("pending") == "running"
        main = "alive" if records[fmri].get("main_alive") else "never"
        events.append(Adopted(fmri, main, "alive" if pending else "never", one["stage"] != "idle"))
    effects = engine.handle(events, now)

    touched = [effect for effect in effects if isinstance(effect, (Spawn, Signal, Release))]
    # A rung of a stop whose signal may not have arrived is repeated; nothing else is done.
    stopping = {fmri for fmri, one in shown.items() if one["stage"] == "kill"}
    assert [one for one in touched if one.fmri not in stopping] == []
    assert not any(isinstance(effect, (Spawn, Kill)) for effect in effects)
    for fmri, one in shown.items():
        view = engine.view(fmri, now)
        assert {key: getattr(view, key) for key in one} == one, fmri
    for number in (one["number"] for one in values["engine"]["operations"]):
        assert engine.operation(number) is not None
