"""Manager or keeper are killed: services and their stand-ins are the very same, and what people did
to RUNDIR meanwhile counts.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from sysmgr_host import PATIENCE, SLEEP, Host, living

from stoker.testing import Scenario


@pytest.fixture
def host(place: Scenario) -> Iterator[Host]:
    with Host(place) as made:
        yield made


def both(host: Host, name: str) -> tuple[int, int]:
    return host.up(name), host.number(f"{name}/syspid")


def test_a_manager_is_killed_and_nobody_acts(host: Host) -> None:
    host.place.script("web", SLEEP)
    host.place.script("down", SLEEP)
    host.start()
    before = both(host, "web")
    host.up("down")
    host.kill("down")
    host.locked("down")
    manager = host.place.manager()
    os.kill(manager, signal.SIGKILL)
    host.place.until(lambda: host.place.manager() != manager, "there is another manager")
    assert both(host, "web") == before
    assert host.locked("down") == 15
    assert host.place.instance("web")["run"] == 1
    host.kill("web")
    assert host.locked("web") == 15
    host.place.gone(before[0])


def test_what_people_do_while_there_is_no_manager(host: Host) -> None:
    names = ("killed", "unlocked", "locked", "removed", "alone")
    for name in names:
        host.place.script(name, SLEEP)
    process = host.start()
    pids = {name: host.up(name) for name in names}
    host.kill("unlocked")
    host.locked("unlocked")
    host.place.gone(pids["unlocked"])
    manager = host.place.manager()

    os.kill(process.pid, signal.SIGSTOP)  # the keeper: so that there is no successor yet
    os.kill(manager, signal.SIGKILL)
    host.place.gone(manager)
    host.kill("killed", signal.SIGHUP)
    host.remove("unlocked")
    (host.runs / "locked" / "lock").write_text("15\n")
    host.remove("removed")
    os.kill(process.pid, signal.SIGCONT)

    assert host.locked("killed") == signal.SIGHUP
    host.place.gone(pids["killed"])
    host.up("unlocked", other_than=pids["unlocked"])
    assert host.up("removed") == pids["removed"]
    assert host.up("alone") == pids["alone"]
    assert living(pids["locked"])
    os.kill(pids["locked"], signal.SIGKILL)
    assert host.locked("locked") == 15


@pytest.mark.long
def test_what_somebody_else_watched_over_is_ours_when_that_ended_meanwhile(host: Host) -> None:
    host.place.script("web", SLEEP)
    watching = subprocess.Popen(host.command("runsyssv", "web"), env=host.environment)
    try:
        pid = host.up("web")
        process = host.start()
        host.place.wait_for("web", "disabled")
        manager = host.place.manager()
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(manager, signal.SIGKILL)
        host.place.gone(manager)
        os.kill(pid, signal.SIGKILL)
        assert watching.wait(PATIENCE) == 0
        os.kill(process.pid, signal.SIGCONT)
        host.up("web", other_than=pid)
    finally:
        if watching.poll() is None:
            watching.terminate()
            watching.wait(PATIENCE)


def test_the_keeper_is_killed(host: Host) -> None:
    host.place.script("web", SLEEP)
    process = host.start()
    before = both(host, "web")
    process.kill()
    process.wait()
    host.place.until(lambda: host.number("pid") not in (0, process.pid), "another is shown")
    successor = host.number("pid")
    assert both(host, "web") == before
    host.kill("web")
    assert host.locked("web") == 15
    host.place.gone(before[0])
    os.kill(successor, signal.SIGTERM)
    host.place.gone(successor)
    assert not host.runs.exists()
