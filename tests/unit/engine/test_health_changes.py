"""A definition's health is taken over by what runs: new probes begin, old ones end (wishes 14)."""

from __future__ import annotations

from typing import Any

from stoker.engine import Behaviour, ProbeOff, ProbeOn
from stoker.model import Health, Probe

ALIVE = Health("alive", Probe("exec", ("/look",)), threshold=1)
OTHER = Health("other", Probe("exec", ("/look", "again")), threshold=1)


def looks(bench: Any) -> list[tuple[str, tuple[str, ...]]]:
    """The probes begun and ended, in order."""
    return [
        (type(effect).__name__, effect.names)
        for _, effect in bench.world.log
        if isinstance(effect, ProbeOn | ProbeOff)
    ]


def test_a_health_that_is_added_is_looked_at(bench: Any) -> None:
    one = bench(web=Behaviour(healthy=False))
    one.define(web={})
    assert one.state("web") == "online"
    one.define(web={"health": (ALIVE,)})
    one.world.advance(30)
    assert (one.state("web"), one.run("web")) == ("degraded", 1)


def test_a_health_that_is_taken_away_is_no_more_looked_at_nor_held_against_it(bench: Any) -> None:
    one = bench(web=Behaviour(healthy=False))
    one.define(web={"health": (ALIVE,)})
    one.world.advance(30)
    assert one.state("web") == "degraded"
    one.define(web={})
    assert (one.state("web"), one.run("web")) == ("online", 1)
    assert looks(one) == [("ProbeOn", ("alive",)), ("ProbeOff", ("alive",))]


def test_only_what_differs_begins_and_ends(bench: Any) -> None:
    one = bench()
    one.define(web={"health": (ALIVE, OTHER)})
    one.forget()
    slower = Health("other", OTHER.probe, threshold=5)
    one.define(web={"health": (ALIVE, slower)})
    assert looks(one) == [("ProbeOff", ("other",)), ("ProbeOn", ("other",))]


def test_who_waits_for_health_need_not_where_none_is_asked_for_any_more(bench: Any) -> None:
    one = bench(web=Behaviour(healthy=False))
    one.define(
        web={"health": (ALIVE,)},
        shop={"dependencies": (one.needs("web", condition="healthy"),)},
    )
    assert one.state("shop") == "offline"
    one.define(web={"later": True})
    assert one.states("web", "shop") == "online online"


def test_a_copy_looks_at_nothing_anew(bench: Any) -> None:
    one = bench()
    one.define(web={"health": (ALIVE,)})
    twin = one.world.engine.copy()
    assert not [e for e in twin.handle((), one.world.now) if isinstance(e, ProbeOn)]
