"""Groupings, restart_on, conditions, orderings, and the order of going down (smf.md §3)."""

from __future__ import annotations

import pytest

from stoker.engine import Behaviour, Fact, Status
from stoker.model import Condition, Grouping, Health, Probe, Ready, Restart, RestartOn

ALL, ANY = Grouping.REQUIRE_ALL, Grouping.REQUIRE_ANY
OPTIONAL, EXCLUDE = Grouping.OPTIONAL_ALL, Grouping.EXCLUDE_ALL
NONE, ERROR = RestartOn.NONE, RestartOn.ERROR
RESTART, REFRESH = RestartOn.RESTART, RestartOn.REFRESH


def slow(seconds: float | None = 5.0) -> Behaviour:
    return Behaviour(ready_after=seconds)


NOTIFY = {"ready": Ready("notify", timeout=60.0)}


def test_nothing_starts_before_what_it_requires(bench):
    b = bench(db=slow())
    b.define(web={"dependencies": (b.needs("db"),)}, db=NOTIFY)
    b.world.advance(4)
    assert b.starts("web") == []
    assert "requires db (offline, becoming online)" in b.view("web").waiting_for[0]
    b.world.advance(2)
    assert b.states("db", "web") == "online online"


def test_require_any_needs_one(bench):
    b = bench(one=slow(None), other=slow(3.0))
    group = b.needs("one", "other", grouping=ANY)
    b.define(web={"dependencies": (group,)}, one=NOTIFY, other=NOTIFY)
    b.world.advance(4)
    assert b.states("one", "other", "web") == "offline/online online online"


def test_optional_waits_for_what_comes_and_for_nothing_else(bench):
    b = bench(slow=slow(3.0), crash=Behaviour(spawn_error="no such file"))
    group = b.needs("slow", "off", "absent", "broken", grouping=OPTIONAL)
    b.define(
        web={"dependencies": (group,)},
        slow=NOTIFY,
        off={"enabled": False},
        broken={"dependencies": (b.needs("nowhere"),)},
    )
    b.world.advance(2)
    assert b.starts("web") == []
    b.world.advance(2)
    assert b.state("web") == "online"


def test_exclude_keeps_away_and_drives_away(bench):
    b = bench()
    group = b.needs("tv", grouping=EXCLUDE, restart_on=RESTART)
    b.define(book={"dependencies": (group,)}, tv={"enabled": False})
    assert b.state("book") == "online"
    b.ask("start", "tv")
    assert b.states("tv", "book") == "online offline"
    b.ask("stop", "tv")
    assert b.states("tv", "book") == "disabled online"


def test_exclude_without_restart_on_only_keeps_away(bench):
    b = bench()
    b.define(
        book={"dependencies": (b.needs("tv", grouping=EXCLUDE),)},
        tv={"enabled": False},
    )
    b.ask("start", "tv")
    assert b.states("tv", "book") == "online online"
    b.ask("restart", "book")
    assert b.state("book") == "offline"


# smf.md §3.3: which departures stop a running dependent.
MATRIX = [
    ("core", (False, True, True, True)),
    ("signal", (False, True, True, True)),
    ("exit", (False, False, True, True)),
    ("restart", (False, False, True, True)),
    ("stop", (False, False, True, True)),
    ("refresh", (False, False, False, True)),
]


@pytest.mark.parametrize(("event", "stops"), MATRIX, ids=[row[0] for row in MATRIX])
@pytest.mark.parametrize("grouping", [ALL, ANY, OPTIONAL])
def test_restart_on(bench, event, stops, grouping):
    b = bench()
    words = {"a": NONE, "b": ERROR, "c": RESTART, "d": REFRESH}
    b.define(
        db={},
        **{
            word: {"dependencies": (b.needs("db", grouping=grouping, restart_on=on),)}
            for word, on in words.items()
        },
    )
    assert b.states("db", *words) == "online online online online online"
    b.forget()
    if event == "core":
        b.world.tell(
            *_death(b, Status("signal", 11, True)),
        )
    elif event == "signal":
        b.world.kill(b.name("db"))
    elif event == "exit":
        b.world.exit(b.name("db"), 1)
    else:
        b.ask(event, "db")
    stopped = set(b.order())
    assert {word for word in words if word in stopped} == {
        word for word, hit in zip(words, stops, strict=True) if hit
    }


