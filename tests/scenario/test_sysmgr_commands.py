"""svctl and sysmgr-depends against a manager, and runsyssv without one."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sysmgr_host import PATIENCE, SLEEP, Host, living, serving

from stoker.testing import Scenario


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """One sysmgr for all tests here: each has services of its own."""
    with serving() as made:
        yield made


def test_svctl_stop_status_start(host: Host) -> None:
    path = host.place.script("web", SLEEP)
    pid = host.up("web")
    assert host.run("svctl", "status", str(path)).ok().err == "web: UP\n"
    host.run("svctl", "stop", "web").ok()
    assert host.locked("web") == 15
    assert host.run("svctl", "status", "web").ended(1).err == "web: DOWN\n"
    host.place.gone(pid)
    host.run("svctl", "start", "web").ok()
    again = host.up("web")
    host.run("svctl", "start", "web").ok()
    assert host.up("web") == again


def test_svctl_restart(host: Host) -> None:
    host.place.script("restarted", SLEEP)
    pid = host.up("restarted")
    host.run("svctl", "restart", "restarted").ok()
    assert not living(pid)
    host.up("restarted", other_than=pid)


def test_svctl_kill(host: Host) -> None:
    ready = host.services / "ready-killed"
    host.place.script("killed", f"trap '' TERM; : > {ready}; while :; do sleep 0.1; done")
    pid = host.up("killed")
    host.place.until(ready.exists, "TERM is ignored")
    host.run("svctl", "kill", "killed").ok()
    assert host.locked("killed") == 9
    host.place.gone(pid)


def test_svctl_once(host: Host) -> None:
    host.place.script("once", SLEEP)
    pid = host.up("once")
    host.run("svctl", "once", "once").ok()
    assert host.run("svctl", "status", "once").ok().err == "once: UP\n"
    host.place.until(lambda: "once/lock: 0" in host.place.manager_log(), "the manager has seen it")
    assert living(pid)
    os.kill(pid, signal.SIGTERM)
    assert host.locked("once") == 0
    assert host.run("svctl", "status", "once").ended(1).err == "once: DOWN\n"


def test_svctl_once_of_what_is_down(host: Host) -> None:
    host.place.script("later", SLEEP)
    pid = host.up("later")
    host.run("svctl", "stop", "later").ok()
    host.place.gone(pid)
    host.run("svctl", "once", "later").ok()
    host.place.until(lambda: host.files("later") == ["lock", "pid", "syspid"], "it runs once")
    pid = host.number("later/pid")
    host.place.until(lambda: "later/lock: 0" in host.place.manager_log(), "the manager has seen it")
    os.kill(pid, signal.SIGKILL)
    assert host.locked("later") == 0


def test_sysmgr_depends_is_shown_until_it_goes_on(host: Host) -> None:
    wait = shlex.join(host.command("sysmgr-depends", "dbus"))
    host.place.script("dbus", SLEEP)
    pid = host.up("dbus")
    host.run("svctl", "stop", "dbus").ok()
    host.place.gone(pid)
    went = host.services / "went"
    host.place.script("network", f"{wait} || exit 1\n: > {went}\n{SLEEP}")
    host.up("network")

    def note() -> str:
        return str(host.place.instances()["network"]["note"])

    host.place.until(lambda: note() == "waiting for dbus", "ls says what it waits for")
    assert host.place.instance("network")["state"] == "online"
    told = host.place.stoker("explain", "network").ok().out
    assert "waiting for dbus" in told and "TERM to its syspid" in told
    assert not went.exists()
    host.run("svctl", "start", "dbus").ok()
    host.place.until(went.exists, "it goes on")
    host.place.until(lambda: note() == "", "ls says so no more")


def test_sysmgr_depends_names_an_unknown_service(host: Host) -> None:
    host.place.script("named", SLEEP)
    host.up("named")
    done = host.run("sysmgr-depends", "nmaed").ended(1)
    assert "did you mean named?" in done.err


def test_two_that_wait_for_each_other_both_go_on(host: Host) -> None:
    for one, other in (("left", "right"), ("right", "left")):
        wait = shlex.join(host.command("sysmgr-depends", other))
        host.place.script(one, f"{wait} || exit 1\n: > {host.services}/went-{one}\n{SLEEP}")
    for one in ("left", "right"):
        host.place.until((host.services / f"went-{one}").exists, f"{one} goes on")


# -- without a manager


class Alone:
    """runsyssv by itself, on a RUNDIR that no manager has."""

    def __init__(self, base: Path) -> None:
        with Scenario() as place:  # for its way of finding programs
            self.host = Host(place)
        base.mkdir(exist_ok=True)
        self.host.services, self.host.runs = base / "sv", base / "run"
        self.host.services.mkdir()

    def script(self, name: str, body: str) -> Path:
        path = self.host.services / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path


@pytest.fixture
def alone(tmp_path: Path) -> Alone:
    return Alone(tmp_path)


@contextmanager
def watch(alone: Alone, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """runsyssv on a service; whatever happens, it is ended with it."""
    process = subprocess.Popen(
        alone.host.command("runsyssv", f"/any/{name}"), env=alone.host.environment
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE)


def test_runsyssv_shows_the_service_and_ends_with_it(alone: Alone) -> None:
    alone.script("web", SLEEP)
    with watch(alone, "web") as process:
        pid = alone.host.up("web")
        assert alone.host.number("web/syspid") == process.pid
        os.kill(pid, signal.SIGKILL)
        assert process.wait(PATIENCE) == 0
    assert alone.host.files("web") == []


def test_runsyssv_runs_what_has_no_interpreters_line_by_the_shell(alone: Alone) -> None:
    alone.script("web", SLEEP).write_text(SLEEP + "\n")
    with watch(alone, "web"):
        pid = alone.host.up("web")
        alone.host.place.until(
            lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0"), "it runs"
        )


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "ABRT", "USR1"])
def test_runsyssv_that_is_signalled_ends_the_service_and_locks(alone: Alone, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    said = alone.host.services / "said"
    alone.script("web", f"trap 'echo TERM > {said}; exit' TERM; : > {said}; "
                        "while :; do sleep 0.1; done")  # fmt: skip
    with watch(alone, "web") as process:
        pid = alone.host.up("web")
        alone.host.place.until(said.exists, "the trap is set")
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert alone.host.locked("web") == number
    alone.host.place.gone(pid)
    assert said.read_text() == ("" if name == "USR1" else "TERM\n")


def test_runsyssv_does_nothing_where_the_service_is_shown_already(alone: Alone) -> None:
    started = alone.host.services / "started"
    alone.script("web", f": > {started}")
    (alone.host.runs / "web").mkdir(parents=True)
    done = alone.host.run("runsyssv", "web").ended(1)
    assert (done.out, done.err) == ("", "")
    assert not started.exists()


def test_runsyssv_and_svctl_understand_each_other(alone: Alone) -> None:
    alone.script("web", SLEEP)
    with watch(alone, "web") as process:
        alone.host.up("web")
        assert alone.host.run("svctl", "status", "web").ok().err == "web: UP\n"
        alone.host.run("svctl", "kill", "web").ok()
        assert process.wait(PATIENCE) == 0
    assert alone.host.locked("web") == 9


def test_runsyssv_leaves_a_lock_of_once(alone: Alone) -> None:
    alone.script("web", SLEEP)
    with watch(alone, "web") as process:
        pid = alone.host.up("web")
        alone.host.run("svctl", "once", "web").ok()
        os.kill(pid, signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert alone.host.number("web/lock") == 0 and "lock" in alone.host.files("web")


def test_sysmgr_depends_waits_for_what_runsyssv_watches(alone: Alone) -> None:
    alone.script("web", SLEEP)
    waiting = subprocess.Popen(
        alone.host.command("sysmgr-depends", "web"), env=alone.host.environment
    )
    try:
        with watch(alone, "web"):
            alone.host.up("web")
            assert waiting.wait(PATIENCE) == 0
    finally:
        waiting.kill()
        waiting.wait()
