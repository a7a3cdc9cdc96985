"""The turn: written down before it is done, and contained when it goes wrong."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from stoker.engine import Defined, Engine, Exited, Removed, Spawned, Status
from stoker.errors import NoSuchService
from stoker.linux import Loop
from stoker.manager import Happenings, Link, Manager, StateLog
from stoker.model import Compiled, Definition, LogSettings, Place, Request, Restart, Step

A, B = "svc:/a:default", "svc:/b:default"


class Doer:
    """Plays the executor: every start succeeds at once."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.spawned: list[str] = []
        self.order: list[str] = []
        self.watches = SimpleNamespace(add=lambda _t: None, remove=lambda _t: None)
        self.contracts = SimpleNamespace(kind="none", base="", close=lambda: None)
        self.listeners = SimpleNamespace(keep=lambda _fmris: None)

    def spawn(self, starts: list[Any]) -> None:
        for one in starts:
            self.order.append(f"spawn {one.fmri} {one.run}")
            self.spawned.append(one.fmri)
            pid = 1000 + len(self.spawned)
            self.rig.happenings.add(Spawned(one.fmri, one.run, one.method, pid))

    def turn_ends(self) -> None:
        pass

    def __getattr__(self, word: str) -> Any:
        if word.startswith("_"):
            raise AttributeError(word)
        return lambda *_args: None


class Rig:
    def __init__(self, directory: str) -> None:
        self.lines: list[str] = []
        self.loop = Loop(lambda error: self.lines.append(repr(error)))
        place = Place("project", [directory], directory, directory, directory, [], directory, 0)
        self.state = StateLog(lambda _fd: None)
        self.state.create()
        self.happenings = Happenings(self.append, self.lines.append)
        self.written: list[dict[str, Any]] = []
        self.manager = Manager(
            self.loop,
            place,
            Engine(),
            self.state,
            self.happenings,
            None,
            None,
            1,
            self.lines.append,
        )
        self.doer = Doer(self)
        doer: Any = self.doer
        self.manager.attach(doer)

    def append(self, values: dict[str, Any]) -> None:
        self.state.append(values)

    def define(self, *definitions: Definition) -> None:
        for event in self.manager.define(Compiled(definitions=list(definitions))):
            self.happenings.add(event)
        self.manager.turn()


@pytest.fixture
def rig(tmp_path: Any) -> Iterator[Rig]:
    one = Rig(str(tmp_path))
    yield one
    one.state.close()
    one.loop.close()


def recorded(rig: Rig) -> dict[str, Any]:
    """What a successor would find."""
    log = StateLog(lambda _fd: None)
    found = log.open(os.dup(rig.state.fd))
    log.close()
    return found


def definition(fmri: str) -> Definition:
    return Definition(fmri=fmri, start=(Step(argv=("/bin/true",)),), restart=Restart(delay=1.0))


def states(rig: Rig) -> dict[str, str]:
    return {one.fmri: one.state for one in rig.manager.views()}


def test_what_is_wanted_is_started_and_recorded(rig: Rig) -> None:
    rig.define(definition(A), definition(B))
    assert states(rig) == {A: "online", B: "online"}
    found = recorded(rig)
    assert {A, B} <= found.keys()
    assert found[A]["stage"] == "up"


def test_the_intention_is_written_before_the_act(rig: Rig) -> None:
    append = rig.state.append

    def noting(values: dict[str, Any]) -> None:
        rig.doer.order.append(f"write {values[A]['stage']}" if A in values else "write")
        append(values)

    rig.state.append = noting  # type: ignore[method-assign]
    rig.define(definition(A))
    assert rig.doer.order[:3] == ["write start", f"spawn {A} 1", "write up"]


def test_a_note_about_an_end_is_forgotten_with_what_became_of_it(rig: Rig) -> None:
    rig.define(definition(A))
    rig.happenings.ending(A, 1, "main", "exit", 3, False)
    found = recorded(rig)
    assert found["end:main:" + A] == [1, "exit", 3, False]
    rig.happenings.exited(A, 1, "main", "exit", 3, False)
    rig.happenings.empty(A, 1)
    rig.manager.turn()
    found = recorded(rig)
    assert "end:main:" + A not in found
    assert found[A]["run"] == 2


