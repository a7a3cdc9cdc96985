"""Whose word on an input counts, and for how long."""

from __future__ import annotations

import json

from stoker.engine import Adopted, Defined, Engine


def met(b, name="net"):
    return next(view.met for view in b.world.engine.input_views() if view.name == name)


def test_a_watcher_that_is_not_to_run_says_nothing(bench):
    b = bench()
    b.define(
        look={"gives": ("net",), "enabled": False}, web={"dependencies": (b.needs("input:net"),)}
    )
    number = b.ask("give", "look", input="net")
    assert b.outcome(number) == "failed"
    assert "not to run" in b.world.engine.operation(number).note
    b.ask("start", "look")
    assert b.outcome(b.ask("give", "look", input="net")) == "done"
    assert b.state("web") == "online"


def test_the_word_of_a_watcher_ends_with_it_and_not_with_a_restart(bench):
    b = bench()
    b.define(look={"gives": ("net",)})
    b.ask("give", "look", input="net")
    b.ask("restart", "look")
    assert met(b)
    b.ask("stop", "look")
    assert not met(b)


def test_nobody_starts_on_the_word_of_a_watcher_that_is_stopped_at_that_moment(bench):
    """web comes first; the watcher, which is to be started again, is stopped in the same turn."""
    from stoker.engine import Asked, Behaviour, Status
    from stoker.model import Request, Restart

    b = bench(look=Behaviour(exit_after=1.0, status=Status("exit", 1)))
    b.define(
        web={"dependencies": (b.needs("input:net"),), "enabled": False},
        look={"gives": ("net",), "restart": Restart(delay=100.0, cap=100.0)},
    )
    b.ask("give", "look", input="net")
    b.world.advance(5)
    assert (b.state("look"), met(b)) == ("offline", True)
    engine = b.world.engine
    asked = [Request("start", (b.name("web"),)), Request("stop", (b.name("look"),))]
    b.world.tell(*(Asked(engine.next_operation(), one) for one in asked))
    assert b.starts("web") == []
    assert not met(b)


def test_what_a_watcher_does_not_give_any_more_is_nobodys_word(bench):
    b = bench()
    b.define(look={"gives": ("net", "power")})
    b.ask("give", "look", input="net")
    b.ask("give", "look", input="power")
    b.define(look={"gives": ("power",)})
    assert met(b, "power")
    assert "net" not in [view.name for view in b.world.engine.input_views() if view.met]


def test_words_outlive_the_manager_while_their_watcher_is_defined(bench):
    b = bench()
    b.define(look={"gives": ("net",)}, other={"gives": ("power",)})
    b.ask("give", "look", input="net")
    b.ask("give", "other", input="power")
    engine = Engine()
    engine.restore(json.loads(json.dumps(b.world.engine.records())))
    look = Defined(b.service("look", gives=("net",)))
    engine.handle([look, Adopted(b.name("look"), "alive", "never", True)], b.world.now)
    assert (engine.facts["input:net"], engine.facts["input:power"]) == (True, False)
