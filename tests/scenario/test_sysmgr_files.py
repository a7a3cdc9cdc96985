"""What RUNDIR shows, and what ls, cat, rm, kill, echo and touch on it and on SYSDIR mean."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sysmgr_host import SLEEP, Host, living, serving


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """One sysmgr for all tests here: each has services of its own."""
    with serving() as made:
        yield made


def test_rundir_pid_is_sysmgr(host: Host) -> None:
    pid = host.number("pid")
    assert (host.runs / "pid").read_text() == f"{pid}\n"
    assert b"--run" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_new_executable_is_started_and_shown(host: Host) -> None:
    host.place.script("new", SLEEP)
    pid = host.up("new")
    syspid = host.number("new/syspid")
    assert (host.runs / "new" / "pid").read_text() == f"{pid}\n"
    assert (host.runs / "new" / "syspid").read_text() == f"{syspid}\n"
    assert living(syspid) and syspid != pid
    words = Path(f"/proc/{syspid}/cmdline").read_bytes().split(b"\0")
    assert words[-3:-1] == [b"runsyssv", os.fsencode(host.services / "new")]
    assert os.getsid(syspid) == syspid


def test_a_script_without_interpreter_is_the_shells(host: Host) -> None:
    """As execvp(3) has it, which the original uses."""
    path = host.place.script("shells", "")
    path.write_text("exec sleep 1000\n")
    pid = host.up("shells")
    said = Path(f"/proc/{pid}/cmdline")
    host.place.until(lambda: said.read_bytes() == b"sleep\x001000\0", "it has become sleep")


def test_an_entry_that_begins_with_a_dot_is_none(host: Host) -> None:
    host.place.script(".hidden", SLEEP)
    host.place.script("after-hidden", SLEEP)
    host.up("after-hidden")
    assert host.files(".hidden") == []
    assert ".hidden" not in host.place.instances()


def test_a_service_that_is_removed_is_stopped(host: Host) -> None:
    path = host.place.script("removed", SLEEP)
    pid, syspid = host.up("removed"), host.number("removed/syspid")
    path.unlink()
    host.place.gone(pid)
    host.place.gone(syspid)
    host.place.until(lambda: not host.files("removed"), "nothing is shown of it")
    assert not (host.runs / "removed").exists()


def test_a_service_that_ended_is_started_again(host: Host) -> None:
    host.place.script("ended", SLEEP)
    pid = host.up("ended")
    os.kill(pid, signal.SIGKILL)
    assert host.up("ended", other_than=pid) != pid


def test_signal_to_syspid_stops_and_leaves_its_number(host: Host) -> None:
    names = ("TERM", "INT", "HUP", "QUIT", "ABRT")
    for name in names:
        said = host.services / f"said-{name}"
        trap = f"trap 'echo TERM > {said}; exit' TERM; : > {said}; while :; do sleep 0.1; done"
        host.place.script(f"sig-{name}", trap)
    for name in names:
        said = host.services / f"said-{name}"
        pid = host.up(f"sig-{name}")
        host.place.until(said.exists, "the trap is set")
        number = signal.Signals[f"SIG{name}"]
        host.kill(f"sig-{name}", number)
        assert host.locked(f"sig-{name}") == number
        host.place.gone(pid)
        assert said.read_text() == "TERM\n"


@pytest.mark.parametrize(("name", "lock"), [("USR1", 10), ("KILL", 9)])
def test_usr1_to_syspid_kills(host: Host, name: str, lock: int) -> None:
    ready = host.services / f"ready-{name}"
    host.place.script(f"hard-{name}", f"trap '' TERM; : > {ready}; while :; do sleep 0.1; done")
    pid = host.up(f"hard-{name}")
    host.place.until(ready.exists, "TERM is ignored")
    host.kill(f"hard-{name}", signal.Signals[f"SIG{name}"])
    assert host.locked(f"hard-{name}") == lock
    host.place.gone(pid)


def test_rm_r_of_what_was_stopped_starts_it(host: Host) -> None:
    host.place.script("back", SLEEP)
    pid = host.up("back")
    host.kill("back")
    assert host.locked("back") == 15
    host.place.gone(pid)
    host.remove("back")
    assert host.up("back") != pid


def test_a_kill_and_rm_r_right_after_it_are_a_restart(host: Host) -> None:
    """What the original's `svctl restart` does, and by hand without its lock."""
    host.place.script("bounced", SLEEP)
    folder = host.runs / "bounced"
    pid = 0
    for lock in (True, False, True):
        pid = host.up("bounced", other_than=pid)
        if lock:
            (folder / "lock").write_text("15\n")
        host.kill("bounced")
        for part in ("syspid", "pid", "lock"):
            (folder / part).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    host.up("bounced", other_than=pid)


def test_rm_of_the_lock_alone_starts_it(host: Host) -> None:
    host.place.script("unlocked", SLEEP)
    pid = host.up("unlocked")
    host.kill("unlocked")
    host.locked("unlocked")
    (host.runs / "unlocked" / "lock").unlink()
    assert host.up("unlocked", other_than=pid)


