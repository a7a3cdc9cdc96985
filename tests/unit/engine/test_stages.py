"""Stages, states and what is published of them."""

from __future__ import annotations

import pytest

from stoker import engine as machine
from stoker.engine import Behaviour, Empty, Exited, Hurt, Probed, Signal, Spawned, Status
from stoker.model import Health, Probe, Ready, Restart, Rung, Step

STEP = Step(argv=("/bin/step",))


def test_a_service_comes_up_by_way_of_offline_and_a_next_state(bench):
    b = bench()
    b.define(web={})
    assert b.path("web") == ["offline", "offline/online", "online"]
    assert b.view("web").pid is not None


def test_a_disabled_one_is_shown_and_left_alone(bench):
    b = bench()
    b.define(web={"enabled": False})
    assert b.path("web") == ["disabled"]
    assert b.starts("web") == []


def test_going_down_shows_the_next_state_first(bench):
    b = bench()
    b.define(web={})
    b.forget()
    b.ask("stop", "web")
    assert b.path("web") == ["online/disabled", "disabled"]


def test_a_restart_shows_offline_between(bench):
    b = bench()
    b.define(web={})
    b.forget()
    b.ask("restart", "web")
    assert b.path("web") == ["online/offline", "offline", "offline/online", "online"]
    assert b.view("web").reason == "restart_request"
    assert b.run("web") == 2


def test_a_target_needs_no_process(bench):
    b = bench()
    b.define(all={"start": ()})
    assert b.state("all") == "online"
    assert b.view("all").pid is None


def test_prepare_comes_before_start_and_cleanup_after(bench):
    b = bench()
    b.define(web={"prepare": (STEP, STEP), "cleanup": (STEP,)})
    b.ask("stop", "web")
    methods = [e.method for _, e in b.world.log if isinstance(e, machine.Spawn)]
    assert methods == ["prepare", "prepare", "start", "cleanup"]


def test_a_failed_prepare_is_a_failed_start(bench):
    b = bench(web=Behaviour(methods={"prepare": Status("exit", 1)}))
    b.define(web={"prepare": (STEP,)})
    assert b.starts("web") == []
    assert b.state("web") == "offline"
    assert "exit status 1" in b.view("web").note


def test_a_prepare_that_may_fail_does_not_matter(bench):
    b = bench(web=Behaviour(methods={"prepare": Status("exit", 1)}))
    b.define(web={"prepare": (Step(argv=("/bin/x",), on_fail="ignore"),)})
    assert b.state("web") == "online"


def test_a_skipped_start_is_no_failure(bench):
    b = bench(web=Behaviour(methods={"prepare": Status("exit", 1)}))
    b.define(web={"prepare": (Step(argv=("/bin/x",), on_fail="skip"),)})
    number = b.ask("settle")
    assert b.state("web") == "disabled"
    assert b.outcome(number) == "done"


@pytest.mark.parametrize("kind", ["notify", "fd", "probe", "log"])
def test_readiness_is_awaited(bench, kind):
    b = bench(web=Behaviour(ready_after=2.0))
    b.define(web={"ready": Ready(kind, timeout=30.0)})
    assert b.state("web") == "offline/online"
    b.world.advance(1.9)
    assert b.state("web") == "offline/online"
    b.world.advance(0.2)
    assert b.state("web") == "online"


def test_what_never_says_it_is_ready_is_never_online(bench):
    b = bench(web=Behaviour(ready_after=None))
    b.define(web={"ready": Ready("notify", timeout=5.0)})
    b.world.advance(300)
    assert "online" not in b.path("web")
    assert "not ready in time" in b.view("web").note


def test_what_reloads_or_ends_by_its_own_word_is_shown_until_it_says_otherwise(bench):
    b = bench()
    b.define(web={"ready": Ready("notify")})
    web = b.name("web")
    said = []
    for event in (
        machine.Notified(web, 1, "reloading"),
        machine.Ready(web, 1),
        machine.Notified(web, 1, "reloading"),
        machine.Notified(web, 1, "status", "3 clients"),
        machine.Ready(web, 1),
        machine.Notified(web, 1, "stopping"),
    ):
        b.world.tell(event)
        said.append(b.view("web").status_text)
    assert said == ["reloading", "", "reloading", "3 clients", "3 clients", "stopping"]
    assert b.state("web") == "online"


