"""State records, and a successor that goes on from them."""

from __future__ import annotations

import json

import pytest

from stoker.engine import (
    Adopted,
    Behaviour,
    Defined,
    Due,
    Engine,
    Notified,
    Now,
    Spawn,
    Status,
    record,
)
from stoker.engine.facts import Instance
from stoker.model import Ready, Restart, RestartOn, Step

STEP = (Step(argv=("/bin/step",), timeout=30.0),)


def successor(b, *adopted):
    """A new engine with the records of the old one, as they come back from a file."""
    old = b.world.engine
    records = json.loads(json.dumps(old.records()))
    engine = Engine()
    engine.restore(records)
    defined = [Defined(i.definition) for i in old.instances.values()]
    effects = engine.handle([*defined, *adopted], b.world.now)
    return engine, effects


def test_records_are_json_and_carry_their_version(bench):
    b = bench()
    b.define(web={})
    changed = b.world.engine.take_changed()
    assert {name: record["v"] for name, record in changed.items()} == {
        b.name("web"): 1,
        **({"engine": 1} if "engine" in changed else {}),
    }
    assert json.loads(json.dumps(changed)) == changed
    assert b.world.engine.take_changed() == {}


def test_what_a_record_leaves_out_is_what_a_new_instance_has(bench):
    b = bench()
    b.define(web={})
    fresh = Instance(b.world.engine.instances[b.name("web")].definition)
    left_out = {name: getattr(fresh, name) for name, _ in record._PLAIN}
    assert left_out == dict(record._PLAIN)
    assert [getattr(fresh, name) for name in record._COPIED] == [{}, {}, {}, []]


def test_what_lives_is_left_alone(bench):
    b = bench()
    b.define(web={})
    engine, effects = successor(b, Adopted(b.name("web"), "alive", "never", True))
    i = engine.instance(b.name("web"))
    assert (i.stage, i.run, i.main_alive) == ("up", 1, True)
    assert not [e for e in effects if isinstance(e, Spawn)]


def test_when_what_lives_began_is_kept_once_it_is_learned(bench):
    b = bench()
    b.define(web={})
    name = b.name("web")
    for told in (4711, 0):
        b.world.engine, _ = successor(b, Adopted(name, "alive", "never", True, told))
        assert b.world.engine.records()[name]["main_start"] == 4711


def test_what_died_meanwhile_is_started_again(bench):
    b = bench()
    b.define(web={})
    engine, effects = successor(b, Adopted(b.name("web"), Status("exit", 3), "never", False))
    assert engine.instance(b.name("web")).run == 2
    assert [e.run for e in effects if isinstance(e, Spawn)] == [2]


def test_an_exit_that_nobody_saw_is_said_so(bench):
    b = bench()
    b.define(web={})
    engine, _ = successor(b, Adopted(b.name("web"), "unknown", "never", False))
    assert "nobody saw how" in engine.view(b.name("web")).cause


def test_an_intention_without_a_process_is_done_again_in_the_same_run(bench):
    b = bench()
    engine = b.world.engine
    engine.handle([Defined(b.service("web"))], b.world.now)
    engine, effects = successor(b, Adopted(b.name("web"), "never", "never", False))
    assert [(e.run, e.ctid) for e in effects if isinstance(e, Spawn)] == [(1, 1)]


def test_processes_that_nobody_can_name_are_swept_first(bench):
    b = bench()
    b.world.engine.handle([Defined(b.service("web"))], b.world.now)
    _, effects = successor(b, Adopted(b.name("web"), "never", "never", True))
    assert not [e for e in effects if isinstance(e, Spawn)]


@pytest.mark.parametrize(
    ("found", "stage"),
    [("alive", "prepare"), (Status("exit", 0), "start"), (Status("exit", 1), "idle")],
)
def test_a_method_under_way(bench, found, stage):
    b = bench(web=Behaviour(takes=20.0))
    b.define(web={"prepare": STEP})
    b.world.advance(5)
    engine, _ = successor(b, Adopted(b.name("web"), "never", found, found == "alive"))
    i = engine.instance(b.name("web"))
    if stage == "idle":
        assert i.failed
    else:
        assert i.stage == stage
    if stage == "prepare":
        assert i.deadline == b.world.now.mono + 25 * 10**9


def test_a_departure_is_not_lost_with_the_manager(bench):
    """The stamps say what a dependent has not acted upon yet."""
    b = bench()
    b.define(db={}, web={"dependencies": (b.needs("db", restart_on=RestartOn.RESTART),)})
    engine, _ = successor(
        b,
        Adopted(b.name("db"), Status("exit", 0), "never", False),
        Adopted(b.name("web"), "alive", "never", True),
    )
    web = engine.instance(b.name("web"))
    assert web.stage == "kill"
    assert "requires db" in web.cause.text


def test_a_changed_definition_is_seen_by_its_digest(bench):
    b = bench()
    b.define(web={})
    records = b.world.engine.records()
    engine = Engine()
    engine.restore(records)
    other = b.service("web", start=(Step(argv=("/bin/other",)),))
    engine.handle([Defined(other), Adopted(b.name("web"), "alive", "never", True)], b.world.now)
    assert engine.instance(b.name("web")).stage == "kill"


