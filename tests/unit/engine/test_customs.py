"""Where releases of SMF differ: the customs of Solaris 10 (smf.md 10)."""

from __future__ import annotations

import pytest

from stoker.engine import Behaviour, Customs
from stoker.model import Dependency, Grouping, Ready, RestartOn

OPTIONAL = Dependency(("svc:/db",), grouping=Grouping.OPTIONAL_ALL)
SOLARIS10 = Customs(dependents_first=False, any_optional=True, bounced_by_return=False)


@pytest.fixture(params=["illumos", "solaris10"])
def release(request):
    return request.param


@pytest.fixture
def world(bench, release):
    def make(**behaviour):
        b = bench(**behaviour)
        b.world.engine.adapt(SOLARIS10 if release == "solaris10" else Customs())
        return b

    return make


def test_who_is_disabled_goes_first_or_last(world, release):
    b = world()
    needs = (b.needs("db", restart_on=RestartOn.RESTART),)
    b.define(db={}, web={"dependencies": needs})
    b.forget()
    b.ask("disable", "db")
    assert b.order() == (["db", "web"] if release == "solaris10" else ["web", "db"])
    assert b.states("db", "web") == "disabled offline"
    b.ask("enable", "db")
    b.forget()
    b.ask("stop", "db")
    assert b.order() == ["web", "db"]


def test_an_optional_service_of_several_instances(world, release):
    b = world(**{"svc:/db:slow": Behaviour(ready_after=None)})
    b.define(
        **{
            "svc:/db:fast": {},
            "svc:/db:slow": {"ready": Ready("notify")},
            "svc:/db:off": {"enabled": False},
            "web": {"dependencies": (OPTIONAL,)},
        }
    )
    assert b.states("svc:/db:fast", "svc:/db:slow") == "online offline/online"
    assert b.state("web") == ("online" if release == "solaris10" else "offline")
    b.ask("disable", "svc:/db:slow")
    assert b.state("web") == "online"


def test_with_none_that_counts_it_is_satisfied(world, release):
    b = world(**{"svc:/db:slow": Behaviour(ready_after=None)})
    b.define(
        **{
            "svc:/db:slow": {"ready": Ready("notify")},
            "svc:/db:off": {"enabled": False},
            "web": {"dependencies": (OPTIONAL,)},
        }
    )
    assert b.state("web") == "offline"
    b.ask("disable", "svc:/db:slow")
    assert b.state("web") == "online"


def test_the_return_of_what_it_could_do_without(world, release):
    b = world()
    group = b.needs("a", "b", grouping=Grouping.REQUIRE_ANY, restart_on=RestartOn.RESTART)
    b.define(a={}, b={"enabled": False}, web={"dependencies": (group,)})
    run = b.run("web")
    b.ask("enable", "b")
    assert b.states("a", "b", "web") == "online online online"
    assert b.run("web") == (run if release == "solaris10" else run + 1)


def test_customs_that_change_hold_at_once(bench):
    b = bench(**{"svc:/db:slow": Behaviour(ready_after=None)})
    b.define(
        **{
            "svc:/db:fast": {},
            "svc:/db:slow": {"ready": Ready("notify")},
            "web": {"dependencies": (OPTIONAL,)},
        }
    )
    assert b.state("web") == "offline"
    b.world.engine.adapt(SOLARIS10)
    b.world.tell()
    assert b.state("web") == "online"