def test_rm_r_of_what_runs_lets_it_go_on_and_shows_it_again(host: Host) -> None:
    host.place.script("shown", SLEEP)
    pid, syspid = host.up("shown"), host.number("shown/syspid")
    host.remove("shown")
    assert host.up("shown") == pid
    assert host.number("shown/syspid") == syspid


def test_a_pid_file_that_is_removed_is_shown_again(host: Host) -> None:
    host.place.script("file", SLEEP)
    pid = host.up("file")
    (host.runs / "file" / "pid").unlink()
    assert host.up("file") == pid
    (host.runs / "file" / "syspid").write_text("1\n")
    host.place.until(lambda: host.number("file/syspid") != 1, "what we did not write is not kept")
    assert host.up("file") == pid


def test_a_lock_by_hand_keeps_down_what_is_down(host: Host) -> None:
    folder = host.runs / "kept"
    folder.mkdir()
    (folder / "lock").write_text("15\n")
    host.place.script("kept", SLEEP)
    host.place.wait_for("kept", "disabled")
    assert host.files("kept") == ["lock"]
    assert host.place.instance("kept")["run"] == 0
    host.remove("kept")
    host.up("kept")


def test_a_lock_by_hand_on_what_runs_keeps_it_down_when_it_has_ended(host: Host) -> None:
    host.place.script("last", SLEEP)
    pid = host.up("last")
    (host.runs / "last" / "lock").write_text("15\n")
    host.place.until(lambda: "lock" in host.files("last") and living(pid), "it goes on")
    row = host.place.until(
        lambda: next((r for r in _locks(host) if "last/lock" in r), None), "the manager has seen it"
    )
    assert "once" in row
    os.kill(pid, signal.SIGTERM)
    assert host.locked("last") == 15
    assert host.place.instance("last")["state"] == "disabled"


def _locks(host: Host) -> list[str]:
    return [line for line in host.place.manager_log().splitlines() if "/lock: " in line]


def test_a_lock_of_9_ends_a_stop_that_takes_long(host: Host) -> None:
    ready = host.services / "ready-slow"
    host.place.script("slow", f"trap '' TERM; : > {ready}; while :; do sleep 0.1; done")
    pid = host.up("slow")
    host.place.until(ready.exists, "TERM is ignored")
    host.kill("slow")
    assert host.locked("slow") == 15
    assert host.run("svctl", "kill", "slow").status == 0
    host.place.gone(pid, timeout=60)


def test_names_that_are_no_fmri(host: Host) -> None:
    names = ("8080", "a b", "agetty-1@tty", "web.bak", "\u00e4", "x%41", "pids")
    for name in names:
        host.place.script(name, SLEEP)
    pids = {name: host.up(name) for name in names}
    for name in names:
        host.kill(name)
        assert host.locked(name) == 15
        host.place.gone(pids[name])
    files = [str(host.services / name) for name in names]
    host.run("svctl", "start", *files).ok()
    for name in names:
        assert host.up(name) != pids[name]


def test_a_file_that_vanishes_is_said_and_comes_back(host: Host) -> None:
    path = host.place.script("vanishing", SLEEP)
    pid = host.up("vanishing")
    aside = path.rename(host.services / ".aside")
    os.kill(pid, signal.SIGKILL)
    host.place.until(lambda: not host.files("vanishing"), "nothing is shown of it")
    aside.rename(path)
    host.up("vanishing", other_than=pid)


def test_stoker_stop_shows_a_lock_and_its_removal_starts(host: Host) -> None:
    host.place.script("native", SLEEP)
    pid = host.up("native")
    host.place.stoker("stop", "native").ok()
    assert host.locked("native") == 15
    host.remove("native")
    assert host.up("native") != pid
    host.place.stoker("disable", "native").ok()
    host.locked("native")
    host.place.stoker("enable", "native").ok()
    host.up("native")


def test_what_a_service_prints_is_in_its_log_and_its_ends_in_its_history(host: Host) -> None:
    host.place.script("talks", f"echo to its log\n{SLEEP}")
    pid = host.up("talks")
    host.place.until(lambda: "to its log" in host.place.stoker("logs", "talks").out, "it is kept")
    os.kill(pid, signal.SIGKILL)
    host.up("talks", other_than=pid)
    ends = host.place.until(
        lambda: "signal KILL" in (out := host.place.stoker("history", "talks").out) and out, "kept"
    )
    assert str(pid) in ends


def test_who_acted_is_in_the_log_and_in_the_listing(host: Host) -> None:
    host.place.script("audited", SLEEP)
    host.up("audited")
    host.kill("audited")
    host.locked("audited")
    row = host.place.wait_for("audited", "disabled")
    assert "TERM to its syspid" in row["note"]
    said = host.place.stoker("explain", "audited").ok().out
    assert "TERM to its syspid" in said