def test_a_deadline_counts_from_the_process_and_not_from_the_decision(bench):
    b = bench()
    e = b.world.engine
    now = b.world.now
    e.handle([machine.Defined(b.service("web", ready=Ready("notify", timeout=5.0)))], now)
    later = machine.Now(now.mono + 60 * 10**9, now.wall + 60 * 10**9)
    effects = e.handle([Spawned(b.name("web"), 1, "start", 7)], later)
    assert machine.Wake(later.mono + 5 * 10**9) in effects
    assert e.instance(b.name("web")).stage == "start"


def test_ready_after_a_delay_means_alive_for_that_long(bench):
    b = bench()
    b.define(web={"ready": Ready("delay", delay=3.0)})
    b.world.advance(2.9)
    assert b.state("web") == "offline/online"
    b.world.advance(0.2)
    assert b.state("web") == "online"


def test_a_transient_that_succeeded_stays_online(bench):
    b = bench()
    b.define(once={"ready": Ready("exit"), "ends": "never"})
    assert b.state("once") == "online"
    assert not b.world.alive(b.name("once"))
    number = b.ask("settle")
    assert b.outcome(number) == "done"


def test_a_daemon_ends_with_its_contract(bench):
    b = bench(web=Behaviour(exit_after=5.0))
    b.define(web={"ready": Ready("exit"), "ends": "empty"})
    assert b.state("web") == "online"
    b.world.advance(4)
    assert b.run("web") == 1
    b.world.advance(2)
    assert b.run("web") == 2


def test_hurt_counts_for_contracts_unless_ignored(bench):
    b = bench()
    daemon = {"ready": Ready("exit"), "ends": "empty"}
    b.define(one=daemon, other={**daemon, "ignore": ("core",)}, child={})
    for word in ("one", "other", "child"):
        b.world.tell(Hurt(b.name(word), 1, "core"))
    assert [b.run(word) for word in ("one", "other", "child")] == [2, 1, 1]
    assert "ct_ev_core" in [p.reason for p in b.world.published]


def test_a_new_pid_from_a_pidfile(bench):
    b = bench(web=Behaviour(ready_after=0.5))
    b.define(web={"ready": Ready("pidfile", path="/run/web.pid", timeout=5.0)})
    b.world.advance(0.4)
    assert b.state("web") == "offline/online"
    b.world.advance(0.2)
    assert b.state("web") == "online"


# -- stopping


def test_the_ladder_is_climbed_to_kill(bench):
    b = bench(web=Behaviour(ignores=frozenset((1, 15))))
    b.define(web={"ladder": (Rung((1,), 2.0), Rung((15,), 3.0))})
    b.ask("stop", "web")
    sent = [(round(t, 3), e.signo) for t, e in b.world.log if isinstance(e, Signal)]
    assert sent == [(0, 1)]
    b.world.advance(60)
    sent = [(round(t, 3), e.signo) for t, e in b.world.log if isinstance(e, Signal)]
    killed = [round(t, 3) for t, e in b.world.log if isinstance(e, machine.Kill)]
    assert sent == [(0, 1), (2, 15)]
    assert killed == [5]
    assert b.state("web") == "disabled"


def test_what_kill_does_not_end_is_stuck_and_blocks_a_new_run(bench):
    b = bench(web=Behaviour(unkillable=True))
    b.define(web={"ladder": (Rung((15,), 1.0),)})
    number = b.ask("stop", "web")
    b.world.advance(60)
    assert b.outcome(number) == "failed"
    assert b.state("web") == "maintenance"
    assert [o.why for o in b.world.orphans] == ["stuck"]
    b.ask("start", "web")
    b.world.advance(60)
    assert b.run("web") == 1
    b.world.with_behaviour(b.name("web"), unkillable=False)
    b.world.kill(b.name("web"))
    assert b.state("web") == "online"
    assert b.run("web") == 2


def _stuck(bench):
    b = bench(web=Behaviour(unkillable=True))
    b.define(web={"ladder": (Rung((15,), 1.0),)})
    b.ask("restart", "web")
    b.world.advance(60)
    assert b.state("web") == "maintenance"
    return b


def _free(b):
    b.world.with_behaviour(b.name("web"), unkillable=False)
    b.world.kill(b.name("web"))


