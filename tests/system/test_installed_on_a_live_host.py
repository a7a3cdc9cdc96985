"""`stoker install --system` with inits that run: services outlive a restart of the manager by its
init, a manager's and a keeper's death, and end with the init's stop.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host import STOKER, Host, cgroups

SYSTEMD = "/lib/systemd/systemd"
WEB = "#!/bin/sh\nexec sleep 1000000\n"


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(cgroups()) as made:
        made.file("etc/stoker/services/web", WEB, 0o755)
        yield made


def web(host: Host) -> int:
    """The pid of the service, which is up."""
    rows = json.loads(host.stoker("ls", "--json", "web"))["instances"]
    assert [row["state"] for row in rows] == ["online"], rows
    return int(rows[0]["pid"])


def comes(host: Host) -> None:
    """Wait until the manager is there, and the service up."""
    asked = (STOKER, "--system", "ls", "--json")
    host.until(lambda: host.run(*asked, status=None), "no manager comes")
    host.stoker("wait", "--timeout", "60s", "web")


def active(host: Host) -> None:
    """Wait until systemd knows that the manager runs and is not just loading definitions again."""
    asked = ("systemctl", "is-active", "stoker")
    host.until(lambda: host.run(*asked, status=None) == "active", "it is not active")


def restarts(host: Host) -> int:
    """How often systemd itself has restarted it."""
    return int(host.run("systemctl", "show", "-p", "NRestarts", "--value", "stoker"))


def test_systemd(host: Host, packages: Callable[..., None]) -> None:
    packages("systemd")
    units = "etc/systemd/system"
    for name in ("sysinit", "basic", "local-fs", "network", "shutdown"):
        host.file(f"{units}/{name}.target", "[Unit]\nDefaultDependencies=no\n")
    host.file(f"{units}/multi-user.target", "[Unit]\nAfter=basic.target\n")
    # Its own units alone: nothing of this machine's is to be started.
    words = ("--system", "--unit=multi-user.target", "--show-status=no")
    host.boot(SYSTEMD, *words, SYSTEMD_UNIT_PATH="/etc/systemd/system")
    asked = ("systemctl", "is-system-running")
    host.until(lambda: host.run(*asked, status=None) in ("running", "degraded"), "no systemd")

    assert "systemctl enable" in host.run(STOKER, "install", "--system")
    assert host.run("systemctl", "is-enabled", "stoker") == "enabled"
    host.run("systemctl", "start", "stoker")
    pid = web(host)

    host.run("systemctl", "restart", "stoker")
    assert web(host) == pid
    active(host)
    host.run("systemctl", "reload", "stoker")
    host.run("systemctl", "daemon-reexec")
    host.stoker("reexec")
    for times in range(2):  # a manager that became the keeper can be killed as well
        active(host)
        host.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "stoker")
        host.until(lambda times=times: restarts(host) > times, "it is not restarted")
        active(host)
        assert web(host) == pid

    host.run("systemctl", "stop", "stoker")
    host.run("kill", "-0", str(pid), status=1)
    assert host.run("systemctl", "show", "-p", "Result", "--value", "stoker") == "success"
    host.run(STOKER, "uninstall", "--system")
    assert not (host.root / units / "stoker.service").exists()


def test_runit(host: Host, packages: Callable[..., None]) -> None:
    packages("runit")
    (host.root / "etc/service").mkdir()
    host.boot("runsvdir", "-P", "/etc/service")
    host.run(STOKER, "install", "--system", "--init", "runit")
    sv = ("sv", "-w", "60")
    comes(host)
    pid = web(host)

    supervised = host.root / "etc/sv/stoker/supervise/pid"
    for _ in range(2):  # first it is the keeper that runsv has started, then one who looks on
        before = ("", supervised.read_text())
        host.run(*sv, "restart", "stoker")
        # It starts `run` after a pause, in which it would pass no command on.
        host.until(lambda before=before: supervised.read_text() not in before, "no other `run`")
        assert web(host) == pid
    host.run(*sv, "reload", "stoker")
    assert web(host) == pid

    host.run(*sv, "down", "stoker")
    host.run("kill", "-0", str(pid), status=1)
    host.run(*sv, "up", "stoker")
    comes(host)
    host.run(STOKER, "uninstall", "--system", "--init", "runit")
    assert not os.path.lexists(host.root / "etc/service/stoker")


def test_sysvinit(host: Host) -> None:
    (host.root / "etc/init.d").mkdir()
    host.boot("sleep", "infinity")
    host.run(STOKER, "install", "--system", "--init", "sysvinit")
    script = "/etc/init.d/stoker"
    assert Path(host.root, "etc/init.d/stoker").stat().st_mode & 0o111
    host.run(script, "status", status=3)
    host.run(script, "start")
    pid = web(host)
    for word in ("start", "restart", "try-restart", "reload", "force-reload", "status"):
        host.run(script, word)
        assert web(host) == pid, word
    host.run(script, "stop")
    host.run("kill", "-0", str(pid), status=1)
    host.run(script, "stop")  # twice is no mistake (LSB)
    host.run(script, "status", status=3)
    host.run(STOKER, "uninstall", "--system", "--init", "sysvinit")
    assert not os.path.lexists(host.root / "etc/init.d/stoker")
