"""Verbs, goals, outcomes, closures, settling."""

from __future__ import annotations

import pytest

from stoker.engine import (
    Behaviour,
    Defined,
    Engine,
    NotSaved,
    Now,
    Outcome,
    Removed,
    Save,
    Signal,
    Spawn,
    Status,
)
from stoker.model import Ready, Restart, RestartOn, Rung, Step

SECOND = 10**9
NEVER = Behaviour(ready_after=None)
NOTIFY = {"ready": Ready("notify", timeout=60.0)}


def test_start_and_stop_are_temporary_words(bench):
    b = bench()
    b.define(web={}, off={"enabled": False})
    b.ask("stop", "web")
    b.ask("start", "off")
    assert b.states("web", "off") == "disabled online"
    assert (b.view("web").enabled, b.view("web").wanted) == (True, False)
    assert (b.view("off").enabled, b.view("off").wanted) == (False, True)
    assert b.world.saves == {}


def test_enable_and_disable_are_saved_with_who_and_why(bench):
    b = bench()
    b.define(web={})
    number = b.ask("disable", "web", why="disk swap")
    assert b.outcome(number) == "done"
    saved = b.world.saves[b.name("web")]
    assert (saved.enabled, saved.by, saved.why) == (False, "root", "disk swap")
    assert b.view("web").note == "disabled by root (disk swap)"
    b.ask("enable", "web")
    assert b.state("web") == "online"


def test_an_operation_waits_until_the_choice_is_remembered(bench):
    b = bench()
    b.define(web={})
    engine, now = b.world.engine, b.world.now
    from stoker.engine import Asked
    from stoker.model import Request

    number = engine.next_operation()
    effects = engine.handle([Asked(number, Request("enable", (b.name("web"),)))], now)
    token = next(e.token for e in effects if isinstance(e, Save))
    assert b.outcome(number) == ""
    effects = engine.handle([NotSaved(token, "disk full")], now)
    assert Outcome(number, "", "done", "done, but not remembered: disk full") in effects


def test_later_only_records(bench):
    b = bench()
    b.define(web={})
    number = b.ask("disable", "web", later=True)
    assert b.outcome(number) == "done"
    assert b.state("web") == "online"
    assert b.world.saves[b.name("web")].enabled is False
    assert b.world.engine.instance(b.name("web")).later_choice.by == "root"


def test_until_takes_the_word_back(bench):
    b = bench()
    b.define(web={})
    b.ask("disable", "web", until=b.world.now.wall + 60 * SECOND)
    assert b.state("web") == "disabled"
    view = b.view("web")
    assert view.until is not None
    assert not view.hopeless
    b.world.advance(59)
    assert b.state("web") == "disabled"
    b.world.advance(2)
    assert b.state("web") == "online"
    assert b.world.saves[b.name("web")] is None


def test_stop_until(bench):
    b = bench()
    b.define(web={})
    b.ask("stop", "web", until=b.world.now.wall + 60 * SECOND)
    b.world.advance(61)
    assert b.state("web") == "online"


def test_start_after_stop_replaces_it(bench):
    b = bench(web=Behaviour(dies_after=5.0))
    b.define(web={})
    stop = b.ask("stop", "web")
    start = b.ask("start", "web")
    assert b.member(stop, "web")[0] == "superseded"
    b.world.advance(10)
    assert b.outcome(start) == "done"
    assert b.run("web") == 2


def test_stop_during_start_supersedes(bench):
    b = bench(web=NEVER)
    b.define(web={**NOTIFY, "enabled": False})
    start = b.ask("start", "web")
    stop = b.ask("stop", "web")
    assert b.member(start, "web")[0] == "superseded"
    assert b.outcome(stop) == "done"


def test_the_same_goal_joins(bench):
    b = bench(web=Behaviour(ready_after=3.0))
    b.define(web={**NOTIFY, "enabled": False})
    one, two = b.ask("start", "web"), b.ask("start", "web")
    b.world.advance(4)
    assert [b.outcome(one), b.outcome(two)] == ["done", "done"]
    assert b.run("web") == 1