@pytest.mark.parametrize("replaced", [False, True])
def test_a_mark_made_while_stuck_holds_when_nothing_is_left(bench, replaced):
    b = _stuck(bench)
    assert b.outcome(b.ask("mark", "web", state="maintenance", why="disk swap")) == "done"
    if replaced:
        b.world.replace_manager()
    _free(b)
    assert b.state("web") == "maintenance"
    assert (b.run("web"), b.view("web").stage) == (1, "idle")
    assert "disk swap" in b.view("web").note
    assert b.view("web").reason == "administrative_request"
    assert b.outcome(b.ask("clear", "web")) == "done"
    assert (b.state("web"), b.run("web")) == ("online", 2)


@pytest.mark.parametrize("verb", ["clear", "start"])
def test_a_mark_made_while_stuck_can_be_taken_back(bench, verb):
    b = _stuck(bench)
    b.ask("mark", "web", state="maintenance")
    b.ask(verb, "web")
    assert b.state("web") == "maintenance"
    _free(b)
    assert (b.state("web"), b.run("web")) == ("online", 2)


@pytest.mark.parametrize("replaced", [False, True])
def test_stuck_and_not_marked_starts_again_when_nothing_is_left(bench, replaced):
    b = _stuck(bench)
    if replaced:
        b.world.replace_manager()
    _free(b)
    assert (b.state("web"), b.run("web")) == ("online", 2)


def test_leftovers_are_swept_before_the_next_run(bench):
    b = bench(web=Behaviour(leaves=True, dies_after=3.0))
    b.define(web={})
    b.world.kill(b.name("web"))
    assert b.run("web") == 1
    b.world.advance(2.9)
    assert b.run("web") == 1
    b.world.advance(0.2)
    assert b.run("web") == 2


def test_a_stop_method_comes_before_the_signals(bench):
    b = bench(web=Behaviour(takes=1.0))
    b.define(web={"stop": (Step(argv=("/bin/stop",), timeout=10.0),)})
    b.ask("stop", "web")
    assert not [e for _, e in b.world.log if isinstance(e, Signal)]
    b.world.advance(1.1)
    assert [e.signo for _, e in b.world.log if isinstance(e, Signal)] == [15]


def test_a_stop_method_that_hangs_is_killed(bench):
    b = bench(web=Behaviour(takes=None))
    b.define(web={"stop": (Step(argv=("/bin/stop",), timeout=10.0),)})
    b.ask("stop", "web")
    b.world.advance(11)
    assert b.state("web") == "disabled"


def test_killing_is_maintenance_where_the_definition_says_so(bench):
    b = bench(web=Behaviour(ignores=frozenset((15,))))
    b.define(web={"ladder": (Rung((15,), 1.0),), "unclean": "maintenance"})
    b.ask("restart", "web")
    b.world.advance(5)
    assert b.state("web") == "maintenance"


@pytest.mark.parametrize(("interrupt", "seconds"), [("abort", 0.0), ("finish", 4.0)])
def test_a_stop_during_start(bench, interrupt, seconds):
    b = bench(web=Behaviour(takes=4.0))
    step = (Step(argv=("/bin/start",), timeout=60.0),)
    b.define(web={"start": step, "ready": Ready("exit"), "ends": "empty", "interrupt": interrupt})
    b.world.advance(1)
    b.ask("stop", "web")
    b.world.advance(seconds + 0.1)
    assert b.state("web") == "disabled"
    down = [p for p in b.world.published if p.state == "disabled"]
    assert len(down) == 1


def test_stop_and_death_in_the_same_moment(bench):
    b = bench()
    b.define(web={})
    name = b.name("web")
    number = b.world.engine.next_operation()
    from stoker.model import Request

    gone = [Exited(name, 1, "main", Status("signal", 9)), Empty(name, 1)]
    asked = machine.Asked(number, Request("stop", (name,), who="root"))
    b.world.contracts[name].processes.clear()
    b.world.tell(*gone, asked)
    assert b.state("web") == "disabled"
    assert b.outcome(number) == "done"
    b.world.advance(100)
    assert b.run("web") == 1


def test_late_facts_of_an_earlier_run_are_dropped(bench):
    b = bench()
    b.define(web={})
    b.ask("restart", "web")
    b.world.tell(Exited(b.name("web"), 1, "main", Status("exit", 1)), Empty(b.name("web"), 1))
    assert b.state("web") == "online"
    assert b.run("web") == 2


# -- refresh, health, marks


def test_refresh_shows_online_to_online(bench):
    b = bench()
    b.define(web={"refresh": (STEP,)})
    b.forget()
    number = b.ask("refresh", "web")
    assert b.path("web") == ["online/online", "online"]
    assert b.outcome(number) == "done"
    assert b.run("web") == 1


