"""As hermit_sm has it: TOML files unchanged, inputs that a host gives, starts that fail and are
tried again, stops that take too long. The same with both spawners.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from stoker.testing import Scenario

SLEEP = 'exec_start = ["sleep", "infinity"]\n'
_PROGRAM = "/usr/sbin/start-stop-daemon", "/sbin/start-stop-daemon"


@pytest.fixture(params=["own", "start-stop-daemon"])
def host(request: pytest.FixtureRequest, place: Scenario) -> Scenario:
    """A place whose services are started in one way or the other."""
    if request.param != "own" and not any(os.access(path, os.X_OK) for path in _PROGRAM):
        pytest.skip("there is no start-stop-daemon")
    (place.directory / ".stoker.toml").write_text(f'spawner = "{request.param}"\n')
    return place


def command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def test_a_service_from_its_start_to_its_end(host: Scenario) -> None:
    fails = host.base / "fails"
    fails.touch()
    restart = '[restart]\ndelay = "50ms"\ncap = "200ms"\n'
    host.toml("plain", SLEEP)
    host.toml(
        "prepared",
        f'exec_start_pre = ["test", "!", "-e", "{fails}"]\n'
        'exec_start = ["sh", "-c", "umask; pwd; echo \\"$0\\" \\"$1\\"; exec sleep infinity", '
        '"a b", "*"]\n'
        'umask = "0027"\nworking_directory = "/usr"\n' + restart,
    )
    hangs = 'exec_start_pre = ["sleep", "infinity"]\nexec_start_pre_timeout = "100ms"\n'
    host.toml("hangs", hangs + SLEEP + restart)
    vanishing = host.script("vanishing", "exec sleep infinity")
    host.toml("none", 'exec_start = ["no-such-program"]\n' + restart)
    stubborn = """trap "" TERM; echo ready; while :; do sleep 1; done"""
    host.toml(
        "stubborn",
        f'exec_start = ["sh", "-c", \'{stubborn}\']\nshutdown_timeout = "200ms"\n'
        '[ready]\nlog = "ready"\n',
    )
    host.up(status=1)

    # A command before the start that fails, or takes too long: not started, said why, tried again.
    def note(name: str) -> str:
        return str(host.instance(name)["note"])

    host.until(lambda: "exit status 1" in note("prepared"), "the failure is said")
    host.until(lambda: "within" in note("hangs") or "time" in note("hangs"), "the time is said")
    host.until(lambda: "no-such-program" in note("none"), "what is missing is said")
    assert host.instance("hangs")["state"] == "offline"
    fails.unlink()
    host.wait_for("prepared", "online")
    host.until(lambda: "a b *" in host.stoker("logs", "prepared").out, "its output")
    out = host.stoker("logs", "prepared").out
    assert "0027" in out and "/usr" in out

    # What is shown is the service itself, whoever started it; a crash brings another one.
    pid = host.pid("plain")
    host.until(lambda: command(pid)[1:2] == ["infinity"], "it has become the service")
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: host.instance("plain")["pid"] not in (pid, None), "another one")
    host.wait_for("plain", "online")

    # A file that has vanished since it was read: said, and tried again until it is back.
    vanishing.unlink()
    os.kill(host.pid("vanishing"), signal.SIGKILL)
    host.until(lambda: "No such file" in note("vanishing"), "what has vanished is said")
    host.script("vanishing", "exec sleep infinity")
    host.stoker("start", "vanishing").ok()

    # TERM, the time that the file gives, KILL.
    stubborn_pid = host.pid("stubborn")
    host.stoker("stop", "stubborn").ok()
    host.gone(stubborn_pid)
    host.stoker("stop", "plain").ok()


def test_sleep_wake_and_conditions_from_a_host(host: Scenario) -> None:
    settings = host.directory / ".stoker.toml"
    settings.write_text(settings.read_text() + "watchers = []\n")
    host.toml("plain", SLEEP)
    host.toml("needy", SLEEP + 'system_dependencies = ["TIME"]\n')
    host.up(status=1)
    assert host.instance("needy")["note"] == "requires input TIME (nobody gives TIME)"
    assert "nobody gives TIME" in host.stoker("explain", "needy").out

    host.stoker("system", "set", "TIME", "met", "--reason", "I looked").ok()
    host.wait_for("needy", "online")
    plain = host.pid("plain")

    # Who said it outlives the manager, and nobody is disturbed by that.
    manager = host.manager()
    os.kill(manager, signal.SIGKILL)
    host.until(lambda: host.manager() != manager, "another manager")
    rows = host.stoker("system", "--json").ok().json()["inputs"]
    (row,) = [one for one in rows if one["name"] == "TIME"]
    assert (row["met"], row["by"], row["why"]) == (True, "person", "I looked")
    assert row["since"] and row["needed_by"] == ["needy"]
    assert host.pid("plain") == plain

    # What a sleep would do can be seen before.
    plan = host.stoker("system", "sleep", "--dry-run", "--json").ok().json()["plan"]
    assert {step["fmri"] for step in plan if step["action"] == "stop"} == {
        "svc:/plain:default",
        "svc:/needy:default",
    }
    assert host.pid("plain") == plain

    # Sleep returns when nothing runs; after the wake everything is as it was to be.
    host.stoker("system", "sleep").ok()
    rows = host.instances()
    assert [rows[name]["pid"] for name in ("plain", "needy")] == [None, None]
    assert "put to sleep" in rows["plain"]["note"]
    host.stoker("start", "--no-wait", "plain").ok()
    host.stoker("system", "unset", "TIME").ok()
    host.stoker("system", "wake").ok()
    host.wait_for("plain", "online")
    assert host.instance("needy")["state"] == "offline"


# -- watchers: once is enough, whoever starts them


def test_a_watcher_comes_with_the_service_that_needs_it_and_tells_every_manager(
    place: Scenario,
) -> None:
    web = place.toml("web", SLEEP)
    place.up()
    assert list(place.instances()) == ["web"]
    web.write_text(SLEEP + 'system_dependencies = ["MOUNTS"]\n')
    place.stoker("reload")

    def word() -> dict[str, object] | None:
        rows = place.stoker("system", "--json").ok().json()["inputs"]
        return next((one for one in rows if one["name"] == "MOUNTS" and one["by"]), None)

    found = place.until(word, "the watcher has said something")
    assert (found["by"], found["who"]) == ("watcher", "stoker/mounts")
    assert found["met"] == found["watcher_says"]
    watcher = place.pid("stoker/mounts")

    # A manager that knows nothing any more is told again.
    manager = place.manager()
    os.kill(manager, signal.SIGKILL)
    said = "MOUNTS is "
    place.until(lambda: place.stoker("logs", "stoker/mounts").out.count(said) > 1, "told again")
    assert place.pid("stoker/mounts") == watcher

    web.write_text(SLEEP)
    place.stoker("reload").ok()
    place.until(lambda: list(place.instances()) == ["web"], "nobody needs it any more")
    place.gone(watcher)