def test_a_failed_first_attempt_ends_the_operation_and_the_service_goes_on_trying(bench):
    b = bench(web=Behaviour(spawn_error="no such file"))
    b.define(web={"enabled": False})
    number = b.ask("start", "web")
    b.world.advance(0.1)
    assert b.outcome(number) == "failed"
    assert "no such file" in b.member(number, "web")[1]
    b.world.advance(60)
    assert b.run("web") > 3


def test_waiting_ends_at_the_time_given_and_the_goal_stays(bench):
    b = bench()
    b.define(web={"dependencies": (b.needs("input:TIME"),), "enabled": False})
    number = b.ask("start", "web", timeout=5.0)
    b.world.advance(4)
    assert b.outcome(number) == ""
    b.world.advance(2)
    assert b.outcome(number) == "waiting"
    assert "input TIME" in b.member(number, "web")[1]
    b.ask("set", input="TIME")
    assert b.state("web") == "online"


def test_the_impossible_is_said_at_once(bench):
    b = bench()
    b.define(web={"dependencies": (b.needs("nowhere"),), "enabled": False})
    number = b.ask("start", "web")
    assert b.outcome(number) == "impossible"
    assert "nowhere" in b.member(number, "web")[1]


def test_a_requirement_is_started_along_and_named(bench):
    b = bench()
    b.define(
        web={"dependencies": (b.needs("db"),), "enabled": False},
        db={"enabled": False},
    )
    number = b.ask("start", "web")
    assert b.states("db", "web") == "online online"
    found = b.world.engine.operation(number)
    assert found.affected == [b.name("db")]
    assert "db" in found.note
    assert b.view("db").cause == "was started because web requires it"


def test_wants_are_pulled_in_but_undo_no_persons_word(bench):
    b = bench()
    b.define(
        web={"wants": (b.name("log"), b.name("mail")), "enabled": False},
        log={"enabled": False},
        mail={"enabled": False},
        tail={"enabled": False, "wanted_by": (b.name("web"),)},
    )
    b.ask("stop", "mail")
    b.ask("start", "web")
    assert b.states("web", "log", "mail", "tail") == "online online disabled online"


def test_wants_act_at_the_first_start_too(bench):
    b = bench()
    b.define(web={"wants": (b.name("log"),)}, log={"enabled": False})
    assert b.states("web", "log") == "online online"


def test_conflicts_stop_the_other_once(bench):
    b = bench()
    b.define(day={"conflicts": (b.name("night"),), "enabled": False}, night={})
    b.ask("start", "day")
    assert b.states("day", "night") == "online disabled"
    b.ask("start", "night")
    assert b.states("day", "night") == "online online"


def test_what_contradicts_itself_is_refused_and_touches_nothing(bench):
    b = bench()
    b.define(
        day={"conflicts": (b.name("night"),), "enabled": False},
        night={"enabled": False},
    )
    number = b.ask("start", "day", "night")
    assert b.outcome(number) == "failed"
    assert b.states("day", "night") == "disabled disabled"


def test_parts_go_along_with_stop_and_restart(bench):
    b = bench()
    b.define(web={}, helper={"part_of": (b.name("web"),)})
    b.ask("restart", "web")
    assert (b.run("web"), b.run("helper")) == (2, 2)
    b.ask("stop", "web")
    assert b.states("web", "helper") == "disabled disabled"


def test_restart_while_waiting_for_a_dependency_joins_the_wait(bench):
    b = bench()
    b.define(web={"dependencies": (b.needs("input:TIME"),)})
    number = b.ask("restart", "web")
    assert b.outcome(number) == ""
    b.ask("set", input="TIME")
    assert b.outcome(number) == "done"
    assert b.run("web") == 1


def test_restart_of_what_does_not_run_does_nothing(bench):
    b = bench()
    b.define(web={"enabled": False})
    number = b.ask("restart", "web")
    assert b.outcome(number) == "done"
    assert b.starts("web") == []
    b.ask("mark", "web", state="maintenance")
    assert b.outcome(b.ask("restart", "web")) == "failed"


