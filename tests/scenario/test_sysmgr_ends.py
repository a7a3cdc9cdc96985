"""sysmgr begins and ends: its environment, signals, what is left, and what it does not touch."""

from __future__ import annotations

import os
import shutil
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


@pytest.mark.parametrize(
    "name",
    [
        *("TERM", "HUP", "ABRT"),
        pytest.param("INT", marks=pytest.mark.long),
        pytest.param("QUIT", marks=pytest.mark.long),
    ],
)
def test_a_signal_ends_everything_with_0_and_rundir_is_gone(host: Host, name: str) -> None:
    host.place.script("web", f"sleep 1000 & {SLEEP}")
    host.start()
    pid, syspid = host.up("web"), host.number("web/syspid")
    assert host.stop(signal.Signals[f"SIG{name}"]) == 0
    assert not living(pid) and not living(syspid)
    assert not host.runs.exists()


def test_the_ladder_ends_what_does_not_end(host: Host) -> None:
    ready = host.services / "ready"
    host.place.toml(
        "stubborn",
        f"""exec_start = ["sh", "-c", "trap '' TERM; : > {ready}; while :; do sleep 0.1; done"]
shutdown_timeout = "100ms"
""",
    )
    host.start()
    host.place.until(ready.exists, "TERM is ignored")
    pid = host.up("stubborn")
    assert host.stop() == 0
    assert not living(pid)
    assert not host.runs.exists()


def test_services_get_the_environment_with_both_directories(host: Host) -> None:
    told = host.services / "told"
    say = f'echo "$SYSDIR|$RUNDIR|$OWN|$PWD" > {told}.new; mv {told}.new {told}'
    host.place.script("web", f"{say}\n{SLEEP}")
    host.variables = {"OWN": "of the host"}
    host.start()
    host.place.until(told.exists, "the service has told")
    here = os.getcwd()
    assert told.read_text() == f"{host.services}|{host.runs}|of the host|{here}\n"


def test_two_on_one_rundir_or_one_sysdir(host: Host, tmp_path: os.PathLike[str]) -> None:
    host.place.script("web", SLEEP)
    first = host.start()
    pid = host.up("web")
    again = host.run("sysmgr")
    assert again.status != 0 and str(first.pid) in again.err
    elsewhere = Host(host.place)
    elsewhere.runs = host.place.base / "other"
    other = elsewhere.run("sysmgr")
    assert other.status != 0 and str(host.services) in other.err
    assert host.up("web") == pid


def test_rundir_that_goes_as_a_whole_starts_all_and_comes_back(host: Host) -> None:
    host.place.script("runs", SLEEP)
    host.place.script("stopped", SLEEP)
    process = host.start()
    pid, stopped = host.up("runs"), host.up("stopped")
    host.kill("stopped")
    host.locked("stopped")
    host.place.gone(stopped)
    host.runs.rename(host.place.base / "aside")
    assert host.up("runs") == pid
    host.up("stopped", other_than=stopped)
    assert host.number("pid") == process.pid


def test_the_place_is_in_rundir_where_sysdir_cannot_be_written(host: Host) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    host.place.script("web", SLEEP)
    del host.place.environment["STOKER_RUNTIME_DIR"]
    host.services.chmod(0o555)
    try:
        host.start()
        host.up("web")
        assert (host.runs / ".stoker").is_dir()
        assert host.stop() == 0
        assert not host.runs.exists()
    finally:
        host.services.chmod(0o755)


def test_files_that_a_crash_left(host: Host) -> None:
    """Locks count; pids mean nothing, whoever has these numbers now."""
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        for name, files in {
            "web": {"syspid": stranger.pid, "pid": stranger.pid},
            "kept": {"syspid": stranger.pid, "lock": 15},
            "nobody": {"syspid": stranger.pid},
        }.items():
            folder = host.runs / name
            folder.mkdir(parents=True)
            for part, number in files.items():
                (folder / part).write_text(f"{number}\n")
        (host.runs / "pid").write_text(f"{stranger.pid}\n")
        host.place.script("web", SLEEP)
        host.place.script("kept", SLEEP)
        host.start()
        assert host.up("web", other_than=stranger.pid)
        assert host.locked("kept") == 15
        assert host.files("nobody") == []
        assert host.place.instance("kept")["run"] == 0
        assert host.stop() == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_somebody_else_watches_over_is_not_started_twice(host: Host) -> None:
    host.place.script("web", SLEEP)
    watching = subprocess.Popen(host.command("runsyssv", "web"), env=host.environment)
    try:
        pid = host.up("web")
        host.start()
        row = host.place.wait_for("web", "disabled")
        assert f"runsyssv {watching.pid} runs it" in row["note"]
        assert host.up("web") == pid
        os.kill(pid, signal.SIGKILL)
        assert watching.wait(PATIENCE) == 0
        host.up("web", other_than=pid)
        assert host.place.wait_for("web", "online")["run"] == 1
    finally:
        if watching.poll() is None:
            watching.terminate()
            watching.wait(PATIENCE)


def test_what_is_not_ours_in_rundir_stays(host: Host) -> None:
    host.start()
    (host.runs / "notes").write_text("of somebody")
    assert host.stop() == 0
    assert os.listdir(host.runs) == ["notes"]


def test_rundir_that_cannot_be_made(host: Host) -> None:
    (host.place.base / "file").write_text("")
    host.runs = host.place.base / "file" / "published"
    done = host.run("sysmgr").ended(1)
    assert str(host.runs) in done.err and "Not a directory" in done.err


def test_sysdir_that_cannot_be_opened(host: Host) -> None:
    shutil.rmtree(host.services)
    done = host.run("sysmgr").ended(1)
    assert str(host.services) in done.err and "No such file or directory" in done.err


def test_mistakes_are_said_at_the_start_and_keep_nobody_else(host: Host) -> None:
    (host.services / "bad").write_text("echo no interpreter\n")
    (host.services / "bad").chmod(0o755)
    host.place.script("good", SLEEP)
    host.start()
    host.up("good")
    said = (host.place.base / "sysmgr.err").read_text()
    assert "bad" in said and "#!" in said