def test_one_that_was_only_asked_for_has_a_deadline_when_it_is_found(bench):
    """A parent that has ended already left a daemon: that must say that it is ready in time."""
    b = bench()
    ready = Ready("fd", timeout=30.0)
    d = b.service("web", ready=ready, ends="empty", restart=Restart(limit=0))
    first = Engine()
    first.handle([Defined(d)], b.world.now)
    for main in ("alive", Status("exit", 0)):
        engine = Engine()
        engine.restore(first.records())
        engine.handle([Defined(d), Adopted(d.fmri, main, "never", True)], b.world.now)
        assert engine.instance(d.fmri).stage == "start"
        late = Now(b.world.now.mono + 31 * 10**9, b.world.now.wall + 31 * 10**9)
        engine.handle([Due()], late)
        assert engine.instance(d.fmri).stage == "kill"


def test_a_change_that_may_wait_waits_unless_nobody_knows_how_the_start_would_end(bench):
    b = bench(slow=Behaviour(ready_after=None))
    slow = {"ready": Ready("notify", timeout=600.0)}
    b.define(web={}, slow=slow)
    other = {"start": (Step(argv=("/bin/other",)),), "later": True}
    changed = [Defined(b.service("web", **other)), Defined(b.service("slow", **other))]
    engine = Engine()
    engine.restore(b.world.engine.records())
    found = [Adopted(b.name(word), "alive", "never", True) for word in ("web", "slow")]
    engine.handle([*changed, *found], b.world.now)
    assert [engine.instance(b.name(word)).stage for word in ("web", "slow")] == ["up", "kill"]
    b.define(web=other, slow={**other, **slow})
    assert (b.states("web", "slow"), b.run("slow")) == ("online offline/online", 1)


def test_operations_choices_and_facts_survive(bench):
    b = bench(web=Behaviour(ready_after=None))
    b.define(web={"ready": Ready("notify", timeout=600.0), "enabled": False}, off={})
    start = b.ask("start", "web", timeout=100.0)
    b.ask("stop", "off", why="because")
    b.ask("set", input="TIME")
    engine, _ = successor(b, Adopted(b.name("web"), "alive", "never", True))
    assert engine.operation(start).outcome == ""
    assert engine.operation(start).members[0].goal == "up"
    assert engine.view(b.name("off")).note == "stopped by root (because)"
    assert engine.facts["input:TIME"] is True
    later = Now(b.world.now.mono + 101 * 10**9, b.world.now.wall + 101 * 10**9)
    engine.handle([], later)
    assert engine.operation(start).outcome == "waiting"
    assert engine.next_operation() > start + 2


def test_what_ended_last_is_known_however_early_it_began(bench):
    b = bench(web=Behaviour(ready_after=None))
    b.define(web={"ready": Ready("notify", timeout=600.0), "enabled": False}, off={})
    first = b.ask("start", "web", timeout=100.0)
    for _ in range(300):
        b.ask("stop", "off")
    b.world.advance(101)
    assert b.outcome(first) == "waiting"
    engine, _ = successor(b, Adopted(b.name("web"), "alive", "never", True))
    assert engine.operation(first).outcome == "waiting"


def test_unknown_keys_are_kept(bench):
    b = bench()
    b.define(web={})
    records = b.world.engine.records()
    records[b.name("web")]["of_a_later_version"] = 7
    records["engine"]["of_a_later_version"] = 8
    engine = Engine()
    engine.restore(records)
    adopted = Adopted(b.name("web"), "alive", "never", True)
    engine.handle([Defined(b.service("web")), adopted], b.world.now)
    kept = engine.records()
    assert kept[b.name("web")]["of_a_later_version"] == 7
    assert kept["engine"]["of_a_later_version"] == 8


def test_a_successor_in_the_world_loses_nothing(bench):
    b = bench(web=Behaviour(dies_after=5.0))
    b.define(db={}, web={"dependencies": (b.needs("db", restart_on=RestartOn.RESTART),)})
    number = b.ask("stop", "db")
    b.world.replace_manager()
    b.world.advance(20)
    assert b.states("db", "web") == "disabled offline"
    assert b.outcome(number) == "done"


def test_a_copy_is_independent_and_decides_the_same(bench):
    b = bench()
    b.define(db={}, web={"dependencies": (b.needs("db", restart_on=RestartOn.RESTART),)})
    twin = bench()
    twin.world.engine = b.world.engine.copy()
    twin.world.now = b.world.now
    twin.world.contracts = {}
    twin.ask("stop", "db")
    assert b.states("db", "web") == "online online"
    assert [p.fmri[5:-8] for p in twin.world.published][:1] == ["web"]


def test_the_same_events_give_the_same_records(bench):
    def history():
        b = bench(web=Behaviour(exit_after=3.0, status=Status("exit", 1)))
        b.define(db={}, web={"dependencies": (b.needs("db", restart_on=RestartOn.RESTART),)})
        b.world.advance(7)
        b.ask("restart", "db")
        b.world.advance(20)
        return b.world.engine.records(), [e for _, e in b.world.log]

    assert history() == history()


def test_the_watchdog_that_a_service_asked_for_is_kept_with_its_run(bench):
    b = bench()
    b.define(web={})
    name = b.name("web")
    b.world.engine.handle([Notified(name, 1, "watchdog_usec", "", 3_000_000)], b.world.now)
    assert b.world.engine.records()[name]["watchdog"] == 3_000_000
    engine, _ = successor(b, Adopted(name, "alive", "never", True))
    assert engine.instance(name).watchdog == 3_000_000
    engine, _ = successor(b, Adopted(name, Status("exit", 3), "never", False))
    assert engine.instance(name).watchdog == 0
