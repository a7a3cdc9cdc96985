"""service-dt-scanner is a client that comes and goes; service-manager serves the RPC alone (nosh.md
3, 7; C48, C49, C51-C54, C70, C71).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import FOREVER, bundle, lines, pid, served, status, write
from nosh_rpc import load

from stoker.testing import Scenario
from stoker.testing.scenario import descendants


def begin(place: Scenario, *words: object) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).with_name("stoker")
    with (place.base / "said").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, str(program), *map(str, words)],
            env=place.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(60)


def running(one: Path) -> bool:
    return served(one) and status(one)[18:19] in (b"", b"\3") and pid(one) != 0


def manager_of(place: Scenario) -> int:
    """The manager that a service manager has started for itself."""
    (runtime,) = place.base.glob("service-manager-*/run")
    told = place.stoker("--runtime-dir", str(runtime), "status", "--json").ok().json()
    return int(told["manager"]["pid"])


def parent(process: int) -> int:
    stat = Path(f"/proc/{process}/stat").read_bytes()
    return int(stat.rpartition(b")")[2].split()[1])


def test_what_appears_is_started_once_and_what_goes_goes_on(place: Scenario) -> None:
    place.up()
    scanned = place.base / "scanned"
    kept = place.base / "kept"
    one = bundle(scanned / "one", run=f"echo hello; {FOREVER}")
    bundle(one / "log", run=f"exec cat >> {kept}")
    off = bundle(scanned / "off", run=FOREVER, down="")
    bundle(scanned / ".hidden", run=FOREVER)
    bundle(scanned / os.fsdecode(b"a\xff"), run=FOREVER)  # which is never loaded
    (scanned / "circle").symlink_to("circle")
    scanner = begin(place, "service-dt-scanner", scanned)
    try:
        place.until(lambda: lines(kept) == ["hello"], "started, and its log")
        place.until(lambda: served(off) and running(one), "loaded, and shown")
        first = pid(one)
        assert parent(first) in (place.manager(), place.keeper())
        assert list(descendants(scanner.pid)) == []
        assert pid(off) == 0
        moved = bundle(place.base / "moved", run=FOREVER)
        moved.rename(scanned / "moved")  # which 1.40 does not see
        place.until(lambda: running(scanned / "moved"), "seen when it was moved there")
        (scanned / "link").symlink_to(bundle(place.base / "far", run=FOREVER))
        place.until(lambda: running(place.base / "far"), "seen when it was linked")
        assert end(scanner) == -signal.SIGTERM
        scanner = begin(place, "service-dt-scanner", scanned)
        late = bundle(place.base / "late", run=FOREVER)
        late.rename(scanned / "late")
        place.until(lambda: running(scanned / "late"), "the new scanner has looked")
        assert pid(one) == first
        (scanned / "link").unlink()
        (scanned / "one").rename(place.base / "elsewhere")
        os.kill(first, 0)
    finally:
        if scanner.poll() is None:
            end(scanner)


def test_what_goes_is_unloaded_if_that_is_asked_for(place: Scenario) -> None:
    """Its link, itself, or altogether. Its log has its last words."""
    place.up()
    scanned, kept = place.base / "scanned", place.base / "kept"
    scanned.mkdir()
    linked = bundle(place.base / "linked", run="trap 'echo bye; exit' TERM; sleep 600 & wait")
    bundle(linked / "log", run=f"exec cat >> {kept}")
    (scanned / "link").symlink_to(linked)
    moved = bundle(scanned / "moved", run=FOREVER)
    gone = bundle(scanned / "gone", run=FOREVER)
    stays = bundle(scanned / "stays", run=FOREVER)
    scanner = begin(place, "service-dt-scanner", "--unload", scanned)
    try:
        for one in (linked, moved, gone, stays):
            place.until(lambda one=one: running(one), "running")
        pids = {one: pid(one) for one in (linked, moved, gone, stays)}
        late = bundle(place.base / "late", run=FOREVER)
        late.rename(scanned / "late")
        place.until(lambda: running(scanned / "late"), "all before it has been looked at")
        (scanned / "link").unlink()
        moved.rename(place.base / "moved")
        shutil.rmtree(gone.rename(place.base / "gone"))
        left = {f"bundle{scanned}/{name}" for name in ("late", "stays")}
        place.until(lambda: place.instances().keys() == left, "unloaded")
        assert [Path(f"/proc/{each}").exists() for each in pids.values()] == [False] * 3 + [True]
        assert not served(linked) and not served(linked / "log")
        assert lines(kept) == ["bye"]
        (scanned / "again").symlink_to(linked)
        place.until(lambda: running(linked), "loaded anew")
    finally:
        end(scanner)


def test_the_directory_itself_is_waited_for_and_nothing_goes_with_it(place: Scenario) -> None:
    """It is moved away and another comes in its place; then that is removed, and made anew."""
    place.up()
    scanned, said = place.base / "scanned", place.base / "said"
    bundle(scanned / "one", run=FOREVER)
    one, two, late, three = (place.base / "far" / name for name in ("one", "two", "late", "three"))
    for each in (two, late, three):
        bundle(each, run=FOREVER)
    scanner = begin(place, "service-dt-scanner", "--unload", scanned)
    try:
        place.until(lambda: running(scanned / "one"), "running, so it is watched")
        first = pid(scanned / "one")
        away = scanned.rename(place.base / "away")
        place.until(lambda: said.read_text().count("is gone") == 1, "it is said")
        (away / "one").rename(one)
        for each in (one, two):
            (away / each.name).symlink_to(each)
        away.rename(scanned)
        place.until(lambda: running(two), "what is there now is looked at")
        assert end(scanner) == -signal.SIGTERM
        scanner = begin(place, "service-dt-scanner", f"{scanned}/")
        late.rename(scanned / "late")
        place.until(lambda: running(scanned / "late"), "watched by the next one")
        (scanned / "late").rename(late)
        for each in (one, two):
            (scanned / each.name).unlink()
        scanned.rmdir()
        place.until(lambda: said.read_text().count("is gone") == 2, "it is said again")
        scanned.mkdir()
        three.rename(scanned / "three")
        place.until(lambda: running(scanned / "three"), "what was made in its place")
        assert pid(one) == first
        os.kill(pid(two), 0)
    finally:
        if scanner.poll() is None:
            end(scanner)


@pytest.mark.parametrize("told", [True, False], ids=["listen_fds", "plain"])
def test_a_service_manager_of_its_own_on_a_socket_that_it_is_given(
    place: Scenario, told: bool
) -> None:
    path = place.base / "control"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as given:
        given.bind(str(path))
        tell = "os.environ['LISTEN_FDS'] = '1'; os.environ['LISTEN_PID'] = str(os.getpid()); "
        code = "import os, sys; os.dup2(int(sys.argv[1]), 3); " + tell * told
        code += "os.execv(sys.argv[2], sys.argv[2:])"
        program = Path(sys.executable).with_name("stoker")
        words = [sys.executable, "-c", code, str(given.fileno())]
        words += [sys.executable, str(program), "service-manager"]
        environment = {
            name: value
            for name, value in place.environment.items()
            if name not in ("STOKER_RUNTIME_DIR", "LISTEN_FDS", "LISTEN_PID")
        } | {"TMPDIR": str(place.base)}
        manager = subprocess.Popen(words, env=environment, pass_fds=[given.fileno()])
    ones = [bundle(place.base / name / "service", run=FOREVER).parent for name in ("one", "two")]
    try:
        for one in ones:
            load(path, one / "supervise", one / "service")
        for one in ones:
            place.until(lambda one=one: served(one), "loaded")
            write(one, "u")
            place.until(lambda one=one: running(one), "running")
        pids = [pid(one) for one in ones]
        if told:  # its successor is there for both, what comes in and the end
            os.kill(manager_of(place), signal.SIGKILL)
            ones.append(bundle(place.base / "late" / "service", run=FOREVER).parent)
            load(path, ones[-1] / "supervise", ones[-1] / "service")
            place.until(lambda: served(ones[-1]), "loaded by the next one")
            os.kill(manager_of(place), signal.SIGKILL)
    finally:
        status_of_it = end(manager)
    assert status_of_it == 0
    assert not any(served(one) for one in ones)
    assert not any(Path(f"/proc/{each}").exists() for each in pids)
