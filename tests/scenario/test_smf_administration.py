"""svcadm on a running place: whom it means, what it does, how it waits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from smf_host import DOCTYPE, SLEEP, Call

from stoker.testing import Scenario

DOWN = f"{SLEEP}enabled = false\n"
MANIFEST = DOCTYPE + "<service_bundle type='manifest' name='t'>{}</service_bundle>"
SERVICE = """<service name='site/{name}' type='service' version='1'>
<create_default_instance enabled='false'/>
<exec_method type='method' name='start' exec='{start}' timeout_seconds='60'/>
<exec_method type='method' name='stop' exec=':kill' timeout_seconds='{stop}'/></service>"""
DAEMON = "sh -c &quot;sleep 1000 &amp;&quot;"
DEAF = "sh -c &quot;trap &apos;&apos; TERM; sleep 1000 &amp;&quot;"  # it ends of KILL alone


@pytest.fixture(scope="module")
def place() -> Iterator[Scenario]:
    with Scenario() as made:
        for name in ("x-foo", "y-foo", "one", "base"):
            text = DOWN
            if name.endswith("foo"):
                text = f'id = "{name.replace("-", "/")}"\n' + DOWN
            made.toml(name, text)
        made.toml("two", DOWN + "[instances.a]\n[instances.b]\n")
        made.toml("top", DOWN + '[[dependency]]\ntargets = ["base"]\n')
        either = '[[dependency]]\ngrouping = "require_any"\ntargets = ["one", "base"]\n'
        made.toml("either", DOWN + either)
        bad = 'exec_start = ["false"]\nenabled = false\n[ready]\nnotify = true\n'  # never online
        made.toml("bad", bad + "[restart]\nlimit = 0\n")
        made.toml("never", DOWN + "[ready]\nnotify = true\n")
        services = SERVICE.format(name="held", start=DAEMON, stop=60)
        services += SERVICE.format(name="deaf", start=DEAF, stop=1)
        (made.directory / "all.xml").write_text(MANIFEST.format(services))
        made.up()
        yield made


@pytest.fixture
def call(smf: Call) -> Call:
    return partial(smf, "svcadm")


def test_t09_t10_t12_whom_it_means(place: Scenario, call: Call) -> None:
    status, _, err = call("enable", "foo")
    assert status == 1
    assert "svc:/x/foo:default" in err and "svc:/y/foo:default" in err
    assert {place.instance(name)["state"] for name in ("x/foo", "y/foo")} == {"disabled"}
    assert call("enable", "-s", "two") == (0, "", "")
    assert {place.instance(name)["state"] for name in ("two:a", "two:b")} == {"online"}
    assert call("disable", "-s", "svc:/two")[0] == 0
    assert {place.instance(name)["state"] for name in ("two:a", "two:b")} == {"disabled"}
    status, _, err = call("restart", "lrc:/etc/rc2_d/S20x")
    assert status == 1 and "legacy" in err
    status, out, err = call("-v", "enable", "nothing", "one")
    assert (status, out) == (1, "svc:/one:default enabled.\n") and "nothing" in err
    assert call("enable", "-s", "?/foo:default")[0] == 0
    assert {place.instance(name)["state"] for name in ("x/foo", "y/foo")} == {"online"}


def test_t69_t70_waiting_and_what_is_needed(place: Scenario, call: Call) -> None:
    # Not even a temporary word brings anything along.
    status, _, err = call("enable", "-st", "top")
    assert status == 4 and "unsatisfied" in err
    assert place.instance("base")["state"] == "disabled"
    status, _, err = call("enable", "-s", "top")
    assert status == 4 and "unsatisfied" in err
    assert call("enable", "-rs", "top")[0] == 0
    assert {place.instance(name)["state"] for name in ("top", "base")} == {"online"}
    # Where there is a choice it is the administrator's.
    status, _, err = call("enable", "-r", "either")
    assert status == 0 and "svc:/one:default" in err and "svc:/base:default" in err
    assert call("disable", "-s", "-c", "for a test", "top")[0] == 0
    assert "for a test" in place.stoker("status", "top").ok().out
    assert call("enable", "-s", "bad")[0] == 3
    # T18: enabling does not take it out of maintenance; T71: clear does, and nothing else.
    assert place.wait_for("bad", "maintenance")["enabled"]
    assert call("enable", "bad")[0] == 0
    assert place.instance("bad")["state"] == "maintenance"
    status, _, err = call("clear", "top")
    assert status == 1 and "not in a maintenance" in err
    # T17: out of maintenance by being disabled.
    assert call("disable", "-s", "bad")[0] == 0


def test_t71_t72_marks(place: Scenario, call: Call) -> None:
    assert call("enable", "-s", "one")[0] == 0
    pid = place.pid("one")
    assert call("mark", "maintenance", "one")[0] == 0
    place.wait_for("one", "maintenance")
    place.gone(pid)
    assert call("mark", "degraded", "one")[0] == 1
    assert call("-v", "clear", "one") == (0, "Action maint_off set for svc:/one:default.\n", "")
    place.wait_for("one", "online")
    assert call("mark", "degraded", "one")[0] == 0
    place.wait_for("one", "degraded")
    assert call("clear", "one")[0] == 0
    place.wait_for("one", "online")
    pid = place.pid("one")
    said = "Action maint_on_immediate set for svc:/one:default.\n"
    assert call("-v", "mark", "-I", "maintenance", "one") == (0, said, "")
    assert place.wait_for("one", "maintenance")["pid"] == pid
    assert call("clear", "one")[0] == 0
    place.wait_for("one", "online")
    place.gone(pid)


def test_set_aside_and_cleared_it_is_swept_at_once_and_can_be_disabled(
    place: Scenario, call: Call
) -> None:
    assert call("enable", "-s", "held")[0] == 0
    number = place.instance("site/held")["contract"]
    assert call("mark", "-Is", "maintenance", "held")[0] == 0
    assert place.instance("site/held")["contract"] == number
    assert call("clear", "-s", "held") == (0, "", "")
    row = place.instance("site/held")
    assert row["state"] == "online" and row["contract"] > number
    assert call("disable", "-st", "held") == (0, "", "")
    assert place.instance("site/held")["state"] == "disabled"


def test_a_disable_that_ends_in_maintenance(place: Scenario, call: Call) -> None:
    assert call("enable", "-s", "deaf")[0] == 0
    status, _, err = call("disable", "-st", "deaf")
    assert status == 3 and "svc:/site/deaf:default" in err and "maintenance" in err
    assert "had to be killed" in place.instance("site/deaf")["note"]
    assert call("disable", "-s", "deaf")[0] == 0


def test_every_command_waits_where_that_is_said(place: Scenario, call: Call) -> None:
    assert call("enable", "-s", "-T", "600", "one")[0] == 0
    run = place.instance("one")["run"]
    assert call("restart", "-s", "one") == (0, "", "")
    assert (place.instance("one")["run"], place.instance("one")["state"]) == (run + 1, "online")
    assert call("refresh", "-s", "one") == (0, "", "")
    assert call("mark", "-s", "degraded", "one") == (0, "", "")
    assert call("clear", "-sT600", "one") == (0, "", "")
    assert place.instance("one")["state"] == "online"
    assert call("mark", "-s", "maintenance", "one") == (0, "", "")
    assert place.instance("one")["state"] == "maintenance"
    status, _, err = call("restart", "-s", "one")
    assert status == 3 and "maintenance" in err
    assert call("disable", "-s", "one")[0] == 0


def test_it_waits_no_longer_than_is_said(place: Scenario, call: Call) -> None:
    status, _, err = call("enable", "-s", "-T", "1", "never")
    assert status == 1 and "after 1 seconds" in err and "svc:/never:default" in err
    assert call("disable", "-s", "never")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance", "one"],
        ["enable"],
        ["enable", "-x", "one"],
        ["mark", "odd", "one"],
        ["mark", "-t", "degraded", "one"],
        ["enable", "-T", "5", "one"],
        ["enable", "-s", "-T", "soon", "one"],
        ["enable", "-s", "-T", "0", "one"],
        ["restart", "-ds", "one"],
    ],
)
def test_usage(call: Call, words: list[str]) -> None:
    status, out, err = call(*words)
    assert (status, out) == (2, "") and "usage: svcadm" in err