def test_enable_leaves_maintenance_alone_and_start_clears_it(bench):
    b = bench()
    b.define(web={})
    b.ask("mark", "web", state="maintenance")
    assert b.outcome(b.ask("enable", "web")) == "failed"
    assert b.state("web") == "maintenance"
    assert b.outcome(b.ask("start", "web")) == "done"
    assert b.state("web") == "online"


def test_disable_leaves_maintenance_by_way_of_uninitialized(bench):
    b = bench()
    b.define(web={})
    b.ask("mark", "web", state="maintenance")
    b.forget()
    b.ask("disable", "web")
    assert b.path("web") == ["uninitialized", "disabled"]


def test_signal_reaches_the_main_process(bench):
    b = bench()
    b.define(web={}, off={"enabled": False})
    b.forget()
    number = b.ask("signal", "web", signal=10)
    assert [e for _, e in b.world.log if isinstance(e, Signal)] == [
        Signal(b.name("web"), 1, "main", 10)
    ]
    assert b.outcome(number) == "done"
    assert b.outcome(b.ask("signal", "off", signal=10)) == "failed"


def test_an_unknown_name_or_verb_fails(bench):
    b = bench()
    b.define(web={})
    assert b.outcome(b.ask("start", "nowhere")) == "failed"
    assert b.outcome(b.ask("dance", "web")) == "failed"


# -- settling


def test_settled_when_all_are_up(bench):
    b = bench(web=Behaviour(ready_after=3.0))
    b.define(db={}, web=NOTIFY)
    number = b.ask("settle")
    assert b.outcome(number) == ""
    b.world.advance(4)
    assert b.outcome(number) == "done"


def test_settling_says_what_is_not_up_and_why(bench):
    b = bench(web=Behaviour(spawn_error="no such file"))
    b.define(
        db={},
        web={},
        page={"dependencies": (b.needs("web"),)},
        clock={"dependencies": (b.needs("input:TIME"),)},
        off={"enabled": False},
    )
    number = b.ask("settle")
    b.world.advance(1)
    assert b.outcome(number) == "failed"
    assert b.member(number, "db")[0] == b.member(number, "off")[0] == "done"
    assert b.member(number, "web")[0] == "failed"
    assert "no such file" in b.member(number, "web")[1]
    assert b.member(number, "page")[0] == "waiting"
    assert b.member(number, "clock")[0] == "waiting"


def test_what_ended_by_itself_since_counts_as_not_up(bench):
    b = bench(
        quick=Behaviour(exit_after=0.5),
        task=Behaviour(exit_after=0.5),
        slow=Behaviour(ready_after=3.0),
    )
    b.define(
        quick={},
        task={"restart": Restart(when="on-failure")},
        slow=NOTIFY,
        once={"ready": Ready("exit"), "ends": "never"},
    )
    number = b.ask("settle")
    b.world.advance(4)
    assert b.outcome(number) == "failed"
    outcomes = {w: b.member(number, w)[0] for w in ("quick", "task", "slow", "once")}
    assert outcomes == {"quick": "failed", "task": "failed", "slow": "done", "once": "done"}


def test_a_crash_loop_does_not_keep_it_from_settling(bench):
    b = bench(web=Behaviour(exit_after=0.01, status=Status("exit", 1)))
    b.define(web={"restart": Restart(delay=0.01, cap=0.01)}, db={})
    b.world.advance(0.5)
    number = b.ask("settle")
    b.world.advance(0.1)
    assert b.outcome(number) == "failed"


def test_settling_waits_for_what_is_on_its_way_down(bench):
    b = bench(web=Behaviour(dies_after=3.0))
    b.define(web={})
    b.ask("stop", "web")
    number = b.ask("settle")
    assert b.outcome(number) == ""
    b.world.advance(4)
    assert b.outcome(number) == "done"