def _death(b, status):
    from stoker.engine import Empty, Exited

    name = b.name("db")
    b.world.contracts[name].processes.clear()
    return Exited(name, 1, "main", status), Empty(name, 1)


def test_a_bounce_stops_dependents_beside_it_and_all_come_back(bench):
    b = bench()
    on = {"restart_on": RESTART}
    b.define(
        db={},
        app={"dependencies": (b.needs("db", **on),)},
        web={"dependencies": (b.needs("app", **on),)},
    )
    b.forget()
    b.ask("restart", "db")
    assert b.order() == ["db", "app", "web"]
    assert b.states("db", "app", "web") == "online online online"
    assert [b.run(word) for word in ("db", "app", "web")] == [2, 2, 2]


def test_a_withdrawal_goes_leaf_first_over_all_levels(bench):
    b = bench(web=Behaviour(dies_after=2.0), app=Behaviour(dies_after=2.0))
    on = {"restart_on": RESTART}
    b.define(
        db={},
        app={"dependencies": (b.needs("db", **on),)},
        web={"dependencies": (b.needs("app", **on),)},
        log={"dependencies": (b.needs("db"),)},
    )
    b.forget()
    number = b.ask("stop", "db", why="disk swap")
    assert b.states("db", "app", "web") == "online online online/offline"
    b.world.advance(10)
    assert b.order() == ["web", "app", "db"]
    assert b.states("db", "app", "web", "log") == "disabled offline offline online"
    found = b.world.engine.operation(number)
    assert found.affected == [b.name("app"), b.name("web")]
    assert "left without it: log" in found.note


def test_the_cause_reaches_down_to_the_person(bench):
    b = bench()
    on = {"restart_on": RESTART}
    b.define(
        db={},
        app={"dependencies": (b.needs("db", **on),)},
        web={"dependencies": (b.needs("app", **on),)},
    )
    b.forget()
    b.ask("stop", "db", why="disk swap")
    texts = {p.fmri[5:-8]: p.text for p in b.world.published if not p.next_state}
    assert texts["db"] == "stopped by root (disk swap)"
    assert texts["app"] == "stopped: requires db, which was stopped by root (disk swap)"
    assert texts["web"] == (
        "stopped: requires app, which requires db, which was stopped by root (disk swap)"
    )


def test_the_cause_reaches_down_to_the_process(bench):
    b = bench()
    b.define(db={}, web={"dependencies": (b.needs("db", restart_on=ERROR),)})
    b.forget()
    b.world.kill(b.name("db"))
    text = next(p.text for p in b.world.published if p.fmri == b.name("web"))
    assert text.startswith("stopping: requires db, which ended: process ")
    assert text.endswith(" was killed by SIGKILL")


def test_a_long_chain_of_causes_stays_readable(bench):
    b = bench()
    on = {"restart_on": RESTART}
    chain = {"s0": {}}
    for n in range(1, 40):
        chain[f"s{n}"] = {"dependencies": (b.needs(f"s{n - 1}", **on),)}
    b.define(**chain)
    b.ask("stop", "s0", why="disk swap")
    last = b.view("s39").cause
    assert last.startswith("requires s38")
    assert last.endswith("s0, which was stopped by root (disk swap)")
    assert len(last) < 400


def test_conditions(bench):
    b = bench(db=slow(3.0), once=Behaviour(exit_after=5.0))
    b.define(
        db=NOTIFY,
        once={"restart": Restart(when="on-failure")},
        early={"dependencies": (b.needs("db", condition=Condition.STARTED),)},
        late={"dependencies": (b.needs("db"),)},
        after={"dependencies": (b.needs("once", condition=Condition.COMPLETED),)},
    )
    assert b.states("early", "late", "after") == "online offline offline"
    b.world.advance(4)
    assert b.states("early", "late", "after") == "online online offline"
    b.world.advance(2)
    assert b.states("once", "after") == "disabled online"


