"""The table in the package's docstring is what the code does."""

from __future__ import annotations

import pytest

import stoker.engine
from stoker.engine import Engine, Fault, Instance, Override
from stoker.engine.core import shown
from stoker.engine.views import phase
from stoker.model import Definition, Stage


def table() -> dict[str, tuple[str, str, str]]:
    text = stoker.engine.__doc__ or ""
    rows = text.split("    stage    state", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    found = {}
    for row in rows:
        stage, state, rest = row.split(None, 2)
        following, name = rest.rsplit(None, 1)
        found[stage] = (state, following.strip(), name)
    return found


def subject(stage: str, degraded: bool, rest: str) -> Instance:
    i = Instance(Definition("svc:/web:default"))
    i.stage = Stage(stage)
    i.was_up = stage in ("stop", "kill", "decide", "cleanup")
    i.main_ran = i.was_up
    i.effective = rest != "disabled"
    if rest == "disabled":
        i.override = Override(False, "person")
    if rest == "maintenance":
        i.fault = Fault("method_failed", "fault", "it broke")
    if degraded and stage not in ("idle", "prepare", "start"):
        i.degraders["admin"] = "so"
    return i


def test_every_stage_is_in_the_table():
    assert list(table()) == [str(stage) for stage in Stage]


@pytest.mark.parametrize("rest", ["offline", "disabled", "maintenance"])
@pytest.mark.parametrize("degraded", [False, True])
@pytest.mark.parametrize("stage", [str(stage) for stage in Stage])
def test_the_table_is_true(stage, degraded, rest):
    state, following, name = table()[stage]
    i = subject(stage, degraded, rest)
    core = Engine()
    now = {"rest": rest, "online/degraded": "degraded" if degraded else "online"}.get(state, state)
    then = {"rest": rest, "-": "", "the same": now}.get(following, following)
    assert shown(core, i) == (now, then)
    assert phase(core, i) == name


@pytest.mark.parametrize("stage", ["kill", "decide", "cleanup"])
def test_what_never_was_up_stays_offline(stage):
    i = subject(stage, False, "offline")
    i.was_up = False
    assert shown(Engine(), i) == ("offline", "online")