LATE = {
    "prepare": (Step(argv=("/bin/late",), timeout=2.0),),
    "ladder": (Rung((15,), 5.0),),
    "restart": Restart(limit=0, retry_every=3600.0),
}


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("verb", ["settle", "reload", "start"])
def test_what_failed_is_waited_for_until_it_is_at_rest(bench, verb, replaced):
    """Its prepare is too late, and takes no notice of TERM: it is at rest 7 seconds later."""
    b = bench(web=Behaviour(takes=None, ignores=frozenset((15,))))
    b.define(web=LATE, db={"after": (b.name("web"),)})
    number = b.ask(verb, *["web"] * (verb == "start"))
    b.world.advance(3)
    assert b.world.engine.instance(b.name("web")).stage == "kill"
    assert b.state("db") == "online"  # an ordering waits for the first failure only
    assert b.outcome(number) == ""
    if replaced:
        b.world.replace_manager()
        assert b.outcome(number) == ""
    b.world.advance(12)
    assert b.state("web") == "maintenance"
    assert b.outcome(number) == "failed"
    assert "did not end in time" in b.member(number, "web")[1]


def test_what_ended_is_waited_for_until_it_is_at_rest(bench):
    """Its main process ends, another stays for 5 seconds; then it may not run again."""
    b = bench(web=Behaviour(exit_after=1.0, leaves=True, ignores=frozenset((15,))))
    b.define(web={"ladder": (Rung((15,), 5.0),), "restart": Restart(limit=0)}, db=NOTIFY)
    b.world.advance(2)
    number = b.ask("settle")
    assert b.state("web") == "online/offline"
    assert b.outcome(number) == ""
    b.world.advance(10)
    assert b.state("web") == "maintenance"
    assert b.outcome(number) == "failed"


def test_whoever_fails_again_and_again_is_waited_for_once(bench):
    """Two that take long to fail are hardly ever at rest at the same moment."""
    slow = Behaviour(takes=5.0, methods={"prepare": Status("exit", 1)})
    b = bench(one=slow, two=slow)
    often = {"prepare": LATE["prepare"], "restart": Restart(delay=0.1, cap=0.1)}
    late = {**often, "prepare": (Step(argv=("/bin/late",), timeout=3.0),)}
    b.define(one=often, two=late)
    number = b.ask("settle")
    b.world.advance(2.5)
    assert b.outcome(number) == ""
    b.world.advance(1)
    assert b.outcome(number) == "failed"
    assert b.state("one") == "offline/online"


def test_settling_has_a_time_limit(bench):
    b = bench(web=NEVER)
    b.define(web=NOTIFY)
    number = b.ask("settle", timeout=5.0)
    b.world.advance(6)
    assert b.outcome(number) == "waiting"


# -- the limit of starts


def test_no_more_starts_at_once_than_the_cap_and_all_get_their_turn(bench):
    services = {f"s{n}": NOTIFY for n in range(7)}
    b = bench(cap=2, **{word: Behaviour(ready_after=1.0) for word in services})
    b.define(**services)
    assert len([1 for _, e in b.world.log if isinstance(e, Spawn)]) == 2
    waiting = [b.view(word).note for word in services if b.state(word) == "offline"]
    assert len(waiting) == 5
    assert all("which is the limit" in note for note in waiting)
    b.world.advance(5)
    assert {b.state(word) for word in services} == {"online"}


def test_no_more_stops_at_once_than_the_cap_and_all_get_their_turn(bench):
    words = [f"s{n}" for n in range(5)]
    b = bench(cap=2, **{word: Behaviour(dies_after=1.0) for word in words})
    b.define(**{word: {} for word in words})
    b.world.advance(1)
    number = b.ask("stop", *words)
    assert len(b.order()) == 2
    waiting = [b.view(word).note for word in words if b.state(word) == "online"]
    assert [note for note in waiting if "2 others are stopping, which is the limit" in note]
    assert b.outcome(number) == ""
    b.world.advance(0.9)
    assert len(b.order()) == 2
    b.world.advance(5)
    assert {b.state(word) for word in words} == {"disabled"}
    assert b.outcome(number) == "done"