def test_a_task_that_is_being_removed_is_completed_for_nobody(bench):
    b = bench(web=Behaviour(dies_after=5.0))
    b.define(
        task={"ready": Ready("exit"), "ends": "never"},
        web={"dependencies": (b.needs("task", restart_on=RESTART),)},
        after={
            "dependencies": (b.needs("task", condition=Condition.COMPLETED),),
            "enabled": False,
        },
    )
    b.world.remove(b.name("task"))
    assert b.states("task", "web") == "online online/offline"
    b.ask("start", "after")
    assert b.state("after") == "offline"
    b.world.advance(6)
    assert b.states("web", "after") == "offline offline"


def test_healthy_waits_for_the_probe(bench):
    from stoker.model import Health, Probe

    b = bench(db=Behaviour(healthy=True), sick=Behaviour(healthy=False))
    probe = (Health("h", Probe("exec"), grace=3.0),)
    b.define(
        db={"health": probe},
        sick={"health": probe},
        web={"dependencies": (b.needs("db", condition=Condition.HEALTHY),)},
        other={"dependencies": (b.needs("sick", condition=Condition.HEALTHY),)},
    )
    assert b.states("db", "web") == "online offline"
    b.world.advance(4)
    assert b.states("db", "web", "other") == "online online offline"


def test_a_file_is_a_target(bench):
    b = bench()
    b.define(web={"dependencies": (b.needs("file:///etc/web", restart_on=RESTART),)})
    assert b.state("web") == "offline"
    assert "file /etc/web (is not there)" in b.view("web").note
    assert not b.view("web").hopeless
    b.world.tell(Fact("file:///etc/web", True))
    assert b.state("web") == "online"
    b.world.tell(Fact("file:///etc/web", False))
    assert b.state("web") == "offline"
    assert b.view("web").cause == "needs file /etc/web, which is gone"


def test_an_input_is_a_target_and_active_is_everybodys(bench):
    b = bench()
    on = {"restart_on": RESTART}
    b.define(
        clock={"dependencies": (b.needs("input:TIME", **on),)},
        web={"dependencies": (b.needs("clock", **on),)},
    )
    assert b.states("clock", "web") == "offline offline"
    assert not b.view("web").hopeless
    b.ask("set", input="TIME", value=True)
    assert b.states("clock", "web") == "online online"
    b.forget()
    b.world.tell(Fact("active", False))
    assert b.states("clock", "web") == "offline offline"
    assert b.order() == ["web", "clock"]
    b.world.tell(Fact("active", True))
    assert b.states("clock", "web") == "online online"


def test_an_absent_target_is_hopeless_and_its_arrival_helps(bench):
    b = bench()
    b.define(web={"dependencies": (b.needs("db"),)})
    assert b.view("web").hopeless
    assert "db (does not exist)" in b.view("web").note
    b.define(db={})
    assert b.states("db", "web") == "online online"


def test_a_service_is_as_good_as_the_best_of_its_instances(bench):
    b = bench()
    b.define(
        web={"dependencies": (b.needs("svc:/db"),)},
    )
    b.world.define(
        b.service("svc:/db:one", enabled=False),
        b.service("svc:/db:two"),
    )
    assert b.state("web") == "online"


def test_a_new_dependency_stops_nobody(bench):
    b = bench()
    b.define(web={}, db={"enabled": False})
    b.define(web={"dependencies": (b.needs("db", restart_on=REFRESH),)})
    assert b.state("web") == "online"
    assert b.run("web") == 1


# -- ordering


def test_after_waits_for_what_moves_and_not_for_what_rests(bench):
    b = bench(db=slow(3.0))
    b.define(
        web={"after": (b.name("db"), b.name("off"), b.name("absent"))},
        db=NOTIFY,
        off={"enabled": False},
    )
    assert b.state("web") == "offline"
    assert "comes after db" in b.view("web").note
    b.world.advance(4)
    assert b.state("web") == "online"


def test_before_is_after_from_the_other_side(bench):
    b = bench(db=slow(3.0))
    b.define(web={}, db={**NOTIFY, "before": (b.name("web"),)})
    assert b.state("web") == "offline"
    b.world.advance(4)
    assert b.state("web") == "online"


