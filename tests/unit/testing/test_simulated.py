"""The simulated world as its users see it; the page that tells of it does what it says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from types import ModuleType

import pytest

import stoker.testing.simulated as simulated
from stoker.engine import Behaviour
from stoker.errors import UsageError
from stoker.testing import FakeClock, World, service

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "testing.md"


def test_the_examples_in_the_docstrings() -> None:
    result = doctest.testmod(simulated)
    assert (result.failed, result.attempted > 10) == (0, True)


def test_the_page_does_what_it_says() -> None:
    """Its simulated examples are run as they stand; the real ones are scenario tests elsewhere."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    ran = 0
    for block in blocks:
        if "Scenario" in block or "pytest_plugins" in block:
            continue
        module = ModuleType("page")
        exec(compile(block, str(PAGE), "exec"), module.__dict__)
        for name, thing in list(vars(module).items()):
            if name.startswith("test_"):
                thing(World) if "stoker_world" in block else thing()
                ran += 1
    assert ran == 3


def test_the_plugin_offers_both_fixtures() -> None:
    from stoker.testing import plugin

    assert set(plugin.__all__) == {"stoker_place", "stoker_world"}


def test_time_moves_only_when_told() -> None:
    clock = FakeClock(wall=100.0)
    world = World(
        service("db", ready="notify"), behaviour={"db": Behaviour(ready_after=5.0)}, clock=clock
    )
    assert world.state("db") == "offline/online"
    world.advance(4.9)
    assert world.state("db") == "offline/online"
    world.advance(0.2)
    assert world.state("db") == "online"
    assert clock.time() == pytest.approx(105.1)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_a_start_that_never_becomes_ready_fails() -> None:
    world = World(service("db", ready="notify"), behaviour={"db": Behaviour(ready_after=None)})
    world.advance(29)
    assert world.state("db") == "offline/online"
    world.advance(2)
    assert "not ready in time" in world.view("db").cause


def test_files_and_inputs() -> None:
    world = World(service("web", requires=["file:///data", "input:net"]))
    assert len(world.why("web")) == 2
    world.file("/data")
    world.input("net")
    assert world.state("web") == "online"
    assert world.why("web") == []


def test_ends_and_kills_are_seen_in_the_transitions() -> None:
    world = World(service("db"))
    world.settle()
    world.kill("db")
    world.settle()
    world.end("db", 3)
    world.settle()
    reasons = [one.reason for one in world.transitions("db")]
    assert "ct_ev_signal" in reasons
    assert "ct_ev_exit" in reasons
    assert world.view("db").restarts == 2
    assert world.alive("db")


def test_a_new_manager_changes_nothing() -> None:
    world = World(service("db"), service("web", requires="db"))
    world.settle()
    before = world.view("web").pid
    world.replace_manager()
    world.settle()
    assert world.states() == {"db": "online", "web": "online"}
    assert world.view("web").pid == before


def test_down_ends_with_a_status() -> None:
    world = World(service("db"), service("web", requires="db"))
    world.settle()
    assert world.exit_status is None
    assert world.ask("down").outcome == "done"
    assert world.exit_status == 0
    stops = [one.fmri for one in world.transitions() if one.next_state == "disabled"]
    assert stops == ["svc:/web:default", "svc:/db:default"]


def test_definitions_come_change_and_go() -> None:
    world = World(service("db"))
    world.define(service("web"))
    world.remove("db")
    assert world.states() == {"web": "online"}
    with pytest.raises(KeyError):
        world.state("db")
    with pytest.raises(KeyError):
        world.operation(99)
    with pytest.raises(UsageError):
        service("")