def test_restarts_take_turns_and_what_was_taken_back_does_not_stop(bench):
    words = ["a", "b", "c"]
    b = bench(cap=1, **{word: Behaviour(dies_after=1.0) for word in words})
    b.define(**{word: {} for word in words})
    b.world.advance(1)
    b.ask("restart", *words)
    settled = b.ask("settle")
    assert (b.order(), b.outcome(settled)) == (["a"], "")
    assert "is to stop" in b.view("c").note
    b.world.advance(1.5)
    assert (b.order(), b.outcome(settled)) == (["a", "b"], "")
    b.world.advance(5)
    assert [b.run(word) for word in words] == [2, 2, 2]
    assert b.outcome(settled) == "done"
    b.ask("stop", "a", "b")
    b.ask("start", "b")
    b.world.advance(5)
    assert b.state("a") == "disabled"
    assert (b.state("b"), b.run("b"), b.view("b").note) == ("online", 2, "")


def test_a_stop_does_not_wait_for_a_start_nor_a_fault_for_its_turn(bench):
    b = bench(cap=1, slow=Behaviour(ready_after=100.0), a=Behaviour(dies_after=50.0))
    b.define(a={}, b={}, db={})
    b.define(user={"dependencies": (b.needs("db", restart_on="restart"),)}, slow=NOTIFY)
    b.world.advance(1)
    assert b.states("slow", "user") == "offline/online online"
    b.ask("stop", "a")
    assert b.order() == ["a"]
    b.ask("mark", "db", state="maintenance")
    b.world.advance(1)
    assert "user" in b.order()


def test_whoever_is_asked_to_stop_now_does_not_wait_for_its_turn(bench):
    b = bench(cap=1, a=Behaviour(dies_after=50.0))
    b.define(a={}, b={})
    b.world.advance(1)
    b.ask("stop", "a", "b")
    assert b.order() == ["a"]
    b.ask("kill", "b")
    assert b.order() == ["a", "b"]


# -- orderings among what is started along


@pytest.mark.parametrize("verb", ["start", "enable"])
def test_what_is_wanted_along_comes_up_in_its_order(bench, verb):
    b = bench(pre=Behaviour(ready_after=5.0))
    b.define(
        fs={"enabled": False, "wanted_by": (b.name("all"),)},
        pre={**NOTIFY, "enabled": False, "wanted_by": (b.name("all"),), "before": (b.name("fs"),)},
        all={"enabled": False},
    )
    b.ask(verb, "all")
    assert "fs" not in b.order("started")
    b.world.advance(10)
    assert b.order("started").index("pre") < b.order("started").index("fs")


# -- hope that ends


def test_nobody_is_decided_about_while_a_circle_falls_apart(bench):
    """Nothing is known of the file yet. Without d there is no ordering loop, and a is next: e,
    which waits for a if that can come, must not take it for hopeless in between.
    """
    b, now = bench(), Now(SECOND, SECOND)
    optional = {"grouping": "optional_all"}
    engine = Engine()
    services = (
        b.service("a"),
        b.service("b"),
        b.service("c", after=(b.name("a"),), before=(b.name("b"),)),
        b.service("d", dependencies=(b.needs("file:///one", "b", **optional),)),
        b.service("e", dependencies=(b.needs("a", **optional),)),
        b.service("g", dependencies=(b.needs("d"),), before=(b.name("a"),)),
    )
    found = engine.handle([Defined(one) for one in services], now)
    assert not [e for e in found if isinstance(e, Spawn)]
    found = engine.handle([Removed(b.name("d"))], now)
    assert [e.fmri for e in found if isinstance(e, Spawn)] == [b.name("a")]


def test_a_start_is_over_when_the_circle_that_it_hoped_for_does_not_open(bench):
    """a lies on a circle, and b, which conflicts with it, comes back at a set time: then the circle
    is another one. It came back, and nothing is.
    """
    b = bench(b=Behaviour(methods={"stop": Status("exit", 1)}))
    b.define(
        a={"dependencies": (b.needs("file:///one"),)},
        b={"conflicts": (b.name("a"),), "stop": (Step(argv=("/stop",)),), "unclean": "maintenance"},
        c={"dependencies": (b.needs("a", "b"),)},
        d={"dependencies": (b.needs("a"),), "before": (b.name("a"),)},
    )
    b.world.advance(1)
    b.ask("disable", "d")
    number = b.ask("start", "c")
    b.ask("stop", "b", until=b.world.now.wall + 60 * 10**9)
    b.world.advance(30)
    assert b.outcome(number) == ""
    b.world.advance(60)
    assert b.outcome(number) == "impossible"


