"""What the manager is told about the machine: the rows of hermit_sm's table of concepts, and the
words on conditions.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoker.engine import Behaviour, Engine
from stoker.model import Restart, Step
from stoker.testing import World, service

NEEDS = {"requires": "input:TIME", "restart_on": "restart"}


def row(world: World, name: str = "TIME"):  # type: ignore[no-untyped-def]
    return next(one for one in world._inner.engine.input_views() if one.name == name)


def told(world: World, verb: str, name: str = "", value: bool = True, **more: str) -> str:
    outcome = world.ask(verb, input=name, value=value, **more).outcome
    world.settle()
    return outcome


# -- concepts


def test_a_service_runs_when_the_system_is_active_and_all_its_dependencies_are_met() -> None:
    world = World(service("web", requires=("input:TIME", "input:MOUNTS"), restart_on="restart"))
    for asleep in (False, True):
        for time in (False, True):
            for mounts in (False, True):
                told(world, "sleep" if asleep else "wake")
                told(world, "set", "TIME", time)
                told(world, "set", "MOUNTS", mounts)
                runs = world.state("web") == "online"
                assert runs == (not asleep and time and mounts), (asleep, time, mounts)


def test_active_is_enforced_equally_for_every_service() -> None:
    world = World(
        service("plain"),
        service("needy", **NEEDS),
        service("db", ready="notify"),
        service("web", requires="db"),
    )
    told(world, "set", "TIME")
    assert set(world.states().values()) == {"online"}
    assert told(world, "sleep") == "done"
    assert set(world.states().values()) == {"offline"}
    told(world, "wake")
    assert set(world.states().values()) == {"online"}


def test_active_is_false_during_shutdown() -> None:
    world = World(service("plain"))
    world.settle()
    world.ask("down")
    world.ask("wake")
    world.settle()
    assert world.states() == {"plain": "disabled"}
    assert world.exit_status == 0


def test_dependents_stop_before_what_they_depend_on_when_the_system_sleeps() -> None:
    world = World(service("db"), service("web", requires="db"))
    world.settle()
    told(world, "sleep")
    down = [
        one.fmri for one in world.transitions() if one.state == "offline" and not one.next_state
    ]
    assert down[-2:] == ["svc:/web:default", "svc:/db:default"]


def test_a_system_dependency_is_a_hard_requirement_of_one_service() -> None:
    world = World(service("needy", **NEEDS), service("other"))
    world.settle()
    assert world.states() == {"needy": "offline", "other": "online"}
    assert world.why("needy") == ["requires input TIME (nobody gives TIME)"]
    assert world.view("needy").note == "requires input TIME (nobody gives TIME)"


def test_inputs_are_given_and_may_change_at_any_time() -> None:
    world = World(service("needy", **NEEDS))
    for _ in range(3):
        told(world, "set", "TIME")
        assert world.state("needy") == "online"
        told(world, "set", "TIME", False)
        assert world.state("needy") == "offline"


def test_a_condition_removed_while_services_wait_on_it() -> None:
    # Each is in the middle of something when the condition goes: preparing, starting, waiting.
    world = World(
        service("preparing", prepare=(Step(("prepare",)),), **NEEDS),
        service("starting", ready="notify", **NEEDS),
        service("waiting", **{**NEEDS, "requires": ("input:TIME", "starting")}),
        behaviour={
            "preparing": Behaviour(takes=5.0),
            "starting": Behaviour(ready_after=None),
        },
    )
    world.ask("set", input="TIME")
    world.advance(1)
    assert world.state("starting") == "offline/online"
    told(world, "set", "TIME", False)
    assert set(world.states().values()) == {"offline"}
    assert not any(map(world.alive, ("preparing", "starting", "waiting")))


def test_reconciliation_tries_a_failed_start_again_and_says_why() -> None:
    world = World(
        service("web", restart=Restart(delay=1.0, jitter=0.0)),
        behaviour={"web": Behaviour(spawn_error="there is none")},
    )
    world.advance(10)
    assert world.state("web") == "offline"
    assert "failed" in world.view("web").note
    world.behave("web", spawn_error="")
    world.settle()
    assert world.state("web") == "online"


def test_a_crashed_service_comes_back_the_same_way() -> None:
    world = World(service("needy", **NEEDS))
    told(world, "set", "TIME")
    world.kill("needy")
    world.settle()
    assert world.state("needy") == "online"


def test_a_service_that_crashes_while_the_system_sleeps_stays_down_until_the_wake() -> None:
    world = World(service("web"), behaviour={"web": Behaviour(dies_after=5.0)})
    world.settle()
    world.ask("sleep")
    world.advance(0.5)
    world.kill("web")
    world.settle()
    assert world.state("web") == "offline"
    told(world, "wake")
    assert world.state("web") == "online"


def test_concurrency_a_limit_on_how_many_starts_and_stops_run_at_once() -> None:
    several = [service(f"s{n}", ready="notify") for n in range(6)]
    slow = {f"s{n}": Behaviour(ready_after=1.0, dies_after=1.0) for n in range(6)}
    world = World(*several, cap=2, behaviour=slow)
    world.advance(0.5)
    assert list(world.states().values()).count("offline/online") == 2
    world.settle()
    assert set(world.states().values()) == {"online"}
    world.ask("sleep")
    world.advance(0.5)
    assert list(world.states().values()).count("online/offline") == 2
    world.settle()
    assert set(world.states().values()) == {"offline"}


# -- sleep and wake


def test_wake_while_services_are_still_stopping() -> None:
    world = World(service("slow"), service("quick"), behaviour={"slow": Behaviour(dies_after=5.0)})
    world.settle()
    sleep = world.ask("sleep")
    world.advance(1)
    assert (world.state("slow"), world.state("quick")) == ("online/offline", "offline")
    wake = world.ask("wake")
    world.settle()
    assert world.states() == {"slow": "online", "quick": "online"}
    assert world.operation(sleep.number).outcome == "superseded"
    assert world.operation(wake.number).outcome == "done"


def test_sleep_ends_when_all_have_stopped_and_not_before() -> None:
    world = World(service("slow"), behaviour={"slow": Behaviour(dies_after=5.0)})
    world.settle()
    sleep = world.ask("sleep")
    world.advance(4)
    assert world.operation(sleep.number).outcome == ""
    world.settle()
    assert world.operation(sleep.number).outcome == "done"


def test_a_start_during_sleep_waits_for_the_wake() -> None:
    world = World(service("web", enabled=False))
    told(world, "sleep")
    start = world.ask("start", "web")
    world.settle()
    assert world.state("web") == "offline"
    assert world.operation(start.number).outcome == ""
    assert world.why("web") == ["the system is not active: it was put to sleep by tester"]
    told(world, "wake")
    assert world.state("web") == "online"
    assert world.operation(start.number).outcome == "done"


def test_wake_does_not_wait_for_what_waits_for_something_else() -> None:
    world = World(service("web"), service("needy", **NEEDS), service("off", enabled=False))
    told(world, "sleep")
    wake = world.ask("wake")
    world.settle()
    assert world.operation(wake.number).outcome == "done"
    assert world.states() == {"web": "online", "needy": "offline", "off": "disabled"}


# -- words


def test_a_persons_word_counts_until_it_is_unset_then_the_watchers_then_nobodys() -> None:
    world = World(service("needy", **NEEDS), service("clock", gives=("TIME",)))
    world.settle()
    assert row(world).by == ""
    told_by = []
    for verb, value in (("give", False), ("give", True), ("set", False), ("give", False)):
        names = ("clock",) if verb == "give" else ()
        world.ask(verb, *names, input="TIME", value=value)
        world.settle()
        told_by.append((row(world).by, row(world).met))
    assert told_by == [("watcher", False), ("watcher", True), ("person", False), ("person", False)]
    told(world, "set", "TIME", True, why="I looked")
    assert (row(world).who, row(world).why, row(world).watcher_says) == (
        "tester",
        "I looked",
        False,
    )
    assert world.state("needy") == "online"
    told(world, "unset", "TIME")
    assert (row(world).by, row(world).who, row(world).met) == ("watcher", "clock", False)
    assert world.state("needy") == "offline"


def test_only_a_watcher_gives_and_only_what_its_definition_says() -> None:
    world = World(service("needy", **NEEDS), service("clock", gives=("TIME",)))
    world.settle()
    for names, name in ((("needy",), "TIME"), (("clock",), "MOUNTS"), ((), "TIME")):
        assert world.ask("give", *names, input=name).outcome == "failed"
    assert world.ask("set", input="active").outcome == "failed"
    assert world.ask("unset", input="active").outcome == "failed"
    assert world.ask("set", input="").outcome == "failed"
    assert row(world).by == ""


@pytest.mark.parametrize("how", ["stop", "remove", "mark"])
def test_a_watcher_that_runs_no_more_says_nothing_any_more(how: str) -> None:
    world = World(service("needy", **NEEDS), service("clock", gives=("TIME",)))
    world.settle()
    world.ask("give", "clock", input="TIME")
    world.settle()
    assert world.state("needy") == "online"
    if how == "remove":
        world.remove("clock")
    else:
        world.ask(how, "clock", **({"state": "maintenance"} if how == "mark" else {}))
    world.settle()
    assert world.state("needy") == "offline"
    assert world.why("needy") == ["requires input TIME (nobody gives TIME)"]


def test_a_watcher_that_is_being_restarted_is_believed_meanwhile() -> None:
    world = World(
        service("needy", **NEEDS),
        service("clock", gives=("TIME",), restart=Restart(delay=5.0, jitter=0.0)),
    )
    world.settle()
    world.ask("give", "clock", input="TIME")
    for _ in range(3):
        world.kill("clock")
        world.advance(0.5)
        assert world.state("needy") == "online"


def test_what_becomes_a_watcher_while_the_system_goes_to_sleep_keeps_nobody_waiting() -> None:
    world = World(service("web"), behaviour={"web": Behaviour(dies_after=5.0)})
    world.settle()
    sleep = world.ask("sleep")
    world.define(service("web", gives=("net",)))
    world.advance(6)
    assert world.operation(sleep.number).outcome == "done"
    assert world.state("web") == "online"


def test_watchers_run_while_the_system_sleeps() -> None:
    world = World(service("web"), service("logind", gives=("active",)))
    world.settle()
    given_up = world.ask("give", "logind", input="active", value=False, why="lid")
    world.settle()
    assert world.states() == {"web": "offline", "logind": "online"}
    assert world.operation(given_up.number).outcome == "done"
    assert "put to sleep by logind (lid)" in world.view("web").note
    world.ask("give", "logind", input="active", value=True)
    world.settle()
    assert world.states() == {"web": "online", "logind": "online"}


def test_a_persons_sleep_outlasts_the_watchers_and_a_persons_wake_ends_both() -> None:
    world = World(service("web"), service("logind", gives=("active",)))
    world.settle()
    told(world, "sleep")
    for value in (False, True):
        world.ask("give", "logind", input="active", value=value)
        world.settle()
        assert world.state("web") == "offline"
    world.ask("give", "logind", input="active", value=False)
    told(world, "wake")
    assert world.state("web") == "online"


def test_who_said_it_and_when_outlives_the_manager() -> None:
    world = World(service("needy", **NEEDS), service("clock", gives=("TIME",)))
    world.settle()
    world.ask("give", "clock", input="TIME", value=False, why="slow")
    told(world, "set", "TIME", True, why="I looked")
    told(world, "sleep", why="night")
    before = world._inner.engine.input_views()
    world.advance(100)
    world.replace_manager()
    assert world._inner.engine.input_views() == before
    world.settle()
    assert world.state("needy") == "offline"
    assert "put to sleep by tester (night)" in world.why("needy")[0]
    told(world, "wake")
    assert world.state("needy") == "online"


def test_a_record_of_before_there_were_words_is_understood() -> None:
    world = World(service("needy", **NEEDS))
    told(world, "set", "TIME")
    records = world._inner.engine.records()
    del records["engine"]["inputs"]
    successor = Engine()
    successor.restore(records)
    assert successor.facts == {"input:TIME": True}
    assert [one.by for one in successor.input_views()] == [""]


def test_what_is_said_again_holds_since_it_was_first_said() -> None:
    world = World(service("clock", gives=("TIME",)))
    world.settle()
    world.ask("give", "clock", input="TIME", why="right")
    since = row(world).since
    world.advance(100)
    world.ask("give", "clock", input="TIME", why="right")
    assert row(world).since == since
    world.ask("give", "clock", input="TIME", why="better")
    assert row(world).since != since


# -- level-triggered throughout

EVENTS = ["sleep", "wake", "met", "unmet", "unset", "seen", "unseen", "crash", "broken", "mended"]
EVENTS += ["watcher-dies", "manager-dies", "time", "long"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=25))
def test_what_was_desired_is_what_is_there_once_events_cease(steps: list[str]) -> None:
    world = World(
        service("needy", **NEEDS, restart=Restart(cap=1.0)),
        service("db", ready="notify"),
        service("web", requires="db", restart_on="restart"),
        service("clock", gives=("TIME",)),
        behaviour={
            "db": Behaviour(ready_after=0.3, dies_after=0.4),
            "needy": Behaviour(dies_after=0.2),
        },
    )
    said: bool | None = None
    seen: bool | None = None
    active = True
    for step in steps:
        if step in ("sleep", "wake"):
            active = step == "wake"
            world.ask(step)
        elif step in ("met", "unmet"):
            said = step == "met"
            world.ask("set", input="TIME", value=said)
        elif step == "unset":
            said = None
            world.ask("unset", input="TIME")
        elif step in ("seen", "unseen"):
            seen = step == "seen"
            world.ask("give", "clock", input="TIME", value=seen)
        elif step == "crash":
            for name in ("needy", "db"):
                if world.alive(name):
                    world.kill(name)
        elif step in ("broken", "mended"):
            world.behave("needy", spawn_error="there is none" if step == "broken" else "")
        elif step == "watcher-dies":
            world.kill("clock")
        elif step == "manager-dies":
            world.replace_manager()
        else:
            world.advance(0.1 if step == "time" else 2.0)
    world.behave("needy", spawn_error="")
    assert world.settle()
    met = bool(seen if said is None else said)
    expected = {
        "needy": "online" if active and met else "offline",
        "db": "online" if active else "offline",
        "web": "online" if active else "offline",
        "clock": "online",
    }
    assert world.states() == expected
    assert {name for name in expected if world.alive(name)} == {
        name for name, state in expected.items() if state == "online"
    }
