"""A file system that does not take our files costs the view, not the services."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stoker.interfaces import RunDirectory
from stoker.interfaces.rundir.files import Files
from stoker.linux import Loop
from stoker.manager.doors import Doors
from stoker.model import Compiled, Definition, EventView, Place, Stage, Step

FMRI = "svc:/web:default"


class Manager:
    """As much of a manager as the door looks at: one service, that runs as this process."""

    def __init__(self, base: Path) -> None:
        self.loop = Loop(self._fail)
        services = str(base / "sv")
        self.place = Place(
            "project", [services], services, services, services, [], services, 0, str(base / "run")
        )
        web = Definition(FMRI, source=f"{services}/web", start=(Step(("/bin/true",)),))
        self.compiled = Compiled(definitions=[web])
        self.one: Any = SimpleNamespace(
            override=None, effective=True, fault=None, static=None, main=os.getpid(),
            main_alive=True, stage=Stage.UP,
        )  # fmt: skip
        self.engine: Any = SimpleNamespace(instances={FMRI: self.one}, shutdown=None)
        hearing = SimpleNamespace(run_of=lambda _pid: None)
        self.executor: Any = SimpleNamespace(hearing=hearing)
        self.notices: dict[str, str] = {}
        self.said: list[str] = []
        self.asked: list[Any] = []
        self.ends: list[Callable[[Any], object]] = []
        self.written: dict[str, Any] = {}
        self.cursor = 0
        self.queue: list[EventView] = []
        self.told: list[Callable[[], object]] = []
        self.doors = Doors(self._fail)
        self.log = self.said.append
        self.write = self.written.update
        self.subscribe = self.told.append

    def _fail(self, error: Exception) -> None:
        raise error

    def about(self) -> dict[str, Any]:
        return {"keeper_pid": os.getpid()}

    def await_end(self, pid: int, call: Callable[[Any], object]) -> None:
        self.ends.append(call)

    def kill(self, number: int) -> None:
        """The stand-in is killed, and that is heard."""
        self.ends.pop()(SimpleNamespace(kind="signal", number=number))

    def ask(self, request: object) -> int:
        self.asked.append(request)
        return len(self.asked)

    def events(self, cursor: int) -> list[EventView]:
        return [one for one in self.queue if one.cursor > cursor]

    def turned(self) -> None:
        """Something has become of the service."""
        self.queue.append(EventView(len(self.queue) + 1, "", "transition", FMRI))
        for call in self.told:
            call()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    monkeypatch.setattr("stoker.interfaces.rundir.door._AGAIN", 1_000_000)
    monkeypatch.setattr(
        "stoker.interfaces.rundir.standins._spawn", lambda *_: os.getpid()
    )  # which is nobody's stand-in, and is never signalled: it is not ours by its name
    return Manager(tmp_path)


def door(manager: Manager) -> RunDirectory:
    return RunDirectory(manager, {}, lambda _held: None, {}, {})  # type: ignore[arg-type]


def passes(manager: Manager, so: Callable[[], bool]) -> None:
    """Run the loop until it is so."""

    def look() -> None:
        if so():
            manager.loop.stop()

    manager.loop.run(look)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_cannot_be_written_is_said_and_tried_again(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    made = door(manager)
    whole = Files.write

    tries: list[int] = []

    def full(*_: object) -> None:
        tries.append(number)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Files, "write", full)
    manager.turned()
    said = manager.notices["published"]
    assert os.strerror(number) in said and "services go on" in said
    assert manager.written == {}
    manager.turned()
    passes(manager, lambda: len(tries) > 4)
    assert len(manager.said) == 1, "said once"
    monkeypatch.setattr(Files, "write", whole)
    passes(manager, lambda: "published" not in manager.notices)
    run = Path(manager.place.published)
    assert (run / "web" / "pid").read_text() == f"{os.getpid()}\n"
    assert manager.written == {"shown/web": [os.getpid(), os.getpid(), None]}
    made.close()
    assert not run.exists()


def verbs(manager: Manager) -> list[str]:
    return [request.verb for request in manager.asked]


def test_what_is_killed_and_removed_at_once_is_stopped_and_then_started(manager: Manager) -> None:
    made = door(manager)
    manager.turned()
    run = Path(manager.place.published)
    shutil.rmtree(run / "web")
    manager.kill(15)
    assert verbs(manager) == ["stop"], "both in one turn would be nothing"
    assert manager.written == {"shown/web": [os.getpid(), os.getpid(), None]}
    manager.turned()
    passes(manager, lambda: len(manager.asked) > 1)
    assert verbs(manager) == ["stop", "start"]
    before = manager.written
    assert before == {"shown/web": [os.getpid(), os.getpid(), None]}, "not before it is dealt with"
    manager.turned()
    assert (run / "web" / "pid").exists()
    made.close()


def test_a_directory_that_is_being_removed_gets_no_new_file(manager: Manager) -> None:
    made = door(manager)
    manager.turned()
    folder = Path(manager.place.published, "web")
    for part in ("pid", "syspid"):
        (folder / part).unlink()
    manager.kill(15)
    manager.one.main_alive, manager.one.effective = False, False
    manager.turned()
    assert os.listdir(folder) == []
    folder.rmdir()
    passes(manager, lambda: len(manager.asked) > 1)
    assert verbs(manager) == ["stop", "start"]
    made.close()


def test_a_directory_that_was_removed_is_not_made_again_for_it(manager: Manager) -> None:
    made = door(manager)
    manager.turned()
    folder = Path(manager.place.published, "web")
    shutil.rmtree(folder)
    manager.one.main = 1
    manager.turned()
    assert not folder.exists()
    passes(manager, lambda: bool(manager.asked))
    assert verbs(manager) == ["start"]
    manager.turned()
    assert (folder / "pid").read_text() == "1\n"
    made.close()


def test_all_of_it_goes_and_comes_back_when_it_can(manager: Manager) -> None:
    made = door(manager)
    manager.turned()
    run = Path(manager.place.published)
    run.rename(run.with_name("aside"))
    run.write_text("in the way")
    passes(manager, lambda: "published" in manager.notices)
    run.unlink()
    passes(manager, lambda: "published" not in manager.notices)
    assert verbs(manager) == ["start"]
    manager.turned()
    assert (run / "web" / "pid").exists()
    made.close()


def test_a_directory_that_cannot_be_made_is_made_later(manager: Manager) -> None:
    run = Path(manager.place.published)
    run.write_text("in the way")
    made = door(manager)
    manager.turned()
    assert "File exists" in manager.notices["published"]
    run.unlink()
    passes(manager, lambda: "published" not in manager.notices)
    assert (run / "web" / "syspid").exists()
    made.close()


def test_who_comes_second_shows_nothing(manager: Manager, tmp_path: Path) -> None:
    first = door(manager)
    manager.turned()
    other = Manager(tmp_path)
    other.one.main = 1
    second = door(other)
    other.turned()
    assert "another manager" in other.notices["published"]
    second.close()
    run = Path(manager.place.published)
    assert (run / "web" / "pid").read_text() == f"{os.getpid()}\n"
    first.close()


def test_a_service_named_pid_cannot_be_shown(manager: Manager) -> None:
    manager.compiled.definitions[0] = Definition(FMRI, source="/x/pid")
    made = door(manager)
    manager.turned()
    assert os.listdir(manager.place.published) == ["pid"]
    made.close()