def test_a_crash_loop_never_blocks_what_comes_after(bench):
    b = bench(db=slow(None), app=Behaviour())
    b.define(
        web={"after": (b.name("app"),)},
        app={"dependencies": (b.needs("db"),)},
        db={"ready": Ready("notify", timeout=2.0)},
    )
    b.world.advance(1)
    assert b.state("web") == "offline"
    b.world.advance(2)
    assert b.states("web", "app") == "online offline"


def test_down_is_the_reverse_of_everything(bench):
    b = bench(web=Behaviour(dies_after=1.0), app=Behaviour(dies_after=1.0))
    b.define(
        db={},
        app={"dependencies": (b.needs("db"),)},
        web={"after": (b.name("app"),)},
    )
    b.forget()
    number = b.ask("down")
    b.world.advance(10)
    assert b.order() == ["web", "app", "db"]
    assert b.world.exited == 0
    assert b.outcome(number) == "done"


def test_waiting_for_the_end_of_a_service_that_stays_holds_up_nobody(bench):
    """`completed` on what always runs again: whoever comes after the one that waits goes on."""
    b = bench()
    b.define(
        db={},
        report={"dependencies": (b.needs("db", condition="completed"),)},
        web={"after": (b.name("report"),)},
    )
    assert b.states("db", "report", "web") == "online offline online"


def test_what_comes_after_a_task_s_follower_waits_for_the_task(bench):
    b = bench(load=Behaviour(exit_after=5.0))
    b.define(
        load={"restart": Restart(when="never")},
        report={"dependencies": (b.needs("load", condition="completed"),)},
        web={"after": (b.name("report"),)},
    )
    assert b.states("load", "report", "web") == "online offline offline"
    b.world.advance(6)
    assert b.states("load", "report", "web") == "disabled online online"


def test_what_is_excluded_and_stuck_holds_up_nobody_but_who_excludes_it(bench):
    b = bench(night=Behaviour(unkillable=True))
    b.define(
        night={},
        day={"dependencies": (b.needs("night", grouping=EXCLUDE),)},
        web={"after": (b.name("day"),)},
    )
    b.ask("restart", "web")
    b.ask("stop", "night")
    b.world.advance(60)
    b.ask("restart", "web")
    assert b.states("night", "day", "web") == "maintenance offline online"


def test_waiting_for_health_that_does_not_come_holds_up_nobody(bench):
    b = bench(db=Behaviour(healthy=False))
    b.define(
        db={"health": (Health("alive", Probe("exec", argv=("/look",)), threshold=1),)},
        report={"dependencies": (b.needs("db", condition="healthy"),)},
        web={"after": (b.name("report"),)},
    )
    b.world.advance(1)
    assert b.states("db", "report", "web") == "degraded offline online"


def test_what_is_started_together_waits_for_each_other(bench):
    """In whatever order they are named: the one that is optional for the other is wanted, too."""
    b = bench(db=slow(3.0))
    b.define(
        db={"enabled": False, **NOTIFY},
        web={"enabled": False, "dependencies": (b.needs("db", grouping=OPTIONAL),)},
    )
    b.ask("start", "web", "db")
    assert b.states("db", "web") == "offline/online offline"
    b.world.advance(4)
    assert b.states("db", "web") == "online online"


# -- cycles and loops


def test_a_dependency_cycle_is_set_aside_and_the_rest_runs(bench):
    b = bench()
    b.define(
        a={"dependencies": (b.needs("b"),)},
        b={"dependencies": (b.needs("c"),)},
        c={"dependencies": (b.needs("a"),)},
        selfish={"dependencies": (b.needs("selfish"),)},
        web={},
    )
    states = b.states("a", "b", "c", "selfish", "web")
    assert states == "maintenance maintenance maintenance maintenance online"
    assert "a → b → c → a" in b.view("a").note
    assert b.view("a").hopeless
    assert b.outcome(b.ask("clear", "a")) == "failed"
    b.define(c={})
    assert b.states("a", "b", "c") == "online online online"