# -- alone


def test_alone_nothing_comes_along_and_nothing_goes_along(bench):
    b = bench()
    b.define(
        db={"enabled": False},
        log={"enabled": False, "required_by": (b.name("web"),)},
        web={"enabled": False, "wants": (b.name("log"),), "conflicts": (b.name("old"),)},
        old={},
    )
    b.ask("start", "web", alone=True)
    b.world.advance(1)
    assert b.states("web", "log", "old") == "online disabled online"
    b.ask("start", "web", "log")
    b.world.advance(1)
    assert b.states("web", "log", "old") == "online online disabled"


def test_a_stop_alone_leaves_those_that_are_part_of_it(bench):
    b = bench()
    b.define(web={}, part={"part_of": (b.name("web"),)})
    b.ask("stop", "web", alone=True)
    b.world.advance(1)
    assert b.states("web", "part") == "disabled online"
    b.ask("start", "web")
    b.ask("stop", "web")
    b.world.advance(1)
    assert b.states("web", "part") == "disabled disabled"


# -- down


def test_a_second_down_goes_straight_to_kill(bench):
    b = bench(web=Behaviour(ignores=frozenset((15,))))
    b.define(db={}, web={"dependencies": (b.needs("db"),)})
    first = b.ask("down")
    assert b.world.exited is None
    second = b.ask("down")
    assert b.world.exited == 0
    assert [b.outcome(first), b.outcome(second)] == ["done", "done"]


@pytest.mark.parametrize("replaced", [False, True])
def test_going_down_kills_what_is_left_after_the_time_given(bench, replaced):
    stubborn = Behaviour(ignores=frozenset((15,)))
    b = bench(web=stubborn, db=stubborn)
    ladder = (Rung((15,), 1000.0),)
    needs = b.needs("db", restart_on=RestartOn.RESTART)
    b.define(db={"ladder": ladder}, web={"ladder": ladder, "dependencies": (needs,)})
    b.world.engine.down_timeout = 30.0
    number = b.ask("down")
    b.world.advance(29)
    assert b.world.exited is None
    if replaced:
        b.world.replace_manager()  # the time is the shutdown's, not the manager's
    b.world.advance(1)
    assert b.world.exited == 0
    assert b.outcome(number) == "done"


def test_nothing_starts_any_more_once_all_is_going_down(bench):
    b = bench(web=Behaviour(ignores=frozenset((15,))))
    b.define(web={}, off={"enabled": False})
    b.ask("down")
    assert b.outcome(b.ask("start", "off")) == "failed"
    b.world.advance(20)
    assert b.world.exited == 0


def test_down_does_not_wait_for_what_cannot_die(bench):
    b = bench(web=Behaviour(unkillable=True))
    b.define(db={}, web={"dependencies": (b.needs("db", restart_on=RestartOn.RESTART),)})
    number = b.ask("down")
    b.world.advance(60)
    assert b.world.exited == 0
    assert b.outcome(number) == "failed"
    assert not b.world.alive(b.name("db"))


def test_a_removed_service_is_stopped_and_forgotten(bench):
    b = bench()
    b.define(db={}, web={"dependencies": (b.needs("db", restart_on=RestartOn.RESTART),)})
    b.forget()
    b.world.remove(b.name("db"))
    assert b.order() == ["web", "db"]
    assert b.world.engine.fmris() == [b.name("web")]
    assert b.view("web").hopeless
    assert b.world.engine.take_changed()[b.name("db")] is None


def test_a_definition_that_needs_a_new_process_restarts_and_another_does_not(bench):
    from stoker.model import Step

    b = bench()
    b.define(web={})
    b.define(web={"description": "the web"})
    assert b.run("web") == 1
    b.define(web={"start": (Step(argv=("/bin/other",)),)})
    assert b.run("web") == 2
    assert b.view("web").cause == "has a new definition"
