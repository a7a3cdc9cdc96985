"""Milestones: what one instance needs is up, everything else goes in reverse order, and returns."""

from __future__ import annotations

import json
from functools import partial

import pytest
from smf_host import SLEEP, Call

from stoker.testing import Scenario

NEEDS = '[[dependency]]\ntargets = ["{}"]\n'
MULTI = "svc:/milestone/multi-user:default"


@pytest.fixture
def call(smf: Call) -> Call:
    return partial(smf, "svcadm")


def chain(place: Scenario) -> None:
    """base ← multi-user ← web, each needing the one before; beside them other, off and optional."""
    place.toml("base", SLEEP)
    place.toml(
        "multi",
        f'id = "milestone/multi-user"\n{SLEEP}{NEEDS.format("base")}'
        '[[dependency]]\ngrouping = "optional_all"\ntargets = ["some", "off"]\n',
    )
    place.toml("web", SLEEP + NEEDS.format("milestone/multi-user"))
    place.toml("other", SLEEP)
    place.toml("some", SLEEP)
    place.toml("off", f"{SLEEP}enabled = false\n")
    # One that waits for a milestone that is not here keeps nobody from setting another.
    place.toml("lost", f"{SLEEP}enabled = false\n" + NEEDS.format("milestone/name-services"))


def up(place: Scenario) -> set[str]:
    """Names of what is online or on its way."""
    rows = place.instances().values()
    return {row["name"] for row in rows if row["state"] == "online" or row["next_state"]}


def ended(place: Scenario) -> list[str]:
    """Names in the order in which they left online."""
    rows = place.stoker("events", "--cursor", "0", "--json").ok().out.splitlines()
    return [
        row["fmri"].removeprefix("svc:/").removesuffix(":default")
        for row in map(json.loads, rows)
        if row["kind"] == "transition"
        and row["data"]["from"] == "online"
        and row["data"]["to"] == "disabled"
    ]


def test_t78_t79_bounds(place: Scenario, call: Call) -> None:
    chain(place)
    place.up()
    everything = {"base", "milestone/multi-user", "web", "other", "some"}
    assert up(place) == everything
    for words in ((), ("-x", "all"), ("odd",)):
        status, out, err = call("milestone", *words)
        assert (status, out) == (2, "") and "usage: svcadm" in err
    # A temporary word is taken back by a milestone that has it inside, and a new one outside waits.
    assert call("disable", "-ts", "some")[0] == 0
    assert call("enable", "-ts", "off")[0] == 0
    assert call("milestone", "multi-user") == (0, "", "")
    inside = everything - {"web", "other"}
    place.until(lambda: up(place) == inside, "only what the milestone needs")
    place.toml("late", SLEEP)
    place.stoker("reload").ok()
    assert place.instance("late")["state"] == "disabled"
    assert place.instance("late")["enabled"]
    # Foretold: what would stop, in order, and nothing does.
    steps = place.stoker("milestone", "none", "--dry-run", "--json").ok().json()["plan"]
    stops = [step["fmri"] for step in steps if step["action"] == "stop"]
    assert stops.index(MULTI) < stops.index("svc:/base:default")
    said = place.stoker("milestone", "all", "--dry-run").ok().out
    assert "start web" in said and "start other" in said
    place.stoker("milestone", "--dry-run").ended(2)
    assert up(place) == inside
    # T79: what depends on it, be it with restart_on none, has stopped before.
    said = place.stoker("milestone", "none").ok().out
    assert said == "none (after a boot: all)\n"
    place.until(lambda: up(place) == set(), "nothing is up")
    order = ended(place)
    assert order.index("web") < order.index("milestone/multi-user") < order.index("base")
    assert place.stoker("milestone", "--json").ok().json()["milestone"] == "none"
    place.stoker("milestone", "all").ok()
    place.until(lambda: up(place) == everything | {"late"}, "all is up again")


def test_t78_for_good(place: Scenario, call: Call) -> None:
    chain(place)
    place.up()
    assert call("milestone", "none")[0] == 0
    assert call("milestone", "-d", "milestone/multi-user:default")[0] == 0
    inside = {"base", "milestone/multi-user", "some"}
    place.until(lambda: up(place) == inside, "only what the milestone needs")
    place.down()
    place.up()
    assert up(place) == inside
    # That of now lasts until everything goes down.
    assert place.stoker("milestone", "all").ok().out == "all (after a boot: milestone/multi-user)\n"
    place.until(lambda: "other" in up(place), "there is no bound")
    place.down()
    place.up()
    assert up(place) == inside
    # A milestone that is no more bounds nothing, which is told.
    (place.directory / "multi.toml").unlink()
    said = place.stoker("check", str(place.directory)).out
    assert "milestone/multi-user" in said
