"""Instances of other restarters: how they are is told."""

from __future__ import annotations

import pytest

from stoker.engine import Behaviour, Kill, Signal, Spawn, Told
from stoker.model import Ready, Restart, RestartOn, Rung, Step

RESTARTER = "svc:/restarter:default"
FIELDS = {
    "start": (Step(argv=("delegated",)),),
    "ready": Ready("told"),
    "restarter": RESTARTER,
    "ladder": (Rung((15,), 60.0),),
    "restart": Restart(delay=1.0, jitter=0.0),
}


class Theirs:
    """A world in which nobody but the test says how `web` is."""

    def __init__(self, bench, **fields):
        self.b = bench(web=Behaviour(unkillable=True))
        needs = self.b.needs("restarter", restart_on=RestartOn.RESTART)
        self.b.define(restarter={}, web={**FIELDS, "dependencies": (needs,), **fields})

    def told(self, state, following="", reason="", text=""):
        fmri = self.b.name("web")
        run = self.b.run("web")
        self.b.world.tell(Told(fmri, run, state, following, reason, text))

    def asked(self, kind):
        fmri = self.b.name("web")
        return [e for _, e in self.b.world.log if isinstance(e, kind) and e.fmri == fmri]

    @property
    def state(self):
        return self.b.state("web")


@pytest.fixture
def theirs(bench):
    return lambda **fields: Theirs(bench, **fields)


def test_it_is_up_when_its_restarter_says_so(theirs):
    t = theirs()
    assert t.state == "offline/online"
    assert len(t.asked(Spawn)) == 1
    t.told("offline", "online")
    t.b.world.run(1000)
    assert t.state == "offline/online"
    t.told("online")
    assert t.state == "online"


def test_it_is_down_when_its_restarter_says_so(theirs):
    t = theirs()
    t.told("online")
    t.b.ask("disable", "web")
    assert t.state == "online/disabled"
    assert [e.signo for e in t.asked(Signal)] == [15]
    t.told("online", "disabled")
    assert t.state == "online/disabled"
    t.told("disabled")
    assert t.state == "disabled"


def test_what_does_not_go_is_killed_and_then_stuck(theirs):
    t = theirs()
    t.told("online")
    t.b.ask("stop", "web")
    t.b.world.advance(61)
    assert len(t.asked(Kill)) == 1
    t.b.world.advance(11)
    assert t.state == "maintenance"
    assert "restarter does not end it" in t.b.view("web").note
    t.told("offline")
    assert t.state == "disabled"


def test_an_end_by_itself_is_a_start_again(theirs):
    t = theirs()
    t.told("online")
    t.b.forget()
    t.told("online", "offline", "ct_ev_core", "dumped core")
    assert t.state == "online/offline"
    assert t.b.view("web").reason == "ct_ev_core"
    t.told("offline")
    assert t.state == "offline/online"
    assert t.b.run("web") == 2
    assert len(t.asked(Spawn)) == 1


@pytest.mark.parametrize(
    ("reason", "restart_on", "stays"),
    [
        ("ct_ev_exit", RestartOn.ERROR, True),
        ("ct_ev_signal", RestartOn.ERROR, False),
        ("ct_ev_exit", RestartOn.RESTART, False),
        ("method_failed", RestartOn.NONE, True),
    ],
)
def test_its_dependents_mind_its_end_as_any_other(theirs, reason, restart_on, stays):
    t = theirs()
    t.told("online")
    b = t.b
    b.define(app={"dependencies": (b.needs("web", restart_on=restart_on),)})
    t.told("offline", "", reason)
    assert (b.state("app") == "online") is stays


def test_maintenance_and_out_of_it(theirs):
    t = theirs()
    t.told("maintenance", "", "fault_threshold_reached", "its program is not there")
    view = t.b.view("web")
    assert (view.state, view.reason) == ("maintenance", "fault_threshold_reached")
    assert view.note == "its program is not there"
    t.b.ask("clear", "web")
    assert t.state == "offline/online"
    t.told("online")
    t.told("maintenance", "", "method_failed")
    assert t.state == "maintenance"
    t.b.ask("disable", "web")
    assert t.state == "disabled"
    t.told("maintenance", "", "method_failed")
    assert t.state == "maintenance"


def test_a_start_that_fails_is_tried_again(theirs):
    t = theirs()
    t.told("offline", "", "", "has no program")
    assert "failed: has no program" in t.b.view("web").cause
    assert t.state == "offline/online"
    assert t.b.run("web") == 2
    t.told("offline")
    assert t.state == "offline"
    t.b.world.advance(1.5)
    assert t.b.run("web") == 3


def test_degraded_and_well_again(theirs):
    t = theirs()
    t.told("degraded", "", "", "half of it")
    assert t.state == "degraded"
    assert t.b.view("web").note == "half of it"
    t.told("online")
    assert t.state == "online"


def test_what_it_says_of_an_earlier_run_is_late(theirs):
    t = theirs()
    t.told("online")
    t.b.ask("restart", "web")
    t.told("offline")
    assert t.b.run("web") == 2
    t.b.world.tell(Told(t.b.name("web"), 1, "online"))
    assert t.state == "offline/online"


def test_at_rest_only_maintenance_counts(theirs):
    t = theirs(enabled=False)
    t.told("online")
    assert t.state == "disabled"
    t.told("maintenance", "", "invalid_dependency", "nonsense")
    assert t.state == "maintenance"
    assert t.b.view("web").reason == "invalid_dependency"


def test_without_its_restarter_it_is_offline(theirs):
    t = theirs()
    t.told("online")
    t.b.ask("disable", "restarter")
    assert t.state == "online/offline"
    assert t.b.state("restarter") == "online"
    t.told("offline")
    assert t.b.states("restarter", "web") == "disabled offline"


def test_another_restarter_takes_it_over_when_the_first_has_ended_it(theirs):
    t = theirs(later=True)
    t.told("online")
    b = t.b
    needs = b.needs("other", restart_on=RestartOn.RESTART)
    fields = {**FIELDS, "restarter": b.name("other"), "later": True, "dependencies": (needs,)}
    b.define(other={}, web=fields)
    assert t.state == "online/offline"
    assert t.b.view("web").reason == "per_configuration"
    assert len(t.asked(Spawn)) == 1
    t.told("offline")
    assert t.state == "offline/online"
    assert [e.definition.restarter for e in t.asked(Spawn)] == [RESTARTER, b.name("other")]


def test_what_was_left_to_a_restarter_is_not_stopped_by_a_method_of_its_new_definition(theirs):
    t = theirs(later=True)
    t.told("online")
    t.b.define(web={"stop": (Step(argv=("/bin/stop",)),), "later": True})
    assert [e.method for e in t.asked(Spawn)] == ["start"]
    assert [e.signo for e in t.asked(Signal)] == [15]
    t.b.world.with_behaviour(t.b.name("web"), unkillable=False)
    t.told("offline")
    assert t.b.run("web") == 2