HUP = (Step(word=":kill", signal=1),)
READS_AGAIN = Behaviour(ignores=frozenset((1,)))


def test_refresh_by_signal_waits_for_one_that_says_when_it_is_ready_again(bench):
    b = bench(web=READS_AGAIN)
    b.define(web={"ready": Ready("notify", timeout=20.0), "refresh": HUP})
    web, number = b.name("web"), b.ask("refresh", "web")
    assert (b.view("web").stage, b.outcome(number)) == ("refresh", "")
    b.world.tell(machine.Notified(web, 1, "reloading"))
    b.world.advance(10)
    assert (b.view("web").stage, b.outcome(number)) == ("refresh", "")
    b.world.tell(machine.Ready(web, 1))
    assert (b.state("web"), b.outcome(number)) == ("online", "done")
    assert b.run("web") == 1


def test_refresh_by_signal_of_one_that_never_says_that_it_is_ready_again_fails(bench):
    b = bench(web=READS_AGAIN)
    b.define(web={"ready": Ready("notify", timeout=20.0), "refresh": HUP})
    number = b.ask("refresh", "web")
    b.world.tell(machine.Notified(b.name("web"), 1, "reloading"))
    b.world.advance(30)
    outcome, note = b.member(number, "web")
    assert outcome == "failed"
    assert "ready again in time" in note
    assert (b.state("web"), b.run("web")) == ("online", 1)


def test_refresh_by_signal_of_one_that_says_nothing_is_soon_over(bench):
    b = bench(web=READS_AGAIN)
    b.define(web={"ready": Ready("notify"), "refresh": HUP})
    number = b.ask("refresh", "web")
    b.world.advance(5)
    assert (b.state("web"), b.outcome(number)) == ("online", "done")


def test_one_that_ends_while_it_reloads_is_not_waited_for(bench):
    b = bench(web=READS_AGAIN)
    b.define(web={"ready": Ready("notify"), "refresh": HUP})
    web = b.name("web")
    b.ask("refresh", "web")
    b.world.tell(machine.Notified(web, 1, "reloading"))
    b.ask("stop", "web")
    assert b.state("web") == "disabled"


def test_refresh_without_a_method_says_that_nothing_was_run(bench):
    b = bench()
    b.define(web={})
    number = b.ask("refresh", "web")
    assert b.member(number, "web") == ("done", "has no refresh method: nothing was run")


def test_a_failed_refresh_leaves_the_service_alone(bench):
    b = bench(web=Behaviour(methods={"refresh": Status("exit", 3)}))
    b.define(web={"refresh": (STEP,)})
    number = b.ask("refresh", "web")
    assert b.outcome(number) == "failed"
    assert "exit status 3" in b.member(number, "web")[1]
    assert b.state("web") == "online"


def spawns(b, method):
    return len([1 for _, e in b.world.log if isinstance(e, machine.Spawn) and e.method == method])


def test_where_failures_are_counted_a_failed_refresh_is_tried_again_then_is_a_fault(bench):
    """smf.md 4.2: at once, and the third failure in a row is the last."""
    b = bench(web=Behaviour(methods={"refresh": Status("exit", 1)}))
    b.define(web={"refresh": (STEP,), "restart": Restart(failures=3)})
    b.ask("refresh", "web")
    assert spawns(b, "refresh") == 3
    assert b.state("web") == "maintenance"
    assert b.world.engine.instance(b.name("web")).reason == "fault_threshold_reached"


def test_a_fatal_exit_of_refresh_is_a_fault_at_once(bench):
    b = bench(web=Behaviour(methods={"refresh": Status("exit", 96)}))
    b.define(web={"refresh": (STEP,), "restart": Restart(failures=3, fatal_exits=(95, 96))})
    b.ask("refresh", "web")
    assert spawns(b, "refresh") == 1
    assert b.state("web") == "maintenance"
    assert b.world.engine.instance(b.name("web")).reason == "method_failed"


COUNTED = {"stop": (STEP,), "unclean": "maintenance", "restart": Restart(failures=3)}


def test_a_stop_that_succeeds_when_tried_again_is_clean(bench):
    b = bench(web=Behaviour(takes=1.0, methods={"stop": Status("exit", 1)}))
    b.define(web=COUNTED)
    b.ask("stop", "web")
    b.world.advance(1.5)
    assert spawns(b, "stop") == 2
    b.world.with_behaviour(b.name("web"), methods={})
    b.world.advance(20)
    assert b.state("web") == "disabled"