def test_the_recorder_hears_that_an_instance_is_gone(rig: Rig) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    rig.manager.link = Link(rig.loop, ours.detach(), 1)
    kept = msgspec.structs.replace(definition(A), enabled=False, log=LogSettings(mode="json"))
    rig.define(kept)
    rig.happenings.add(Removed(A))
    rig.manager.turn()
    assert rig.manager.engine.fmris() == []
    theirs.setblocking(False)
    heard = [json.loads(theirs.recv(65536)) for _ in range(3)]
    assert heard == [["hello", 1], ["log", A, {"mode": "json"}], ["log", A, None]]
    rig.manager.link.close()
    theirs.close()


def test_a_storm_leaves_the_loop_its_turns(rig: Rig) -> None:
    """Ends of 100 services are not one turn: what else there is to do is done between."""
    names = [f"svc:/s{number}:default" for number in range(100)]
    rig.define(*map(definition, names))
    left: list[int] = []

    def look() -> None:
        left.append(len(rig.happenings.queue))
        if not left[-1] and not rig.manager.carrier.waits:
            rig.loop.stop()
        else:
            rig.loop.at(0, look)

    rig.loop.at(0, look)
    rig.loop.run(rig.manager.turn)
    assert set(states(rig).values()) == {"online"}
    for name in names:
        rig.happenings.exited(name, 1, "main", "exit", 0, False)
        rig.happenings.empty(name, 1)
    left.clear()
    rig.loop.at(0, look)
    rig.loop.run(rig.manager.turn)
    assert len([count for count in left if count]) >= 2
    assert {one.run for one in rig.manager.views()} == {2}


def test_an_event_that_the_engine_cannot_take_disturbs_nobody(rig: Rig) -> None:
    poison: Any = object()
    rig.happenings.add(Defined(definition(A)))
    rig.happenings.add(poison)
    rig.happenings.add(Defined(definition(B)))
    rig.manager.turn()
    assert states(rig) == {A: "online", B: "online"}
    assert any("contained" in line for line in rig.lines)


def test_a_subscriber_that_fails_disturbs_nobody(rig: Rig) -> None:
    def bad() -> None:
        raise ValueError("no")

    rig.manager.subscribe(bad)
    rig.define(definition(A))
    assert states(rig) == {A: "online"}


def test_the_same_mistake_is_not_logged_for_ever(rig: Rig) -> None:
    def bad() -> None:
        raise ValueError("no")

    rig.manager.subscribe(bad)
    rig.define(definition(A))
    for number in range(1, 20):
        rig.happenings.add(Exited(A, number, "main", Status("exit", 0)))
        rig.manager.submit(Request(verb="restart", names=(A,), who="test"))
    assert sum("contained" in line for line in rig.lines) <= 3


def test_an_operation_can_be_followed_by_its_number(rig: Rig) -> None:
    rig.define(definition(A))
    number = rig.manager.submit(Request(verb="settle", who="test"))
    view = rig.manager.engine.operation(number)
    assert view is not None
    assert view.outcome == "done"
    kinds = [one.kind for one in rig.manager.events(0)]
    assert "operation" in kinds


def test_who_is_not_there_is_said_so(rig: Rig) -> None:
    with pytest.raises(NoSuchService):
        rig.manager.view(A)


def test_a_state_that_cannot_be_written_is_said_and_nothing_stops(rig: Rig) -> None:
    def full(_values: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    rig.state.append = full  # type: ignore[method-assign,assignment]
    rig.define(definition(A))
    assert states(rig) == {A: "online"}
    assert any("state cannot be written" in text for text in rig.manager.notices.values())


def test_the_end_comes_whatever_goes_wrong_before_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []
    monkeypatch.setattr(rig.loop, "stop", lambda: stopped.append(True))

    def bad() -> None:
        raise OSError("a disk is full")

    rig.doer.contracts.close = bad
    rig.manager.doors.join(parting=bad)
    rig.manager.submit(Request(verb="down"))
    rig.manager.turn()
    assert rig.manager.ended
    assert stopped == [True]
    assert sum("a disk is full" in line for line in rig.lines) == 2
