"""The service manager's RPC, by raw datagrams (nosh.md 3; C17, C18, C21-C25, C65, C68, C72)."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import FOREVER, bundle, lines, pid, served, status, write
from nosh_rpc import ACTIVATE, LOAD, PIPE, PLUMB, REMAIN, UNLOAD, datagram, load, send

from stoker.testing import Scenario


@pytest.fixture(scope="module")
def place() -> Iterator[Scenario]:
    """A manager that has nothing to run of its own; each test loads what it needs."""
    with Scenario() as scenario:
        scenario.up()
        yield scenario


@pytest.fixture
def rpc(place: Scenario) -> Path:
    return place.runtime / "rpc"


def loaded(place: Scenario, rpc: Path, one: Path) -> None:
    load(rpc, one / "supervise", one / "service")
    place.until(lambda: served(one), f"{one} loaded")


def test_a_raw_load_makes_the_files_and_starts_nothing(place: Scenario, rpc: Path) -> None:
    far = place.base / "one"
    one = bundle(far / "web" / "service", run=FOREVER, restart="exit 1").parent
    loaded(place, rpc, one)
    modes = {path.name: path.stat().st_mode for path in (one / "supervise").iterdir()}
    assert {name: stat.S_IMODE(mode) for name, mode in modes.items()} == {
        "ok": 0o666,
        "control": 0o600,
        "lock": 0o600,
        "status": 0o644,
    }
    assert stat.S_ISFIFO(modes["ok"])
    assert stat.S_ISFIFO(modes["control"])
    assert (len(status(one)), status(one)[18], pid(one)) == (87, 0, 0)
    write(one, "u")
    place.until(lambda: status(one)[18] == 3 and pid(one), "running")
    before, first = status(one), pid(one)
    load(rpc, one / "supervise", one / "service")  # again: the same, and nothing happens
    send(rpc, datagram(UNLOAD), one / "supervise")
    other = bundle(far / "other" / "service", run=FOREVER).parent
    loaded(place, rpc, other)
    assert (status(one), served(one)) == (before, True)
    os.kill(first, 0)
    write(one, "d")
    place.until(lambda: not served(one), "unloaded once it had stopped")
    load(rpc, one / "supervise", one / "service")  # before it has been forgotten, perhaps
    loaded(place, rpc, bundle(far / "third" / "service", run=FOREVER).parent)
    place.until(lambda: served(one), "loaded again")


def test_nonsense_changes_nothing(place: Scenario, rpc: Path) -> None:
    one = bundle(place.base / "two" / "web" / "service", run=FOREVER).parent
    (one / "supervise").mkdir()
    odd = bundle(place.base / os.fsdecode(b"\xff"), run=FOREVER)
    load(rpc, odd / "supervise", odd)
    send(rpc, b"")
    send(rpc, datagram(LOAD)[:100], one / "supervise", one / "service")
    send(rpc, datagram(LOAD) + b"!", one / "supervise", one / "service")
    send(rpc, datagram(LOAD))
    send(rpc, datagram(LOAD), one / "supervise")
    send(rpc, datagram(LOAD), one / "service" / "run", one / "service")
    send(rpc, datagram(LOAD), *[one / "supervise"] * 7)
    send(rpc, datagram(99), one / "supervise", one / "service")
    send(rpc, datagram(PLUMB), one / "supervise", one / "service")
    send(rpc, datagram(UNLOAD), one / "supervise")
    assert not served(one)
    loaded(place, rpc, one)
    assert not served(odd)
    held = {os.path.realpath(path) for path in Path(f"/proc/{place.manager()}/fd").iterdir()}
    assert not held & {str(one / "supervise"), str(one / "service"), str(one / "service" / "run")}


@pytest.mark.long
def test_two_directories_that_only_the_client_knows_to_belong_together(
    place: Scenario, rpc: Path
) -> None:
    service = bundle(place.base / "programs", run=f"pwd > {place.base}/where; {FOREVER}")
    watched = place.base / "watched"
    watched.mkdir()
    load(rpc, watched / "supervise", service)
    place.until(lambda: served(watched), "loaded")
    write(watched, "u")
    place.until(lambda: status(watched)[18] == 3 and pid(watched), "running")
    place.until(lambda: lines(place.base / "where") == [str(service)], "run there")
    again = place.base / "again"  # one service directory for two supervise directories
    again.mkdir()
    load(rpc, again / "supervise", service)
    place.until(lambda: served(again), "loaded")
    write(again, "u")
    place.until(lambda: status(again)[18] == 3 and pid(again), "running")
    assert pid(again) != pid(watched)


def test_plumbed_pipes_outlive_both_and_input_activates(place: Scenario, rpc: Path) -> None:
    kept = place.base / "output"
    writer = bundle(place.base / "w" / "service", run="echo out; echo err >&2; " + FOREVER).parent
    reader = bundle(place.base / "r" / "service", run=f"exec cat >> {kept}").parent
    loaded(place, rpc, writer)
    loaded(place, rpc, reader)
    send(rpc, datagram(PIPE), reader / "supervise")
    send(rpc, datagram(PLUMB), writer / "supervise", reader / "supervise")
    write(writer, "u")
    place.until(lambda: status(writer)[18] == 3 and pid(writer), "running")
    assert pid(reader) == 0
    write(reader, "u")
    place.until(lambda: lines(kept) == ["out", "err"], "what was written before it ran")
    place.until(lambda: status(reader)[18] == 3, "running")
    write(reader, "d")
    place.until(lambda: status(reader)[18] == 0, "stopped")
    send(rpc, datagram(ACTIVATE), reader / "supervise")
    write(writer, "k")
    place.until(lambda: status(writer)[18] == 0, "stopped")
    write(writer, "u")
    place.until(lambda: lines(kept) == ["out", "err"] * 2, "started by its input")
    write(reader, "d")
    place.until(lambda: status(reader)[18] == 0, "stopped")
    write(writer, "d")
    place.until(lambda: status(writer)[18] == 0, "stopped")
    write(writer, "u")
    place.until(lambda: status(writer)[18] == 3 and pid(writer), "running")
    assert status(reader)[18] == 0  # once is once


def test_failed_while_restart_thinks_and_up_again_after_stop(place: Scenario, rpc: Path) -> None:
    note, go, stop = (place.base / name for name in ("slow", "go", "stop"))
    wait = "until test -e {}; do sleep 0.05; done"
    one = bundle(
        place.base / "s" / "service",
        start=f"echo start >> {note}",
        run=f"echo run >> {note}; exit 5",
        restart=f"echo $* >> {note}; {wait.format(go)}; kill -KILL $$",
        stop=f"echo stop >> {note}; {wait.format(stop)}",
    ).parent
    loaded(place, rpc, one)
    write(one, "u")
    place.until(lambda: status(one)[18] == 5, "failed, as long as restart thinks")
    go.touch()
    place.until(lambda: status(one)[18] == 4, "stopping: one that is killed has said no")
    write(one, "u")
    stop.touch()
    once = ["start", "run", "exit 5", "stop"]
    place.until(lambda: lines(note) == once * 2, "again from the start")
    place.until(lambda: status(one)[18] == 0, "stopped")


def test_run_on_empty_is_what_the_client_says(place: Scenario, rpc: Path) -> None:
    note = place.base / "note"
    ones = []
    for name in ("kept", "plain"):
        say = f"echo {name} >> {note}; exit 1"
        ones.append(bundle(place.base / name / "service", run="exit 0", restart=say))
    for one in ones:
        (one / "remain").touch()  # the client's affair: the service manager reads no flag
        loaded(place, rpc, one.parent)
    kept, plain = (one.parent for one in ones)
    send(rpc, datagram(REMAIN), kept / "supervise")
    for one in (kept, plain):
        write(one, "u")
    place.until(lambda: lines(note) == ["plain"] and status(plain)[18] == 0, "the plain one ended")
    place.until(lambda: status(kept)[18] == 3 and pid(kept) == 0, "up, without a process")
    assert struct.unpack_from(">BI", status(kept), 36) == (1, 0)
    write(kept, "d")
    place.until(lambda: status(kept)[18] == 0, "stopped")
    assert lines(note) == ["plain", "kept"]


def test_what_cannot_be_executed_ends_as_111(place: Scenario, rpc: Path) -> None:
    note = place.base / "ends"
    one = bundle(place.base / "x" / "service", run="true", restart=f"echo $* >> {note}; exit 1")
    (one / "run").chmod(0o644)
    loaded(place, rpc, one.parent)
    write(one.parent, "u")
    place.until(lambda: lines(note) == ["exit 111"], "restart was told")
    (one / "run").unlink()
    place.until(lambda: status(one.parent)[18] == 0, "stopped")
    write(one.parent, "u")
    place.until(lambda: lines(note) == ["exit 111"] * 2, "a missing one is the same")
    place.until(lambda: status(one.parent)[18] == 0, "stopped")
    bundle(one, run="exit 0")
    (one / "restart").unlink()
    write(one.parent, "u")
    place.until(
        lambda: status(one.parent)[36:41] == b"\1\0\0\0\0" and status(one.parent)[18] == 0,
        "a missing restart has said no",
    )


def test_the_socket_is_the_owners_alone(rpc: Path) -> None:
    assert stat.S_ISSOCK(rpc.stat().st_mode)
    assert stat.S_IMODE(rpc.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.connect(str(rpc))