def test_a_stop_that_fails_to_the_last_is_a_fault(bench):
    b = bench(web=Behaviour(methods={"stop": Status("exit", 1)}))
    b.define(web=COUNTED)
    b.ask("stop", "web")
    b.world.advance(20)
    assert spawns(b, "stop") == 3
    assert b.state("web") == "maintenance"
    assert b.world.engine.instance(b.name("web")).reason == "fault_threshold_reached"


def test_what_had_to_be_killed_does_not_tell_of_an_older_failure(bench):
    b = bench(web=Behaviour(spawn_error="no such file", ignores=frozenset((15,))))
    b.define(web={"unclean": "maintenance", "ladder": (Rung((15,), 1.0),)})
    b.world.with_behaviour(b.name("web"), spawn_error="")
    b.world.advance(60)
    assert b.state("web") == "online"
    b.ask("restart", "web")
    b.world.advance(20)
    assert b.state("web") == "maintenance"
    assert "had to be killed" in b.view("web").note


def test_a_refresh_that_hangs_holds_up_no_stop(bench):
    b = bench(web=Behaviour(takes=None))
    b.define(web={"refresh": (STEP,)})
    b.ask("refresh", "web")
    b.ask("stop", "web")
    assert b.state("web") == "disabled"


def health(action: str, threshold: int = 2) -> dict[str, object]:
    probe = Probe("exec", argv=("/bin/probe",))
    return {"health": (Health("page", probe, threshold=threshold, action=action),)}


def test_a_failing_probe_degrades_after_its_threshold_and_recovers(bench):
    b = bench()
    b.define(web=health("degrade"))
    b.world.advance(1)
    b.world.tell(Probed(b.name("web"), 1, "page", False))
    assert b.state("web") == "online"
    b.world.tell(Probed(b.name("web"), 1, "page", False, "404"))
    assert b.state("web") == "degraded"
    assert "404" in b.view("web").note
    b.world.tell(Probed(b.name("web"), 1, "page", True))
    assert b.state("web") == "online"


def test_a_failing_probe_restarts(bench):
    b = bench()
    b.define(web={**health("restart"), "restart": Restart(limit=5)})
    b.world.advance(1)
    for _ in range(2):
        b.world.tell(Probed(b.name("web"), 1, "page", False))
    assert b.run("web") == 2
    assert "probe page failed" in b.view("web").cause


def test_marks_say_why_and_clear_takes_them_back(bench):
    b = bench()
    b.define(web={})
    b.ask("mark", "web", state="degraded", why="half the disks")
    assert b.state("web") == "degraded"
    assert "half the disks" in b.view("web").note
    b.ask("clear", "web")
    assert b.state("web") == "online"
    number = b.ask("mark", "web", state="maintenance", why="moving house")
    assert b.outcome(number) == "done"
    assert b.state("web") == "maintenance"
    assert "moving house" in b.view("web").note
    assert not b.world.alive(b.name("web"))
    b.forget()
    b.ask("clear", "web")
    assert b.path("web")[0] == "uninitialized"
    assert b.state("web") == "online"


def test_only_what_is_online_can_be_degraded(bench):
    b = bench()
    b.define(web={"enabled": False})
    assert b.outcome(b.ask("mark", "web", state="degraded")) == "failed"
    assert b.outcome(b.ask("clear", "web")) == "failed"


def test_a_decide_program_has_the_last_word(bench):
    b = bench(yes=Behaviour(), no=Behaviour(methods={"decide": Status("exit", 1)}))
    b.define(yes={"decide": (STEP,)}, no={"decide": (STEP,)})
    b.world.kill(b.name("yes"))
    b.world.kill(b.name("no"))
    assert b.states("yes", "no") == "online disabled"
    told = next(e for _, e in b.world.log if isinstance(e, machine.Spawn) and e.method == "decide")
    assert told.arguments == ("kill", "KILL", "9")  # nosh.md 2.3: no empty words


def test_a_decide_program_is_told_of_a_process_that_could_not_be_started(bench):
    """As nosh: what a child ends with that cannot execute its program."""
    b = bench(web=Behaviour(spawn_error="no such file", methods={"decide": Status("exit", 1)}))
    b.define(web={"decide": (STEP,)})
    b.world.advance(1)
    told = next(e for _, e in b.world.log if isinstance(e, machine.Spawn) and e.method == "decide")
    assert told.arguments == ("exit", "111")
