"""svcs on a running place: of a manifest, of other formats, and what is wrong with them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from smf_host import DOCTYPE, SLEEP, Call

from stoker.testing import Scenario

CRON = """<service_bundle type='manifest' name='t'>
<service name='system/cron' type='service' version='1'>
<dependency name='usr' type='service' grouping='require_all' restart_on='none'>
<service_fmri value='svc:/system/filesystem/local'/></dependency>
<dependency name='ns' type='service' grouping='require_all' restart_on='none'>
<service_fmri value='svc:/milestone/name-services'/></dependency>
<exec_method type='method' name='start' exec='/bin/sleep 1000 &amp;' timeout_seconds='60'/>
<exec_method type='method' name='stop' exec=':kill' timeout_seconds='60'/>
<property_group name='config' type='application'>
<propval name='words' type='astring' value='a b'/></property_group>
<instance name='default' enabled='true'/>
<template><common_name><loctext xml:lang='C'>clock daemon (cron)</loctext></common_name>
<documentation><manpage title='cron' section='8' manpath='/usr/share/man'/></documentation>
</template></service></service_bundle>
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Scenario]:
    with Scenario() as made:
        (made.directory / "cron.xml").write_text(DOCTYPE + CRON)
        made.toml("local", f'id = "system/filesystem/local"\n{SLEEP}')
        made.toml("names", f'id = "milestone/name-services"\n{SLEEP}')
        made.toml("off", f"{SLEEP}enabled = false\n")
        made.toml("top", SLEEP + '[[dependency]]\ntargets = ["off"]\n')
        made.up(status=1)  # top waits for what is disabled
        yield made


@pytest.fixture
def call(smf: Call) -> Call:
    return partial(smf, "svcs")


def test_t46_cron(place: Scenario, call: Call) -> None:
    row = place.wait_for("system/cron", "online")
    status, out, err = call("-l", "cron")
    assert (status, err) == (0, "")
    fields = [(line[:13].rstrip(), line[13:]) for line in out.splitlines()]
    at = time.strptime(fields.pop(5)[1], "%a %b %d %H:%M:%S %Y")
    assert abs(time.mktime(at) - time.time()) < 86400
    label, log = fields.pop(5)
    assert label == "logfile" and Path(log).name == "system-cron:default.log"
    assert fields == [
        ("fmri", "svc:/system/cron:default"),
        ("name", "clock daemon (cron)"),
        ("enabled", "true"),
        ("state", "online"),
        ("next_state", "none"),
        ("restarter", "svc:/system/svc/restarter:default"),
        ("contract_id", f"{row['contract']} "),
        ("dependency", "require_all/none svc:/system/filesystem/local (online)"),
        ("dependency", "require_all/none svc:/milestone/name-services (online)"),
    ]
    assert call("-L", "cron") == (0, log + "\n", "")
    assert 'property     config/words astring "a b"' in call("-lv", "cron")[1].splitlines()


def test_t11_t41_t49_what_is_listed(place: Scenario, call: Call) -> None:
    listed = call("-Ho", "state,fmri")[1].splitlines()
    assert len(listed) == 4 and "offline        svc:/top:default" in listed
    assert call("-aHo", "state,svc,inst", "-s", "fmri")[1].splitlines()[1] == (
        f"disabled       {'off':20} default"
    )
    status, out, err = call("-Ho", "svc", "cron", "nothing")
    assert (status, out) == (1, "system/cron\n") and "'nothing'" in err
    assert call("-dHo", "svc", "-a", "cron")[0] == 2
    assert sorted(call("-dHo", "svc", "cron")[1].split()) == [
        "milestone/name-services", "system/filesystem/local",
    ]  # fmt: skip
    assert call("-DHo", "svc", "filesystem/local")[1] == "system/cron\n"


def test_processes(place: Scenario, call: Call) -> None:
    place.wait_for("system/filesystem/local", "online")
    pid = place.pid("system/filesystem/local")
    line = re.compile(rf" {{15}}( \d|\d\d):\d\d:\d\d {{3}}{pid:>6} sleep")
    place.until(lambda: line.fullmatch(call("-p", "filesystem/local")[1].splitlines()[-1]))


def test_t50_what_is_wrong(place: Scenario, call: Call) -> None:
    out = call("-x")[1]
    assert out.splitlines()[0] == "svc:/off:default (?)"
    assert "Impact: 1 dependent is not running" in out and "svc:/top" not in out
    lines = call("-xv", "top", "cron")[1].splitlines()
    assert "Reason: svc:/off:default is disabled." in lines
    assert "          svc:/off:default" in lines
    assert "   See: man -M /usr/share/man -s 8 cron" in lines
    assert "   See: cron(8)" in call("-x", "cron")[1].splitlines()
    place.stoker("start", "off").ok()
    place.wait_for("top", "online")
    assert call("-x") == (0, "", "")
    assert "enabled      true (temporary)" in call("-l", "off")[1].splitlines()
