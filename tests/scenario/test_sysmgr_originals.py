"""The original C programs and ours on one RUNDIR, where the originals are installed.

SYSMGR_SVCTL and SYSMGR_DEPENDS name the original `svctl` and `sysmgr-depends`; SYSMGR_RUNSYSSV and
SYSMGR_SYSMGR the other two, which ours are tried against. Nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sysmgr_host import PATIENCE, SLEEP, Host

from stoker.testing import Scenario


def original(variable: str) -> str:
    """The program that a variable names; without it the test is skipped."""
    path = os.environ.get(variable, "")
    if not path:
        pytest.skip(f"{variable} names no original program")
    return path


@pytest.fixture
def host(place: Scenario) -> Iterator[Host]:
    with Host(place) as made:
        yield made


def call(host: Host, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, env=host.environment, capture_output=True, text=True, timeout=PATIENCE
    )


def test_the_original_svctl_on_our_rundir(host: Host) -> None:
    svctl = original("SYSMGR_SVCTL")
    host.place.script("web", SLEEP)
    host.start()
    pid = host.up("web")
    assert call(host, svctl, "status", "web").returncode == 0
    assert call(host, svctl, "stop", "web").returncode == 0
    assert host.locked("web") == 15
    host.place.gone(pid)
    assert call(host, svctl, "status", "web").returncode == 1
    assert call(host, svctl, "start", "web").returncode == 0
    pid = host.up("web", other_than=pid)
    assert call(host, svctl, "restart", "web").returncode == 0
    pid = host.up("web", other_than=pid)
    assert call(host, svctl, "kill", "web").returncode == 0
    host.place.gone(pid)
    assert call(host, svctl, "once", "web").returncode == 0
    host.place.until(lambda: host.number("web/lock") == 0 and host.number("web/pid"), "once")


def test_the_original_sysmgr_depends_on_our_rundir(host: Host) -> None:
    depends = original("SYSMGR_DEPENDS")
    host.place.script("dbus", SLEEP)
    host.start()
    host.up("dbus")
    assert call(host, depends, "dbus").returncode == 0
    assert call(host, depends, "nosuch").returncode != 0


def test_our_commands_on_what_the_original_runsyssv_watches(host: Host) -> None:
    runsyssv = original("SYSMGR_RUNSYSSV")
    path = host.place.script("web", SLEEP)
    host.runs.mkdir()
    process = subprocess.Popen([runsyssv, str(path)], env=host.environment)
    try:
        pid = host.up("web")
        host.run("svctl", "status", "web").ok()
        host.run("sysmgr-depends", "web").ok()
        host.run("svctl", "stop", "web").ok()
        process.wait(PATIENCE)
        host.place.gone(pid)
        assert host.locked("web") == 15
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_our_commands_on_the_rundir_of_the_original_sysmgr(host: Host) -> None:
    sysmgr = original("SYSMGR_SYSMGR")
    host.place.script("web", SLEEP)
    folder = str(Path(sysmgr).parent)
    environment = {**host.environment, "PATH": f"{folder}:{host.environment['PATH']}"}
    process = subprocess.Popen([sysmgr], env=environment)
    try:
        pid = host.up("web")
        host.run("sysmgr-depends", "web").ok()
        host.run("svctl", "restart", "web").ok()
        host.up("web", other_than=pid)
        host.run("svctl", "stop", "web").ok()
        assert host.run("svctl", "status", "web").ended(1).err == "web: DOWN\n"
        refused = host.run("sysmgr")
        assert refused.status != 0 and str(process.pid) in refused.err
    finally:
        process.terminate()
        process.wait(PATIENCE)
