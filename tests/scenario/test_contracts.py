"""Contracts: numbers, what is in them, and what happens to them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from smf_host import DOCTYPE, SLEEP, Call

from stoker.testing import Scenario

DAEMON = """<service_bundle type='manifest' name='t'>
<service name='site/daemon' type='service' version='1'>
<create_default_instance enabled='true'/>
<exec_method type='method' name='start' exec='/bin/sleep 1000 &amp;' timeout_seconds='60'/>
<exec_method type='method' name='stop' exec=':kill' timeout_seconds='60'/>
</service></service_bundle>"""


@pytest.fixture(scope="module")
def place() -> Iterator[Scenario]:
    """A daemon of a manifest, and a service with one process."""
    with Scenario() as made:
        (made.directory / "daemon.xml").write_text(DOCTYPE + DAEMON)
        made.toml("one", SLEEP)
        made.up()
        yield made


def rows(place: Scenario, *what: str) -> dict[str, dict[str, object]]:
    """Contracts by the instance that has them."""
    found = place.stoker("contract", "ls", "--json", *what).ok().json()["contracts"]
    return {row["fmri"]: row for row in found}


def test_each_run_has_its_own(place: Scenario) -> None:
    found = rows(place)
    assert set(found) == {"svc:/one:default", "svc:/site/daemon:default"}
    one = found["svc:/one:default"]
    assert one["processes"] == [place.pid("one")]
    assert one["state"] == "owned" and one["contract"] == place.instance("one")["contract"]
    place.stoker("restart", "one").ok()
    again = rows(place, "one")["svc:/one:default"]
    assert isinstance(again["contract"], int) and isinstance(one["contract"], int)
    assert again["contract"] > one["contract"]
    assert f"{place.pid('one')} sleep infinity" in place.stoker("contract", "stat", "one").ok().out
    assert place.stoker("contract", "stat", "999999").status == 4


def test_t35_what_happens_is_told(place: Scenario) -> None:
    before = rows(place)["svc:/site/daemon:default"]
    watch = place.begin("contract", "watch", "daemon")
    assert watch.stdout is not None
    assert watch.stdout.readline().split() == ["TIME", "CONTRACT", "EVENT", "NAME"]
    (pid,) = before["processes"]  # type: ignore[misc]
    os.kill(pid, signal.SIGKILL)
    told = [watch.stdout.readline().split() for _ in range(3)]
    # Whether the kernel tells how it ended depends on whose child it had become.
    assert told[0][2] in ("empty", "signal")
    assert [one[2] for one in told[1:]] == ["end", "begin"]
    assert told[0][1] == told[1][1] == str(before["contract"])
    assert int(told[2][1]) > int(told[1][1])


def test_the_commands_of_smf(place: Scenario, smf: Call) -> None:
    number = place.instance("one")["contract"]
    status, out, err = smf("ctstat", "-v", "-i", str(number))
    assert (status, err) == (0, "")
    head, line, *more = out.splitlines()
    assert head.split() == ["CTID", "ZONEID", "TYPE", "STATE", "HOLDER", "EVENTS", "QTIME", "NTIME"]
    assert line.split()[:5] == [str(number), "0", "process", "owned", str(place.manager())]
    assert any("svc:/one:default" in one for one in more)
    assert any(one.split()[-1] == str(place.pid("one")) for one in more)
    assert len(smf("ctstat")[1].splitlines()) == 3
    assert smf("ctstat", "-i", "999999")[0] == 1
    assert smf("ctstat", "-i", "one")[0] == 2
    assert smf("ctwatch")[0] == 2
    assert smf("ctwatch", "one")[0] == 2
