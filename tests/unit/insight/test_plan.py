"""Dry runs and orders: the engine run on a copy, or from nothing."""

from __future__ import annotations

from typing import Any

from stoker.engine import Behaviour, World
from stoker.insight import draw_loop, loops, plan, start_order
from stoker.model import (
    Definition,
    Dependency,
    Grouping,
    PlanStep,
    Ready,
    Request,
    Restart,
    RestartOn,
    Step,
)

RUN = (Step(argv=("/bin/service",)),)


def name(word: str) -> str:
    return word if ":" in word else f"svc:/{word}:default"


def service(word: str, *needs: str, restart_on: str = "none", **fields: Any) -> Definition:
    fields.setdefault("start", RUN)
    groups = tuple(Dependency((name(n),), restart_on=RestartOn(restart_on)) for n in needs)
    return Definition(name(word), dependencies=groups, **fields)


def dry(world: World, verb: str, *words: str) -> tuple[list[tuple[str, str]], list[str]]:
    before = world.engine.records()
    request = Request(verb, tuple(map(name, words)), who="root")
    steps, affected = plan(world.engine, request, world.now)
    assert all(isinstance(step, PlanStep) for step in steps)
    assert world.engine.records() == before
    return [(step.action, step.fmri) for step in steps], affected


def test_a_stop_names_what_goes_down_first() -> None:
    world = World()
    world.define(service("db"), service("web", "db", restart_on="restart"), service("other"))
    world.run(60)
    steps, affected = dry(world, "stop", "db")
    stops = [fmri for action, fmri in steps if action == "stop"]
    assert stops == [name("web"), name("db")]
    assert affected == [name("web")]
    assert ("wait", name("web")) in steps
    assert world.state(name("db")) == "online"


def test_a_start_goes_in_order_and_starts_what_is_required() -> None:
    world = World()
    world.define(service("db", enabled=False), service("web", "db", enabled=False))
    world.run(60)
    steps, affected = dry(world, "start", "web")
    assert [fmri for action, fmri in steps if action == "start"] == [name("db"), name("web")]
    assert affected == [name("db")]


def test_a_stop_names_what_goes_on_without_it() -> None:
    world = World()
    world.define(service("db"), service("web", "db"), service("api", "db", restart_on="restart"))
    world.run(60)
    for verb in ("stop", "disable"):
        steps, affected = dry(world, verb, "db")
        assert ("leave", name("web")) in steps
        assert ("leave", name("api")) not in steps
        assert ("stop", name("web")) not in steps
        assert affected == [name("api")]


def test_what_happens_anyway_is_no_step() -> None:
    failing = Restart(delay=300.0, factor=1.0, cap=300.0)
    world = World(behaviour={name("flaky"): Behaviour(exit_after=1.0)})
    world.define(service("flaky", restart=failing), service("web"), service("db"))
    world.run(10)
    assert world.state(name("flaky")) == "offline"
    steps, affected = dry(world, "stop", "web")
    assert {fmri for _action, fmri in steps} == {name("web")}
    assert affected == []
    steps, _ = dry(world, "start", "flaky")
    assert ("start", name("flaky")) in steps


def test_a_restart_takes_down_and_up() -> None:
    world = World()
    world.define(service("db"), service("web", "db", restart_on="restart"))
    world.run(60)
    steps, _ = dry(world, "restart", "db")
    assert [fmri for action, fmri in steps if action == "stop"] == [name("db"), name("web")]
    assert [fmri for action, fmri in steps if action == "start"] == [name("db"), name("web")]


def test_a_start_that_cannot_be_says_what_it_would_wait_for() -> None:
    world = World()
    world.define(service("web", "file:///data", enabled=False))
    world.run(60)
    steps, _ = dry(world, "start", "web")
    assert ("wait", name("web")) in steps
    assert not [fmri for action, fmri in steps if action == "start"]


def test_down_ends_the_manager() -> None:
    world = World()
    world.define(service("db"), service("web", "db"))
    world.run(60)
    steps, _ = dry(world, "down")
    assert [fmri for action, fmri in steps if action == "stop"] == [name("web"), name("db")]
    assert steps[-1] == ("end", "")


def test_a_contradiction_is_refused() -> None:
    world = World()
    world.define(
        service("a", enabled=False, wants=(name("b"),), conflicts=(name("b"),)),
        service("b", enabled=False),
    )
    world.run(60)
    steps, _ = dry(world, "start", "a")
    assert steps == [("refuse", "")]


def test_what_is_under_way_is_taken_to_go_well() -> None:
    world = World(behaviour={name("db"): Behaviour(ready_after=1000.0)})
    world.define(
        service("db", ready=Ready(kind="notify", timeout=2000.0)),
        service("web", "db", enabled=False),
    )
    world.advance(1)
    assert world.state(name("db")) == "offline/online"
    steps, _ = dry(world, "start", "web")
    assert ("start", name("web")) in steps


def test_waves_follow_dependencies_and_leave_out_what_cannot_start() -> None:
    waves = start_order(
        [
            service("web", "api"),
            service("api", "db", "input:net"),
            service("db", "file:///data"),
            service("loose"),
            service("off", enabled=False),
            service("round", "again"),
            service("again", "round"),
        ]
    )
    where = {fmri: at for at, wave in enumerate(waves) for fmri in wave}
    assert where[name("db")] < where[name("api")] < where[name("web")]
    assert set(where) == {name(n) for n in ("web", "api", "db", "loose")}
    assert sum(map(len, waves)) == 4


def test_waves_of_ten_thousand_in_a_chain_and_side_by_side() -> None:
    chain = [service(f"c{n}", *([f"c{n - 1}"] if n else [])) for n in range(500)]
    beside = [service(f"s{n}") for n in range(2000)]
    waves = start_order([*chain, *beside])
    assert len(waves) == 500
    assert len(waves[0]) == 2001


def test_exclusion_that_never_ends_ends_here() -> None:
    """b is taken down by a, which needs b: nobody may hang for that."""
    never = Dependency((name("a"),), Grouping.EXCLUDE_ALL, RestartOn.RESTART)
    waves = start_order(
        [
            service("a", "b", restart_on="restart", enabled=True),
            Definition(name("b"), start=RUN, dependencies=(never,)),
        ]
    )
    assert len(waves) <= 2


def test_loops_are_ways_round() -> None:
    definitions = [
        service("a", "b"),
        service("b", "c", "d"),
        service("c", "a"),
        service("d"),
        service("e", "a"),
        service("x", "x"),
    ]
    found = loops(definitions)
    assert found == [[name("a"), name("b"), name("c")], [name("x")]]
    assert draw_loop(found[0]) == "a → b → c → a"
    assert loops([service("a", "b"), service("b")]) == []


def test_a_refresh_is_its_own_cause_and_a_signal_is_named() -> None:
    world = World()
    world.define(service("db", refresh=RUN), service("web", "db", restart_on="refresh"))
    world.run(60)
    steps, _ = plan(world.engine, Request("refresh", (name("db"),), who="root"), world.now)
    causes = [(step.action, step.fmri, step.why) for step in steps]
    assert ("refresh", name("db"), "was refreshed by root") in causes
    assert ("stop", name("web"), "requires db, which was refreshed by root") in causes
    request = Request("signal", (name("db"),), signal=10)
    steps, _ = plan(world.engine, request, world.now)
    assert [(step.action, step.why) for step in steps] == [("signal", "USR1 to its main process")]
