"""The chain from an instance that is not up to what a person, a process or a file did."""

from __future__ import annotations

import json
from typing import Any

from stoker.engine import Behaviour, Status, World
from stoker.insight import explain
from stoker.model import Definition, Dependency, Ready, Request, Restart, RestartOn, Step

RUN = (Step(argv=("/bin/service",)),)


def service(name: str, *needs: str, restart_on: str = "none", **fields: Any) -> Definition:
    fields.setdefault("start", RUN)
    targets = [n if ":" in n else f"svc:/{n}:default" for n in needs]
    groups = tuple(Dependency((target,), restart_on=RestartOn(restart_on)) for target in targets)
    return Definition(f"svc:/{name}:default", dependencies=groups, **fields)


def ask(world: World, name: str) -> dict[str, Any]:
    found = explain(world.engine, f"svc:/{name}:default", world.now)
    assert json.loads(json.dumps(found)) == found
    return found


def commands(found: dict[str, Any]) -> list[str]:
    return [change["command"] for change in found["would_change"]]


def test_what_is_up_says_who_wanted_it_and_how_to_stop_it() -> None:
    world = World()
    world.define(service("web"))
    world.run(60)
    found = ask(world, "web")
    assert (found["state"], found["up"]) == ("online", True)
    assert found["why"][0]["text"] == "it is enabled in its definition"
    assert commands(found) == ["stoker stop web"]


def test_a_command_can_be_typed_as_it_is_told() -> None:
    world = World()
    for name, typed in (("my%20web", "'my web'"), ("--x", "-- --x"), ("a%2Ab", "'a*b'")):
        world.define(service(name))
        world.run(60)
        assert commands(ask(world, name)) == [f"stoker stop {typed}"]


def test_the_chain_goes_down_to_the_person() -> None:
    world = World()
    world.define(
        service("db"),
        service("api", "db", restart_on="restart"),
        service("web", "api", restart_on="restart"),
    )
    world.run(60)
    world.ask(Request("stop", ("svc:/db:default",), who="root", why="disk swap"))
    world.run(60)
    found = ask(world, "web")
    assert not found["up"]
    names = [link["fmri"] for link in found["why"]]
    assert names[0] == "svc:/web:default"
    assert names[-1] == "svc:/db:default"
    assert found["why"][-1]["reason"] == "disabled"
    assert "root (disk swap)" in found["why"][-1]["text"]
    assert [link["depth"] for link in found["why"]] == [0, 1, 2]
    assert "stoker start db" in commands(found)


def test_a_process_that_keeps_ending_is_the_end_of_the_chain() -> None:
    crash = Behaviour(exit_after=0.0, status=Status("exit", 3), ready_after=None)
    world = World(behaviour={"svc:/db:default": crash})
    notify = Ready(kind="notify", timeout=30.0)
    world.define(service("db", restart=Restart(limit=2), ready=notify), service("web", "db"))
    world.run(60)
    found = ask(world, "web")
    last = found["why"][-1]
    assert (last["fmri"], last["reason"]) == ("svc:/db:default", "maintenance")
    assert "exit status 3" in last["text"]
    assert "stoker clear db" in commands(found)


def test_files_inputs_and_names_that_do_not_exist() -> None:
    world = World()
    world.define(service("web", "file:///data", "input:net", "databse"))
    world.run(60)
    found = ask(world, "web")
    by_target = {link["fmri"]: link for link in found["why"]}
    assert by_target["file:///data"]["state"] == "absent"
    assert by_target["input:net"]["state"] == "unmet"
    assert by_target["svc:/databse:default"]["reason"] == "absent"
    assert "nobody gives net" in by_target["input:net"]["text"]
    assert "stoker system set net met" in commands(found)


def test_a_start_that_waits_says_for_what() -> None:
    world = World(behaviour={"svc:/db:default": Behaviour(ready_after=None)})
    world.define(service("db", ready=Ready(kind="notify", timeout=30.0)), service("web", "db"))
    world.advance(1)
    found = ask(world, "web")
    assert found["why"][-1]["fmri"] == "svc:/db:default"
    assert found["why"][-1]["reason"] == "starting"
    assert "READY=1" in found["why"][-1]["text"]


def test_back_off_names_the_last_end_and_the_command_that_does_not_wait() -> None:
    crash = Behaviour(exit_after=0.0, status=Status("signal", 11, True))
    policy = Restart(delay=100.0, cap=100.0, jitter=0.0)
    world = World(behaviour={"svc:/db:default": crash})
    world.define(service("db", restart=policy))
    world.advance(5)
    found = ask(world, "db")
    assert found["why"][0]["reason"] == "backoff"
    assert "SIGSEGV" in found["why"][1]["text"]
    assert "stoker start db" in commands(found)


def test_a_circle_ends_at_the_definition() -> None:
    world = World()
    world.define(service("a", "b"), service("b", "a"), service("c", "a"))
    world.run(60)
    found = ask(world, "c")
    assert found["why"][-1]["reason"] == "maintenance"
    assert "→" in found["why"][-1]["text"]
    assert "stoker reload" in commands(found)


def test_nothing_is_changed_by_asking() -> None:
    world = World()
    world.define(service("db", "file:///data"), service("web", "db"))
    world.run(60)
    before = world.engine.records()
    ask(world, "web")
    assert world.engine.records() == before


def test_who_put_the_system_to_sleep_and_who_says_that_a_condition_is_unmet() -> None:
    world = World()
    world.define(service("web", "input:TIME"), service("clock", gives=("TIME",)))
    world.ask(Request("set", who="root", why="it jumps", input="TIME", value=False))
    world.ask(Request("give", ("svc:/clock:default",), input="TIME"))
    world.ask(Request("sleep", who="root", why="night"))
    world.run(60)
    found = ask(world, "web")
    texts = [(link["fmri"], link["text"]) for link in found["why"]]
    assert ("input:TIME", "it is unmet, says root (it jumps)") in texts
    assert ("active", "was put to sleep by root (night)") in texts
    asleep = "the system is not active: it was put to sleep by root (night)"
    assert ("svc:/web:default", asleep) in texts
    offers = {"stoker system wake", "stoker system unset TIME", "stoker system set TIME met"}
    assert offers <= set(commands(found))
