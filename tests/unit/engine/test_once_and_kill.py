"""once: not run again when it ends; kill: a stop without asking; what a lock file shows of both."""

from __future__ import annotations

import json

from stoker.engine import Adopted, Behaviour, Defined, Engine, Status, Waits
from stoker.model import Rung


def override(b, word):
    return b.world.engine.instance(b.name(word)).override


def test_once_lets_what_runs_go_on_and_does_not_run_it_again(bench):
    b = bench()
    b.define(web={})
    number = b.ask("once", "web", lock=0)
    assert b.member(number, "web")[0] == "done"
    assert (b.state("web"), b.run("web")) == ("online", 1)
    assert (override(b, "web").once, override(b, "web").lock) == ("o", 0)
    b.world.exit(b.name("web"))
    b.world.run()
    assert (b.state("web"), b.run("web")) == ("disabled", 1)
    assert override(b, "web").lock == 0
    assert "ran once, as was asked, and ended:" in b.view("web").note


def test_once_starts_what_is_down_and_does_not_run_it_again(bench):
    b = bench(web=Behaviour(exit_after=1.0, status=Status("exit", 3)))
    b.define(web={"enabled": False})
    number = b.ask("once", "web", lock=0)
    b.world.run()
    assert (b.state("web"), b.run("web")) == ("disabled", 1)
    assert b.outcome(number) == "done"
    assert "exit status 3" in b.view("web").cause


def test_once_that_cannot_be_started_is_not_tried_again(bench):
    b = bench(web=Behaviour(spawn_error="no such file"))
    b.define(web={"enabled": False})
    b.ask("once", "web", lock=0)
    b.world.run()
    assert (b.state("web"), b.run("web")) == ("disabled", 1)


def test_a_start_takes_once_back(bench):
    b = bench()
    b.define(web={})
    b.ask("once", "web", lock=0)
    b.ask("start", "web")
    assert override(b, "web") is None
    b.world.exit(b.name("web"))
    b.world.run(3600)
    assert (b.state("web"), b.run("web")) == ("online", 2)


def test_kill_asks_nobody(bench):
    b = bench(web=Behaviour(ignores=frozenset({15})))
    b.define(web={"ladder": (Rung((15,), None),)})
    b.ask("kill", "web", lock=9)
    b.world.run(1)
    assert b.state("web") == "disabled"
    assert override(b, "web").lock == 9


def test_kill_ends_a_stop_that_takes_long(bench):
    b = bench(web=Behaviour(ignores=frozenset({15})))
    b.define(web={"ladder": (Rung((15,), None),)})
    b.ask("stop", "web", lock=15)
    b.world.run(60)
    assert b.state("web") == "online/disabled"
    b.ask("kill", "web", lock=9)
    b.world.run(1)
    assert b.state("web") == "disabled"


def test_kill_waits_for_no_dependent(bench):
    b = bench(web=Behaviour(ignores=frozenset({15})))
    b.define(
        db={},
        web={"dependencies": (b.needs("db", restart_on="restart"),)},
    )
    b.ask("kill", "db", lock=9)
    b.world.run(1)
    assert b.state("db") == "disabled"


def test_locks_come_back_from_the_records(bench):
    b = bench()
    b.define(web={}, db={})
    b.ask("once", "web", lock=0)
    b.ask("kill", "db", lock=9)
    engine = Engine()
    engine.restore(json.loads(json.dumps(b.world.engine.records())))
    old = b.world.engine.instances.values()
    events = [Defined(i.definition) for i in old]
    engine.handle([*events, Adopted(b.name("web"), "alive", "never", True)], b.world.now)
    assert engine.instance(b.name("web")).override == override(b, "web")
    assert engine.instance(b.name("db")).override == override(b, "db")


def test_what_a_run_waits_for_by_itself_is_shown_until_it_goes_on(bench):
    b = bench()
    b.define(web={}, db={"enabled": False})
    b.world.tell(Waits(b.name("web"), 1, (b.name("db"),)))
    assert b.view("web").note == "waiting for db"
    assert b.view("web").waiting_for == ["waiting for db"]
    b.world.tell(Waits(b.name("web"), 1, ()))
    assert b.view("web").note == ""


def test_what_a_run_waited_for_is_forgotten_with_it(bench):
    b = bench()
    b.define(web={}, db={"enabled": False})
    b.world.tell(Waits(b.name("web"), 1, (b.name("db"),)))
    b.world.exit(b.name("web"))
    b.world.run(1)
    assert (b.run("web"), b.view("web").note) == (2, "")