def test_mutual_exclusion_is_no_cycle(bench):
    b = bench()
    b.define(
        a={"dependencies": (b.needs("b", grouping=EXCLUDE),)},
        b={"dependencies": (b.needs("a", grouping=EXCLUDE),), "enabled": False},
    )
    assert b.states("a", "b") == "online disabled"


def test_an_ordering_loop_fails_the_operation_and_starts_none(bench):
    b = bench()
    b.define(
        a={"after": (b.name("b"),)},
        b={"after": (b.name("a"),)},
        web={"after": (b.name("a"),)},
    )
    number = b.ask("settle")
    assert b.outcome(number) == "failed"
    assert "a → b → a" in b.member(number, "a")[1]
    assert b.states("a", "b", "web") == "offline offline online"
    number = b.ask("start", "a", "b")
    assert b.outcome(number) == "failed"
    assert "a → b → a" in b.world.engine.operation(number).note
    assert b.starts("a") == b.starts("b") == []


def test_a_loop_of_dependency_and_order_is_an_ordering_loop(bench):
    b = bench()
    b.define(a={"after": (b.name("b"),)}, b={"dependencies": (b.needs("a"),)})
    number = b.ask("start", "a", "b")
    assert b.outcome(number) == "failed"
    assert b.states("a", "b") == "offline offline"


def test_a_loop_with_a_way_out_is_not_hopeless(bench):
    """b needs a or an input; a comes after b. Once the input is given, both come up."""
    b = bench()
    b.define(
        a={"after": (b.name("b"),)},
        b={"dependencies": (b.needs("a", "input:TIME", grouping=ANY),)},
    )
    assert b.states("a", "b") == "offline offline"
    assert not b.view("a").hopeless
    assert not b.view("b").hopeless
    b.ask("set", input="TIME")
    assert b.states("a", "b") == "online online"


def test_a_loop_without_a_way_out_is_hopeless(bench):
    b = bench()
    b.define(
        a={"after": (b.name("b"),)},
        b={"dependencies": (b.needs("a"),)},
        c={"dependencies": (b.needs("b"),)},
    )
    assert [b.view(word).hopeless for word in "abc"] == [True, True, True]
    assert b.outcome(b.ask("start", "c")) == "impossible"


def test_hope_that_ends_ends_the_operation_of_another_in_the_loop(bench):
    """a comes after b, b needs a or c: while c may still come, so may a, and web with it."""
    b = bench(c=slow(None))
    b.define(
        a={"after": (b.name("b"),)},
        b={"dependencies": (b.needs("a", "c", grouping=ANY),)},
        c={"ready": Ready("notify", timeout=5.0), "restart": Restart(limit=0)},
        web={"dependencies": (b.needs("a"),)},
    )
    number = b.ask("start", "web")
    assert b.outcome(number) == ""
    assert [b.view(word).hopeless for word in ("a", "b", "web")] == [False] * 3
    b.world.advance(10)
    assert b.states("a", "b", "c", "web") == "offline offline maintenance offline"
    assert [b.view(word).hopeless for word in ("a", "b", "web")] == [True] * 3
    assert b.outcome(number) == "impossible"


def test_a_mended_cycle_is_waited_for(bench):
    """What could never be tried is settled; mended it is not, and whoever comes after it waits."""
    b = bench(b=slow(3.0))
    b.define(
        a={"dependencies": (b.needs("b"),)},
        b={"dependencies": (b.needs("a"),)},
        web={"after": (b.name("a"),), "enabled": False},
    )
    assert b.states("a", "b", "web") == "maintenance maintenance disabled"
    b.define(b=NOTIFY)
    b.ask("start", "web")
    assert b.states("a", "b", "web") == "offline offline/online offline"
    b.world.advance(4)
    assert b.states("a", "b", "web") == "online online online"


def test_there_is_hope_while_a_member_of_a_cycle_is_being_removed(bench):
    b = bench(a=Behaviour(dies_after=5.0))
    b.define(a={})
    b.define(a={"dependencies": (b.needs("b"),)}, b={"dependencies": (b.needs("a"),)})
    assert b.view("b").hopeless
    b.world.remove(b.name("a"))
    assert not b.view("b").hopeless
    b.world.advance(6)
    assert b.state("b") == "offline"
    assert b.view("b").hopeless


