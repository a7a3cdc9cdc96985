"""Maintenance with all its processes: mark maintenance, immediate."""

from __future__ import annotations

import pytest

from stoker.engine import Exited, Spawn, Status
from stoker.model import Grouping, Health, Probe, Ready, RestartOn, Rung, Step

STEP = (Step(argv=("/bin/step",)),)
CONTRACT = {
    "ready": Ready("exit"),
    "ends": "empty",
    "interrupt": "finish",
    "stop_when_empty": True,
    "ladder": (Rung((), 60.0),),
    "unclean": "maintenance",
}
"""What a manifest makes of a service: its stop method asks it to end, and nothing else does."""


def methods(b, word="web"):
    fmri = b.name(word)
    return [e.method for _, e in b.world.log if isinstance(e, Spawn) and e.fmri == fmri]


def aside(b, **fields):
    b.define(web={"stop": STEP, "stop_when_empty": True, **fields})
    number = b.ask("mark", "web", state="maintenance", immediate=True, why="look at it")
    assert b.outcome(number) == "done"
    b.forget()
    return b


def test_it_is_in_maintenance_and_runs(bench):
    b = aside(bench())
    view = b.view("web")
    assert (view.state, view.next_state, view.reason) == (
        "maintenance",
        None,
        "administrative_request",
    )
    assert view.pid is not None
    assert view.contract is not None
    assert "look at it" in view.note
    assert b.world.alive(b.name("web"))
    assert methods(b) == []


def test_a_next_state_announces_it(bench):
    b = bench()
    b.define(web={})
    b.forget()
    b.ask("mark", "web", state="maintenance", immediate=True)
    assert b.path("web") == ["online/maintenance", "maintenance"]


@pytest.mark.parametrize(("verb", "state"), [("clear", "online"), ("start", "online")])
def test_what_starts_it_sweeps_it_first(bench, verb, state):
    b = aside(bench())
    number = b.ask(verb, "web")
    assert b.outcome(number) == "done"
    assert b.state("web") == state
    assert b.run("web") == 2
    assert methods(b) == ["start"]
    assert "uninitialized" in b.path("web")


@pytest.mark.parametrize("verb", ["disable", "stop"])
def test_what_stops_it_sweeps_it_without_its_stop_method(bench, verb):
    b = aside(bench())
    number = b.ask(verb, "web")
    assert b.outcome(number) == "done"
    assert b.state("web") == "disabled"
    assert not b.world.alive(b.name("web"))
    assert methods(b) == []


@pytest.mark.parametrize(
    ("verb", "state"), [("clear", "online"), ("disable", "disabled"), ("stop", "disabled")]
)
def test_the_time_of_a_stop_method_that_did_not_run_is_waited_for_by_nobody(bench, verb, state):
    b = aside(bench(), **CONTRACT)
    assert b.world.alive(b.name("web"))
    began = b.world.elapsed()
    number = b.ask(verb, "web")
    assert b.outcome(number) == "done"
    assert (b.state("web"), b.world.elapsed()) == (state, began)
    assert b.view("web").reason != "method_failed"


def test_restart_and_refresh_leave_it(bench):
    b = aside(bench(), refresh=STEP)
    assert b.outcome(b.ask("restart", "web")) == "failed"
    b.ask("refresh", "web")
    assert b.outcome(b.ask("mark", "web", state="degraded")) == "failed"
    assert methods(b) == []
    assert b.state("web") == "maintenance"


def test_its_end_is_no_event(bench):
    b = aside(bench())
    b.world.kill(b.name("web"))
    assert b.state("web") == "maintenance"
    assert b.view("web").pid is None
    assert b.view("web").reason == "administrative_request"
    b.world.run(100)
    assert b.starts("web") == []
    b.ask("clear", "web")
    assert b.state("web") == "online"


def test_to_others_it_has_gone(bench):
    b = bench()
    b.define(
        db={},
        web={"dependencies": (b.needs("db", restart_on=RestartOn.RESTART),)},
        log={"dependencies": (b.needs("db"),)},
        other={"dependencies": (b.needs("db", grouping=Grouping.EXCLUDE_ALL),)},
    )
    assert b.states("web", "log", "other") == "online online offline"
    b.ask("mark", "db", state="maintenance", immediate=True)
    assert b.states("db", "web", "log", "other") == "maintenance offline online online"
    assert b.world.alive(b.name("db"))
    b.ask("disable", "other")
    b.ask("clear", "db")
    assert b.states("db", "web", "log") == "online online online"


def test_nothing_stops_it_for_what_it_depended_on(bench):
    b = bench()
    b.define(db={}, web={"dependencies": (b.needs("db", restart_on=RestartOn.RESTART),)})
    b.ask("mark", "web", state="maintenance", immediate=True)
    b.ask("disable", "db")
    assert b.states("db", "web") == "disabled maintenance"
    assert b.world.alive(b.name("web"))


def test_nobody_looks_at_its_health(bench):
    probe = Health("up", Probe("tcp", target="x:1"), action="restart", threshold=1)
    b = aside(bench(), health=(probe,))
    assert not b.world.engine.instance(b.name("web")).probing
    b.world.run(100)
    assert b.state("web") == "maintenance"


def test_a_refresh_under_way_is_given_up(bench):
    b = bench()
    b.world.behaviour[b.name("web")] = b.world.behaviour.get(b.name("web")) or _slow()
    b.define(web={"refresh": STEP})
    b.ask("refresh", "web")
    assert b.state("web") == "online/online"
    b.ask("mark", "web", state="maintenance", immediate=True)
    assert b.state("web") == "maintenance"
    b.world.tell(Exited(b.name("web"), 1, "refresh", Status("signal", 9)))
    assert b.state("web") == "maintenance"


def _slow():
    from stoker.engine import Behaviour

    return Behaviour(takes=None)


def test_what_does_not_run_is_marked_as_ever(bench):
    b = bench()
    b.define(web={"enabled": False})
    b.ask("mark", "web", state="maintenance", immediate=True)
    assert b.state("web") == "maintenance"
    b.ask("clear", "web")
    assert b.state("web") == "disabled"


def test_sleep_and_the_end_take_it_down(bench):
    b = aside(bench())
    b.ask("sleep")
    assert b.state("web") == "maintenance"
    assert not b.world.alive(b.name("web"))
    b = aside(bench())
    b.ask("down")
    assert not b.world.alive(b.name("web"))
    assert b.world.exited == 0


def test_a_successor_knows(bench):
    b = aside(bench())
    b.world.replace_manager()
    assert b.state("web") == "maintenance"
    assert b.world.alive(b.name("web"))
    b.ask("clear", "web")
    assert b.state("web") == "online"
    assert b.run("web") == 2
