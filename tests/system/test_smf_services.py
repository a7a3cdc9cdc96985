"""cron, sshd, nginx and PostgreSQL of Debian by manifests, with the commands of SMF alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from smf_host import SLEEP, Call, caller

from stoker.testing import Scenario

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PACKAGES = ("cron", "openssh-server", "nginx-light", "postgresql")
NAMES = {  # and what their processes are called
    "system/cron": "cron",
    "network/ssh": "sshd",
    "network/http": "nginx",
    "application/postgresql": "postgres",
}
SSH = (f"127.{'.'.join(str(byte) for byte in uuid.uuid4().bytes[:3])}", 17022)


@pytest.fixture
def call(
    place: Scenario,
    packages: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """The commands of SMF, for a place that is up and has nothing of theirs."""
    packages(*PACKAGES)
    for port in (5432, 8080):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"port {port} is in use on this machine")
    place.toml("other", SLEEP)
    place.up()
    return caller(place, monkeypatch, capsys)


def good(done: tuple[int, str, str]) -> str:
    assert done[0] == 0, done
    return done[1]


def pids(call: Call, name: str) -> list[int]:
    """The processes of a service, parents first, as `svcs -p` lists them."""
    rows = [row.split() for row in good(call("svcs", "-Hp", name)).splitlines() if row[0] == " "]
    assert {row[2] for row in rows} == {NAMES[name]}, rows
    return [int(row[1]) for row in rows]


def all_answer() -> None:
    with socket.create_connection(SSH, 60) as client:
        assert client.recv(8) == b"SSH-2.0-"
    with urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=60) as answer:
        assert answer.read() == b"ok\n"
    asked = ["runuser", "-u", "postgres", "--", "psql", "-XtAc", "SELECT 6 * 7"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, cwd="/", check=True)
    assert done.stdout == "42\n"


def test_real_services(place: Scenario, call: Call) -> None:
    conf = place.base / "nginx.conf"
    shutil.copy(EXAMPLES / "debian" / "etc" / "nginx.conf", conf)
    good(call("svccfg", "import", str(EXAMPLES / "smf")))
    good(call("svccfg", "-s", "network/http", "setprop", "config/file", "=", str(conf)))
    good(call("svccfg", "-s", "network/ssh", "setprop", "config/address", "=", SSH[0]))
    good(call("svccfg", "-s", "network/ssh", "setprop", "config/port", "=", str(SSH[1])))
    good(call("svcadm", "refresh", "network/http", "network/ssh"))
    good(call("svcadm", "enable", "-rs", *NAMES))
    assert good(call("svcs", "-Ho", "state", *NAMES)).split() == ["online"] * 4
    assert place.instance("site/directories")["state"] == "online"  # by -r
    before = {name: pids(call, name) for name in NAMES}
    assert len(before["network/http"]) == 3  # a master and two workers
    assert len(before["application/postgresql"]) > 3
    all_answer()

    # Who dies leaves nobody behind: the others of its contract are ended, and all begin again.
    for name in NAMES:
        os.kill(before[name][0], signal.SIGKILL)
        place.until(lambda name=name: not set(before[name]) & set(_now(place, name)))
        place.wait_for(name, "online")
    all_answer()
    for name in NAMES:
        now = pids(call, name)
        for pid in now:
            if Path(f"/proc/{pid}").exists():  # a parent may have ended it with itself
                os.kill(pid, signal.SIGKILL)
        place.until(lambda name=name, now=now: not set(now) & set(_now(place, name)))
        place.wait_for(name, "online")
    all_answer()

    # By an administrator: restarted, set aside, cleared, refreshed.
    killed = {name: pids(call, name) for name in NAMES}
    good(call("svcadm", "restart", *NAMES))
    for name in NAMES:
        place.until(lambda name=name: not set(killed[name]) & set(_now(place, name)))
        place.wait_for(name, "online")
    good(call("svcadm", "mark", "maintenance", *NAMES))
    for name in NAMES:
        place.wait_for(name, "maintenance")
        assert _now(place, name) == []
    assert "administrator" in good(call("svcs", "-x", "network/ssh"))
    good(call("svcadm", "clear", *NAMES))
    for name in NAMES:
        place.wait_for(name, "online")
    good(call("svcadm", "refresh", "network/http", "application/postgresql"))
    all_answer()

    # Nothing but the restarter, and all again.
    good(call("svcadm", "milestone", "none"))
    for name in NAMES:
        place.wait_for(name, "disabled")
    good(call("svcadm", "milestone", "all"))
    for name in NAMES:
        place.wait_for(name, "online")
    all_answer()

    # A manager that is killed is not noticed by them.
    running = {name: pids(call, name) for name in NAMES}
    old = place.manager()
    os.kill(old, signal.SIGKILL)
    place.until(lambda: place.manager() != old, "another manager")
    assert {name: pids(call, name) for name in NAMES} == running
    all_answer()

    # After a boot what was enabled is there again.
    place.down()
    for several in running.values():
        for pid in several:
            place.gone(pid)
    place.up()
    for name in NAMES:
        place.wait_for(name, "online")
    all_answer()
    good(call("svcadm", "disable", "-s", *NAMES))
    assert all(_now(place, name) == [] for name in NAMES)


def _now(place: Scenario, name: str) -> list[int]:
    status = place.stoker("status", "--json", name).json()
    return [row["pid"] for row in status["statuses"][0]["processes"]]
