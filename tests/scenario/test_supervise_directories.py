"""Supervise directories show what runs and take commands (nosh.md 4; C6, C7, C16, C19, C23, C26,
C28, C29, C74), and the programs of daemontools, runit and s6 operate us.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess

import pytest
from bundles import FOREVER, bundle, lines, pid, relate, served, status, write

from stoker.testing import Scenario


def tool(*words: object) -> str:
    if shutil.which(str(words[0])) is None:
        pytest.skip(f"there is no {words[0]} here")
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def test_the_status_of_a_bundle_to_the_byte(place: Scenario) -> None:
    go = place.directory / "go"
    one = bundle(
        place.directory / "web" / "service",
        start="exit 7",
        run=FOREVER,
        restart=f"test ! -e {go}",
        stop="exit 3",
    ).parent
    (one / "service" / "down").touch()
    place.up()
    assert served(one)
    assert len(status(one)) == 87
    assert status(one)[12:] == bytes(75)  # stopped, no pid, no record
    write(one, "u")
    place.until(lambda: status(one)[18] == 3 and pid(one), "running")
    data = status(one)
    assert pid(one) == place.pid("web")
    assert (data[16], data[17]) == (0, 0)  # not paused, no wish left
    assert struct.unpack_from(">BI", data, 19) == (1, 7)  # start ended with 7, and run runs
    assert data[36:87] == bytes(51)
    seconds, fraction = struct.unpack_from(">QI", data)
    born = os.stat(f"/proc/{pid(one)}").st_ctime
    assert abs(seconds - (1 << 62) - 37 - born) < 600
    assert fraction < 1_000_000_000
    first = pid(one)
    write(one, "k")
    place.until(lambda: status(one)[18] == 3 and pid(one) not in (0, first), "another run")
    data = status(one)
    assert struct.unpack_from(">BI", data, 19) == (1, 7)  # start was not run again
    assert data[36:53] == bytes(17)  # nothing yet of this run
    assert struct.unpack_from(">BI", data, 53) == (1, 0)  # restart said yes
    go.touch()
    write(one, "p?c!p")  # what means nothing is passed over
    place.until(lambda: status(one)[16] == 1, "paused")
    write(one, "d")
    place.until(lambda: status(one)[18] == 0, "stopped")
    data = status(one)
    assert (pid(one), data[16], data[17]) == (0, 0, 0)
    assert struct.unpack_from(">BI", data, 36) == (2, 15)  # run ended by TERM
    assert struct.unpack_from(">BI", data, 70) == (1, 3)  # stop ended with 3
    stat = os.stat(one / "supervise" / "status")
    assert stat.st_mode & 0o777 == 0o644


def test_once_at_most_once_and_the_unloading(place: Scenario) -> None:
    note = place.directory / "note"
    one = bundle(
        place.directory / "web" / "service",
        run=f"echo run >> {note}; {FOREVER}",
        restart=f"echo $* >> {note}",
    ).parent
    (one / "service" / "down").touch()
    place.up()
    write(one, "O")  # a stopped one stays so
    write(one, "o")
    place.until(lambda: status(one)[18] == 3 and pid(one), "running")
    assert status(one)[17:18] == b"o"
    place.until(lambda: lines(note) == ["run"], "its first line")
    write(one, "t")
    place.until(lambda: status(one)[18] == 0 and pid(one) == 0, "stopped")
    assert lines(note) == ["run", "term TERM 15"]  # restart was asked, and said yes in vain
    write(one, "u")
    place.until(lambda: status(one)[18] == 3 and pid(one), "running")
    running = pid(one)
    write(one, "x")
    place.wait_for("web", "online")
    assert served(one)  # what runs goes on
    assert pid(one) == running
    write(one, "d")
    place.until(lambda: not served(one), "unloaded")
    place.stoker("start", "web").ok()
    assert served(one)


def test_commands_are_for_one_bundle_and_leave_its_relations_alone(place: Scenario) -> None:
    web, along, needs, other = (
        bundle(place.directory / name / "service", run=FOREVER, down="").parent
        for name in ("web", "along", "needs", "other")
    )
    relate(web, "wants", along)
    relate(web, "required-by", needs)
    relate(web, "conflicts", other)
    place.up()
    for one in (other, needs):
        write(one, "u")
        place.until(lambda one=one: status(one)[18] == 3, "running")
    write(web, "u")
    place.until(lambda: status(web)[18] == 3, "running")
    write(web, "d")
    place.until(lambda: status(web)[18] == 0, "stopped")
    assert (status(needs)[18], status(other)[18], status(along)[18]) == (3, 3, 0)
    place.stoker("start", "web").ok()  # a job follows them
    place.until(lambda: (status(along)[18], status(other)[18]) == (3, 0), "what belongs to it")
    place.stoker("stop", "web").ok()
    place.until(lambda: status(needs)[18] == 0, "what requires it is stopped")


def test_a_start_program_is_ended_by_d_and_run_never_runs(place: Scenario) -> None:
    note = place.directory / "note"
    one = bundle(
        place.directory / "web" / "service",
        start="exec sleep infinity",
        run=f"echo run >> {note}; {FOREVER}",
        stop=f"echo stop >> {note}",
    ).parent
    (one / "service" / "down").touch()
    place.up()
    write(one, "u")
    place.until(lambda: status(one)[18] == 1 and pid(one), "starting")
    assert status(one)[17:18] == b"u"
    write(one, "d")
    place.until(lambda: status(one)[18] == 0, "stopped")
    assert lines(note) == ["stop"]


def test_a_run_lasts_until_the_last_of_its_processes_has_ended(place: Scenario) -> None:
    """C73, as decided: 1.40 on Linux looks at the first process alone."""
    left = place.directory / "left"
    one = bundle(
        place.directory / "web" / "service",
        run=f"sleep infinity & echo $! > {left}; exit 3",
        restart="exit 1",
    ).parent
    place.up()
    place.until(lambda: lines(left), "a process that is left alone")
    place.until(lambda: pid(one) == 0 and status(one)[36] == 1, "its first process has ended")
    assert status(one)[18] == 3
    os.kill(int(lines(left)[0]), 9)
    place.until(lambda: status(one)[18] == 0, "over")
    assert struct.unpack_from(">BI", status(one), 36) == (1, 3)  # as its first process ended
    assert struct.unpack_from(">BI", status(one), 53) == (1, 1)  # restart said no


def test_directories_that_others_have_that_cannot_be_served_and_that_are_links(
    place: Scenario,
) -> None:
    locked = bundle(place.directory / "locked", run=FOREVER)
    odd = bundle(place.directory / "odd", run=FOREVER)
    linked = bundle(place.directory / "linked", run=FOREVER)
    (locked / "supervise").mkdir()
    (odd / "supervise").mkdir()
    (odd / "supervise" / "control").write_text("")  # no FIFO: the view is lost, not the service
    early = place.base / "early-supervise" / "linked"
    (linked / "supervise").symlink_to(early)
    with open(locked / "supervise" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place.stoker("up", "-d", str(place.directory))
        rows = place.instances()
        assert [rows[name]["state"] for name in ("odd", "linked")] == ["online"] * 2
        assert rows["locked"]["pid"] is None  # whoever has locked it has the service
        notices = place.stoker("status", "--json").ok().json()["manager"]["notices"]
        (text,) = [one for one in notices if "is not served" in one]
        assert text.startswith(f"{locked}/supervise is not served: ")
        assert text.endswith(" (and 1 more)")
    assert (served(odd), served(linked)) == (False, True)
    assert (early / "status").stat().st_size == 18  # as daemontools has it
    place.stoker("start", "locked").ok()


@pytest.mark.long
def test_a_successor_goes_on_from_what_was_shown(place: Scenario) -> None:
    one = bundle(place.directory / "web" / "service", start="exit 4", run=FOREVER).parent
    place.up()
    place.until(lambda: status(one)[18] == 3 and pid(one), "running")
    before = status(one)
    os.kill(place.manager(), 9)
    place.until(lambda: place.stoker("ls").status == 0 and served(one), "a successor")
    assert status(one) == before


def test_the_programs_of_daemontools_runit_and_s6_operate_their_own_kinds(
    place: Scenario,
) -> None:
    one = bundle(place.directory / "web", run=FOREVER)
    runit = bundle(place.directory / "runit", run=FOREVER, finish="true")
    bundle(runit / "log", run="exec cat >/dev/null")
    six = bundle(place.directory / "six", run="echo >&4; exec sleep infinity")
    (six / "notification-fd").write_text("4\n")
    place.up()
    assert tool("svok", one) == ""
    text = tool("svstat", one)
    assert text.startswith(f"{one}: up (pid {place.pid('web')}) ")
    tool("svc", "-d", one)
    place.until(lambda: ": down " in tool("svstat", one), "down")
    tool("svc", "-u", one)
    place.until(lambda: ": up (pid " in tool("svstat", one), "up")
    tool("svc", "-p", one)
    place.until(lambda: "paused" in tool("svstat", one), "paused")
    held = subprocess.run(["setlock", "-n", one / "supervise" / "lock", "true"], check=False)
    assert held.returncode == 111
    text = tool("sv", "status", runit)
    assert text.startswith(f"run: {runit}: (pid {place.pid('runit')}) ")
    assert f"; run: log: (pid {place.pid('runit/log')}) " in text
    tool("sv", "-w", "60", "down", runit)
    assert tool("sv", "status", runit).startswith(f"down: {runit}: ")
    tool("sv", "-w", "60", "up", runit)
    assert tool("sv", "status", runit).startswith(f"run: {runit}: ")
    text = tool("s6-svstat", six)
    assert text.startswith(f"up (pid {place.pid('six')}")
    assert "ready" in text
    tool("s6-svc", "-d", six)
    place.until(lambda: tool("s6-svstat", six).startswith("down (signal SIGTERM)"), "down")
    place.down()
    assert "supervise not running" in tool("svstat", one)