def test_what_leaves_a_loop_frees_the_next_before_anyone_passes_it(bench):
    """d, within a loop, waits for two, which goes: then d may come, and b waits for it."""
    b = bench(two=Behaviour(dies_after=2.0), d=slow(3.0))
    b.define(
        a={"enabled": False},
        b={
            "dependencies": (b.needs("two", "d", grouping=OPTIONAL, restart_on=REFRESH),),
            "before": (b.name("a"),),
        },
        two={"after": (b.name("a"),)},
        d={"after": (b.name("two"),), **NOTIFY},
    )
    b.world.advance(4)
    assert b.states("b", "two", "d") == "online online online"
    b.world.remove(b.name("two"))
    b.world.exit(b.name("d"))
    b.forget()
    b.world.advance(10)
    assert b.states("b", "d") == "online online"
    assert b.order("started") == ["d", "b"]


def test_an_ordering_loop_does_not_hinder_the_way_down(bench):
    b = bench()
    b.define(
        a={"after": (b.name("b"),), "enabled": False},
        b={"after": (b.name("a"),), "enabled": False},
    )
    b.ask("start", "a")
    b.ask("start", "b")
    assert b.states("a", "b") == "online online"
    b.ask("down")
    assert b.world.exited == 0


def test_who_waits_in_a_loop_for_one_that_starts_is_not_passed(bench):
    """a comes after b, which starts: an optional dependency waits for a, and for who needs a."""
    b = bench(b=slow(3.0))
    b.define(
        a={"after": (b.name("b"),), "enabled": False},
        b={"after": (b.name("a"),), "enabled": False, **NOTIFY},
        needy={"dependencies": (b.needs("a"),), "enabled": False},
        web={"dependencies": (b.needs("a", grouping=OPTIONAL),), "enabled": False},
        far={"dependencies": (b.needs("needy", grouping=OPTIONAL),), "enabled": False},
    )
    b.ask("start", "b")
    b.ask("start", "a")
    b.ask("start", "needy", "web", "far")
    assert b.states("a", "b", "web", "far") == "offline offline/online offline offline"
    b.world.advance(4)
    assert b.states("a", "b", "needy", "web", "far") == "online online online online online"
    started = b.order("started")
    assert started.index("a") < started.index("web")
    assert started.index("needy") < started.index("far")


def test_within_a_loop_what_may_come_first_is_waited_for(bench):
    """two starts, then d may: b waits for d, although all of them are in one loop."""
    b = bench(two=slow(3.0))
    b.define(
        a={"enabled": False},
        b={"dependencies": (b.needs("d", grouping=OPTIONAL),), "before": (b.name("a"),)},
        two={"after": (b.name("a"),), **NOTIFY},
        d={"after": (b.name("two"),)},
    )
    assert b.states("b", "two", "d") == "offline offline/online offline"
    b.world.advance(4)
    assert b.order("started") == ["two", "d", "b"]


def test_within_a_loop_what_waits_for_us_is_passed_and_others_wait_for_it(bench):
    b = bench(i=slow(3.0))
    b.define(
        web={"dependencies": (b.needs("a", grouping=OPTIONAL),)},
        a={"after": (b.name("i"),)},
        i={"dependencies": (b.needs("a", grouping=OPTIONAL),), **NOTIFY},
    )
    assert b.states("web", "a", "i") == "offline offline offline/online"
    b.world.advance(4)
    assert b.order("started") == ["i", "a", "web"]


def test_a_loop_in_which_nobody_can_begin_is_passed(bench):
    b = bench()
    b.define(
        web={"dependencies": (b.needs("a", grouping=OPTIONAL),)},
        a={"after": (b.name("b"),)},
        b={"after": (b.name("a"),)},
    )
    assert b.states("web", "a", "b") == "online offline offline"


def test_a_loop_that_only_a_file_can_open_is_passed_by_orderings_from_outside(bench):
    """gate comes after key, which needs gate or the file: nothing moves until that is there."""
    b = bench()
    b.define(
        gate={},
        key={
            "dependencies": (b.needs("gate", "file:///there", grouping=ANY),),
            "before": (b.name("gate"),),
        },
        web={"dependencies": (b.needs("gate"),)},
        last={"after": (b.name("web"),)},
    )
    assert b.states("gate", "key", "web", "last") == "offline offline offline online"
    b.world.tell(Fact("file:///there", True))
    assert b.states("gate", "key", "web", "last") == "online online online online"


