"""The log of an instance as SMF keeps it: its name, the restarter's lines, the methods' output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from smf_host import DOCTYPE, SLEEP, Call

from stoker.testing import Scenario

LINE = re.compile(r"^\[ [A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d .* \]$")
LOCAL = """<service_bundle type='manifest' name='t'>
<service name='system/filesystem/local' type='service' version='1'>
<create_default_instance enabled='false'/>
<dependency name='base' grouping='require_all' restart_on='restart' type='service'>
<service_fmri value='svc:/base'/></dependency>
<exec_method type='method' name='start' timeout_seconds='60'
 exec='/bin/sh -c "echo said by %m of %i; sleep 1000 &amp;"'/>
<exec_method type='method' name='stop' exec=':kill' timeout_seconds='60'/>
</service>
<service name='site/bad' type='service' version='1'>
<create_default_instance enabled='false'/>
<exec_method type='method' name='start' exec='/bin/sh -c "exit 95"' timeout_seconds='60'/>
<exec_method type='method' name='stop' exec=':true' timeout_seconds='60'/>
</service></service_bundle>"""
NAME = "system/filesystem/local"


@pytest.fixture(scope="module")
def place() -> Iterator[Scenario]:
    with Scenario() as made:
        (made.directory / "local.xml").write_text(DOCTYPE + LOCAL)
        made.toml("base", SLEEP)
        made.up()
        yield made


def log(place: Scenario, smf: Call, name: str) -> Path:
    """The file that svcs -L names."""
    status, out, err = smf("svcs", "-L", name)
    assert (status, err) == (0, "")
    return Path(out.strip())


def said(place: Scenario, path: Path, last: str) -> list[str]:
    """The lines without their times, when one that ends so is there."""

    def look() -> list[str]:
        lines = path.read_text().splitlines() if path.exists() else []
        words = [line[18:-2] if LINE.match(line) else line for line in lines]
        return words if any(word == last for word in words) else []

    found: list[str] = place.until(look, f"{last} in {path}")
    return found


def test_t58_t59_t60_a_life(place: Scenario, smf: Call) -> None:
    path = log(place, smf, NAME)
    assert path.name == "system-filesystem-local:default.log"
    smf("svcadm", "enable", "-s", NAME)
    smf("svcadm", "disable", "-s", NAME)
    command = '/bin/sh -c "echo said by start of default; sleep 1000 &"'
    assert said(place, path, "Executing stop method (:kill).") == [
        "Disabled.",
        "Enabled.",
        f'Executing start method ("{command}").',
        "said by start of default",
        'Method "start" exited with status 0.',
        "Stopping because service disabled.",
        "Executing stop method (:kill).",
    ]
    # T59: each line of ours has its time, what the method said has none.
    whole = path.read_text().splitlines()
    assert [bool(LINE.match(line)) for line in whole] == [True] * 3 + [False] + [True] * 3
    assert "said by start of default" in place.stoker("logs", NAME).ok().out


def test_t60_why_it_stops(place: Scenario, smf: Call) -> None:
    path = log(place, smf, NAME)
    smf("svcadm", "enable", "-s", NAME)
    smf("svcadm", "restart", "base")
    said(place, path, "Stopping because dependency activity requires stop.")
    place.wait_for(NAME, "online")
    smf("svcadm", "restart", NAME)
    said(place, path, "Stopping because service restarting.")
    place.wait_for(NAME, "online")
    smf("svcadm", "refresh", NAME)
    said(place, path, "Rereading configuration.")
    smf("svcadm", "mark", "maintenance", NAME)
    said(place, path, "Stopping for maintenance due to administrative_request.")
    place.wait_for(NAME, "maintenance")
    smf("svcadm", "clear", NAME)
    said(place, path, "Leaving maintenance because clear requested.")
    place.wait_for(NAME, "online")


def test_what_went_wrong(place: Scenario, smf: Call) -> None:
    assert smf("svcadm", "enable", "-s", "bad")[0] == 3
    path = log(place, smf, "bad")
    said(place, path, 'Method "start" exited with status 95.')
    smf("svcadm", "disable", "-s", "bad")
    said(place, path, "Leaving maintenance because disable requested.")
