"""The restart policy: waits, limits, maintenance, and what a person's start changes."""

from __future__ import annotations

import itertools

import pytest

from stoker.engine import Behaviour, Status
from stoker.engine.decider import judge, too_many, wait_before
from stoker.model import Ready, Restart, RestartOn, Step

SECOND = 10**9
CRASH = Behaviour(exit_after=0.01, status=Status("exit", 1))
PLAIN = Restart(delay=1.0, factor=2.0, cap=8.0, jitter=0.0)


def test_the_first_restart_waits_nothing_and_the_others_grow_up_to_the_cap():
    waits = [wait_before(PLAIN, step, "svc:/web:default", 1) / SECOND for step in range(7)]
    assert waits == [0, 1, 2, 4, 8, 8, 8]


def test_jitter_shortens_within_its_fraction_and_is_repeatable():
    policy = Restart(delay=1.0, factor=1.0, jitter=0.5)
    waits = [wait_before(policy, 1, "svc:/web:default", run) for run in range(200)]
    assert waits == [wait_before(policy, 1, "svc:/web:default", run) for run in range(200)]
    assert all(SECOND // 2 <= wait <= SECOND for wait in waits)
    assert len(set(waits)) > 100


def test_growth_without_end_does_not_overflow():
    assert wait_before(Restart(jitter=0.0, factor=10.0), 10_000, "x", 1) == 30 * SECOND


def verdict(policy, **given):
    asked = {
        "fmri": "svc:/web:default",
        "run": 1,
        "step": 0,
        "fails": 0,
        "healthy": 0,
        "status": Status("exit", 0),
        "failed_start": False,
    }
    return judge(policy, **{**asked, **given})


@pytest.mark.parametrize(
    ("when", "status", "again", "fault"),
    [
        ("always", Status("exit", 0), True, ""),
        ("always", Status("exit", 1), True, ""),
        ("on-failure", Status("exit", 0), False, ""),
        ("on-failure", Status("exit", 1), True, ""),
        ("on-failure", Status("signal", 15), True, ""),
        ("on-failure", Status("unknown"), True, ""),
        ("never", Status("exit", 0), False, ""),
        ("never", Status("exit", 1), False, "method_failed"),
    ],
)
def test_which_ends_are_wanted(when, status, again, fault):
    found = verdict(Restart(when=when), status=status)
    assert (found.again, found.fault) == (again, fault)


def test_fatal_exits_and_failures_in_a_row():
    assert verdict(Restart(fatal_exits=(95,)), status=Status("exit", 95)).fault == "method_failed"
    policy = Restart(failures=3)
    assert verdict(policy, fails=2, failed_start=True).again
    assert verdict(policy, fails=3, failed_start=True).fault == "fault_threshold_reached"


def test_a_healthy_time_ends_the_growth():
    assert verdict(PLAIN, step=5, healthy=59 * SECOND).wait == 8 * SECOND
    found = verdict(PLAIN, step=5, healthy=60 * SECOND)
    assert (found.wait, found.step) == (0, 1)


def test_the_limit_counts_restarts():
    policy = Restart(limit=3)
    assert verdict(policy, step=2).again
    assert verdict(policy, step=3).fault == "restarting_too_quickly"
    assert verdict(Restart(limit=0)).fault == "restarting_too_quickly"


def test_the_rate_as_an_average_and_as_a_window():
    average = Restart(rate_count=5, rate_period=600.0, rate_average=True)
    starts = [n * 500 * SECOND for n in range(4)]
    assert too_many(average, starts, 2000 * SECOND)
    assert not too_many(average, starts, 2400 * SECOND)
    assert not too_many(average, starts[:3], 1500 * SECOND)
    window = Restart(rate_count=3, rate_period=10.0)
    assert too_many(window, [0, SECOND], 9 * SECOND)
    assert not too_many(window, [0, SECOND], 10 * SECOND)


# -- in the engine


def test_a_crash_loop_slows_down(bench):
    b = bench(web=CRASH)
    b.define(web={"restart": Restart(delay=1.0, cap=4.0, jitter=0.0)})
    b.world.advance(20)
    starts = b.starts("web")
    gaps = [round(late - early, 2) for early, late in itertools.pairwise(starts)]
    assert gaps[:6] == [0.01, 1.01, 2.01, 4.01, 4.01, 4.01]


def test_after_a_long_time_up_the_first_wait_is_nothing_again(bench):
    b = bench(web=CRASH)
    b.define(web={"restart": Restart(delay=1.0, jitter=0.0)})
    b.world.advance(10)
    b.world.with_behaviour(b.name("web"), exit_after=None)
    b.world.advance(100)
    before = b.run("web")
    b.world.kill(b.name("web"))
    assert b.run("web") == before + 1


def test_over_the_limit_is_maintenance_with_its_reason(bench):
    b = bench(web=CRASH)
    b.define(web={"restart": Restart(limit=2)})
    b.world.advance(10)
    assert b.state("web") == "maintenance"
    view = b.view("web")
    assert view.reason == "restarting_too_quickly"
    assert "restarted 2 times" in view.note
    assert view.hopeless
    assert view.until is None
    assert b.run("web") == 3
    assert view.restarts == 2


def test_retry_every_leaves_maintenance_by_itself(bench):
    b = bench(web=CRASH)
    b.define(web={"restart": Restart(limit=1, retry_every=60.0)})
    b.world.advance(10)
    view = b.view("web")
    assert b.state("web") == "maintenance"
    assert not view.hopeless
    assert view.until is not None
    b.world.with_behaviour(b.name("web"), exit_after=None)
    b.world.advance(60)
    assert b.state("web") == "online"


def test_a_persons_start_is_never_counted(bench):
    b = bench(web=CRASH)
    b.define(web={"restart": Restart(limit=2)})
    for _ in range(5):
        b.world.advance(10)
        assert b.state("web") == "maintenance"
        number = b.ask("start", "web")
        assert b.outcome(number) == "done"
    b.world.advance(10)
    assert b.run("web") == 18


def test_a_persons_start_does_not_wait_for_the_back_off(bench):
    b = bench(web=CRASH)
    b.define(web={"restart": Restart(delay=1000.0, cap=1000.0)})
    b.world.advance(10)
    assert "is tried again in" in b.view("web").note
    assert not b.view("web").hopeless
    before = b.run("web")
    b.world.with_behaviour(b.name("web"), exit_after=None)
    b.ask("restart", "web")
    assert b.state("web") == "online"
    assert b.run("web") == before + 1


def test_a_task_that_is_done_is_disabled_and_one_that_failed_for_good_is_set_aside(bench):
    b = bench(
        good=Behaviour(exit_after=1.0),
        bad=Behaviour(exit_after=1.0, status=Status("exit", 2)),
    )
    b.define(good={"restart": Restart(when="never")}, bad={"restart": Restart(when="never")})
    b.world.advance(5)
    assert b.states("good", "bad") == "disabled maintenance"
    assert b.view("good").note == "did its task and ended"
    b.ask("start", "good", "bad")
    assert b.states("good", "bad") == "online online"


def test_what_cannot_be_executed_is_tried_again_and_never_online(bench):
    b = bench(web=Behaviour(spawn_error="no such file"))
    b.define(web={})
    b.world.advance(30)
    assert "online" not in b.path("web")
    assert "no such file" in b.view("web").note
    b.world.with_behaviour(b.name("web"), spawn_error="")
    b.world.advance(60)
    assert b.state("web") == "online"


def test_failures_in_a_row_set_aside(bench):
    b = bench(web=Behaviour(methods={"start": Status("exit", 1)}))
    b.define(
        web={"ready": Ready("exit"), "ends": "empty", "restart": Restart(failures=3, delay=0.0)}
    )
    b.world.advance(5)
    assert b.state("web") == "maintenance"
    assert b.run("web") == 3
    assert b.view("web").reason == "fault_threshold_reached"


def test_an_instant_failure_without_any_delay_does_not_hang_a_turn(bench):
    b = bench()
    b.define(
        web={
            "start": (Step(word=":kill"),),
            "ready": Ready("exit"),
            "ends": "never",
            "restart": Restart(delay=0.0, limit=50),
        }
    )
    b.world.advance(5)
    assert b.state("web") == "maintenance"


def test_an_essential_service_that_is_over_takes_all_down_with_its_status(bench):
    b = bench(main=Behaviour(exit_after=5.0, status=Status("exit", 7)))
    b.define(main={"essential": True, "restart": Restart(when="never")}, web={})
    b.world.advance(10)
    assert b.world.exited == 7
    assert not b.world.alive(b.name("web"))


def test_an_essential_service_killed_for_good(bench):
    b = bench(main=Behaviour(exit_after=5.0, status=Status("signal", 9)))
    b.define(main={"essential": True, "restart": Restart(limit=0)})
    b.world.advance(10)
    assert b.world.exited == 128 + 9


def test_a_person_may_stop_an_essential_service(bench):
    b = bench()
    b.define(main={"essential": True})
    b.ask("stop", "main")
    b.world.advance(10)
    assert b.world.exited is None


@pytest.mark.parametrize(("signo", "state"), [(11, "maintenance"), (0, "online")])
def test_starts_count_when_what_is_needed_failed_and_not_when_it_left_in_order(bench, signo, state):
    """smf.md 3.3: a stop that a dependency drives resets the rate, unless that was a fault."""
    b = bench()
    rate = Restart(rate_count=3, rate_period=100.0)
    needs = b.needs("db", restart_on=RestartOn.RESTART)
    b.define(db={"restart": Restart(cap=0.0)}, web={"dependencies": (needs,), "restart": rate})
    for _ in range(3):
        if signo:
            b.world.kill(b.name("db"), signo)
        else:
            b.ask("restart", "db")
        b.world.advance(1)
    assert b.states("db", "web") == f"online {state}"