def test_a_loop_that_opens_at_a_set_time_is_not_without_hope(bench):
    """a comes after b, which needs it, and has failed; at ten, other is back, and b must make room
    for it: then nothing is in the way of a.
    """
    b = bench(a=slow(None))
    b.define(
        a={"enabled": False, "ready": Ready("notify", timeout=2.0)},
        b={"dependencies": (b.needs("a"),), "before": (b.name("a"),), "enabled": False},
        other={"conflicts": (b.name("b"),)},
    )
    b.ask("stop", "other", until=b.world.now.wall + 10 * 10**9)
    b.ask("start", "a")
    b.ask("start", "b")
    b.world.advance(3)
    assert b.states("a", "b", "other") == "offline offline disabled"
    assert not b.view("a").hopeless
    starts = len(b.starts("a"))
    b.world.advance(9)
    assert b.states("b", "other") == "disabled online"
    assert len(b.starts("a")) > starts


def test_members_of_a_cycle_do_not_wait_for_each_other_on_the_way_down(bench):
    """a waits until e is down, which depends on it; then a new definition makes a depend on e."""
    b = bench(e=slow(3.0))
    b.define(a={}, e={"dependencies": (b.needs("a"),), "interrupt": "finish", **NOTIFY})
    number = b.ask("stop", "a", "e")
    assert b.states("a", "e") == "online offline/online"
    b.define(a={"dependencies": (b.needs("e"),)})
    b.world.advance(4)
    assert b.states("a", "e") == "maintenance maintenance"
    assert b.outcome(number) == "done"


def test_an_ordering_loop_through_a_cycle_does_not_hinder_the_way_down(bench):
    """a and b wait until x is down; then they come after each other, and a is in a cycle with c."""
    b = bench(x=slow(3.0))
    b.define(
        a={},
        b={},
        c={},
        x={"dependencies": (b.needs("a", "b"),), "interrupt": "finish", **NOTIFY},
    )
    number = b.ask("stop", "a", "b", "x")
    b.define(
        a={"after": (b.name("b"),), "dependencies": (b.needs("c"),)},
        b={"after": (b.name("a"),)},
        c={"dependencies": (b.needs("a"),)},
    )
    assert b.states("a", "b", "x") == "online online offline/online"
    b.world.advance(4)
    assert b.states("a", "b", "x") == "maintenance disabled disabled"
    assert b.outcome(number) == "done"


def test_within_a_loop_too_nobody_is_passed_before_it_was_looked_at(bench):
    b = bench()
    b.define(
        b={"dependencies": (b.needs("d", grouping=OPTIONAL),)},
        c={"after": (b.name("b"),)},
        d={"dependencies": (b.needs("c"),)},
    )
    told = [(p.fmri, str(p.state), p.next_state) for p in b.world.published]
    assert told.index((b.name("d"), "offline", "")) < told.index((b.name("b"), "offline", "online"))
    assert b.states("b", "c", "d") == "online online online"


@pytest.mark.parametrize("rebuilt", [False, True])
def test_who_is_restarted_by_an_arrival_names_what_came(bench, rebuilt):
    """As smf.md 3.3: what starts beside an optional dependency concerns who runs already."""
    b = bench()
    optional = {"grouping": "optional_all", "restart_on": "restart"}
    b.define(
        first={"enabled": False},
        second={"enabled": False},
        web={"dependencies": (b.needs("first", "second", **optional),)},
    )
    b.ask("start", "first")
    runs = b.run("web")
    if rebuilt:  # what was said before must not be all that is known after
        b.define(third={})
    b.ask("start", "second")
    assert b.run("web") == runs + 1
    causes = {
        one.cause
        for one in b.world.published
        if (one.fmri, one.run, one.reason) == (b.name("web"), runs, "dependency_activity")
    }
    assert causes == {"depends on second, which was started by root"}
