"""The project's directory, or what was written into the runtime directory, is removed or damaged
under a running place: it goes on, and can be reached, whoever of ours is killed then.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

import msgspec
import pytest

from stoker.testing import Scenario


@pytest.fixture
def inside() -> Scenario:
    """A place with its runtime directory inside of the project, where it is by default."""
    place = Scenario()
    place.directory = Path(place.base) / "p"
    place.directory.mkdir()
    place.runtime = place.directory / ".stoker" / "run"
    del place.environment["STOKER_RUNTIME_DIR"]
    return place


def removed(path: Path) -> bool:
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def test_what_runs_goes_on_and_obeys(inside: Scenario) -> None:
    with inside as place:
        place.script("web", "while :; do echo something to keep; sleep 0.05; done")
        place.up()
        pid, keeper = place.pid("web"), place.keeper()
        try:
            # Of the directories inside, one may be made again while it is removed.
            place.until(lambda: removed(place.directory), "the project is removed")
            assert place.pid("web") == pid
            place.stoker("restart", "web").ended(1)  # there is no script any more, and it says so
            # A new directory of that name is not mistaken for the old one, nor started beside it.
            place.directory.mkdir()  # nothing of ours has made it again
            place.script("web", "exec sleep infinity")
            busy = place.stoker("up", "-d", str(place.directory)).ended(1)
            assert str(keeper) in busy.err
            assert "down" in busy.err
        finally:
            place.down()
        place.gone(keeper)
        place.gone(pid)
        place.up()
        assert place.keeper() != keeper


def child(keeper: int, word: bytes) -> int:
    """The program of a keeper that is called so; 0 while there is none."""
    children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    for pid in children:
        with contextlib.suppress(OSError):
            if word in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    return 0


def test_who_is_killed_then_has_a_successor(inside: Scenario) -> None:
    with inside as place:
        beats = place.file("beats", "")
        much = "head -c 100000 /dev/zero | tr '\\0' x"  # more than a pipe holds
        place.script("web", f"while :; do {much}; echo beat >> {beats}; sleep 0.05; done")
        place.script("idle", "exec sleep infinity")
        place.up()
        place.stoker("stop", "idle").ok()
        pid, keeper, manager = place.pid("web"), place.keeper(), place.manager()
        try:
            place.until(lambda: removed(place.directory), "the project is removed")
            os.kill(manager, signal.SIGKILL)
            place.until(lambda: place.manager() != manager, "another manager serves")

            recorder = place.until(lambda: child(keeper, b"stoker.recorder"), "a recorder")
            os.kill(recorder, signal.SIGKILL)
            place.until(lambda: child(keeper, b"stoker.recorder") not in (0, recorder), "another")
            before = beats.stat().st_size
            place.until(lambda: beats.stat().st_size > before + 20, "its output is read")

            manager = place.manager()
            os.kill(keeper, signal.SIGKILL)
            place.until(lambda: child(manager, b"stoker.daemon"), "the manager is the keeper")
            before = beats.stat().st_size
            place.until(lambda: beats.stat().st_size > before + 20, "its output is read")
            keeper = manager
            assert place.pid("web") == pid
            assert place.instance("idle")["state"] == "disabled"
            assert not place.directory.exists()
        finally:
            place.stoker("down")
            place.gone(keeper)
            place.gone(pid)


@pytest.mark.parametrize("damage", ["gone", "half", "half, and all else gone", "another version's"])
def test_definitions_that_cannot_be_read_are_compiled_again(place: Scenario, damage: str) -> None:
    place.script("web", "exec sleep infinity")
    place.script("idle", "exec sleep infinity")
    place.up()
    place.stoker("stop", "idle").ok()
    pid, manager, blob = place.pid("web"), place.manager(), place.runtime / "definitions"
    if damage.startswith("half"):
        os.truncate(blob, blob.stat().st_size // 2)  # the very file, which the keeper holds too
    else:
        blob.unlink()
    if damage == "half, and all else gone":
        place.until(lambda: removed(place.runtime), "the runtime directory is removed")
    if damage == "another version's":
        blob.write_bytes(msgspec.msgpack.encode({"version": 99, "definitions": 3}))
    os.kill(manager, signal.SIGKILL)
    place.until(lambda: place.manager() != manager, "another manager serves")
    assert place.pid("web") == pid
    assert place.instance("idle")["state"] == "disabled"
    if place.runtime.exists():
        place.stoker("reload").ok()
        assert place.pid("web") == pid
    place.down()
    place.gone(pid)


def test_without_its_socket_it_is_reached_and_taken_down(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    place.up()
    pid, keeper = place.pid("web"), place.keeper()
    (place.runtime / "control").unlink()
    assert place.pid("web") == pid
    mark = (place.runtime / "mark").read_bytes()
    busy = place.up(status=1)
    assert f"keeper {keeper} has" in busy.err and "stoker down" in busy.err
    # The next manager and the recorder are to agree about what stands between two runs.
    assert (place.runtime / "mark").read_bytes() == mark
    place.down()
    place.gone(keeper)
    place.gone(pid)
