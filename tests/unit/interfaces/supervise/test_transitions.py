"""The table of nosh's service manager, cell by cell (nosh.md 2.2): what a byte in `control` does in
each state, and what `status` shows then. Read from a bundle's files, decided by the engine, shown
in its supervise directory; only the processes are simulated.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stoker.engine import Behaviour, Engine, Now, World
from stoker.engine import Status as End
from stoker.interfaces.supervise import SuperviseDirectories
from stoker.interfaces.supervise.folder import Folder
from stoker.manager.doors import Doors
from stoker.model import Definition, Settings, project_place

WEB = "svc:/web:default"
NONE, START, RUN, STOP, RESTART = 0, 1, 3, 4, 5
TAKES = 10.0  # seconds that start, restart and stop run; run goes on until it is ended


def _raise(error: Exception) -> None:
    raise error


class Bundle:
    """A bundle `web` under a manager whose processes are simulated."""

    def __init__(self, folder: Path, *, remain: bool = False, says: int = 0) -> None:
        from stoker.formats import compile_place

        service = folder / "services" / "web" / "service"
        service.mkdir(parents=True)
        for name in ("start", "run", "restart", "stop"):
            (service / name).write_text("#!/bin/sh\nexit 0\n")
            (service / name).chmod(0o755)
        for flag in ("down", *(["remain"] if remain else [])):
            (service / flag).touch()
        compiled = compile_place(
            project_place(
                str(folder / "services"), {"HOME": "/nowhere"}, os.getuid(), runtime="/run/x"
            )
        )
        (web,) = [one for one in compiled.definitions if one.fmri == WEB]
        assert isinstance(web, Definition)
        ends = {"decide": End("exit", says)}
        behaviour = Behaviour(takes=TAKES, methods=ends, ignores=frozenset((15,)))
        self.world = World(Engine(), now=Now(0, 0), behaviour={WEB: behaviour})
        self.supervise = service.parent / "supervise"
        manager: Any = SimpleNamespace(
            doors=Doors(_raise), log=lambda _text: None,
            compiled=compiled, engine=self.world.engine, notices={}, settings=Settings(),
            loop=SimpleNamespace(watch=lambda *_: None, forget=lambda _fd: None),
            ask=self.world.ask,
        )  # fmt: skip
        self.door = SuperviseDirectories(manager)
        self.world.after = lambda _events, _effects: manager.doors.touched([WEB])
        self.world.define(web)

    def write(self, letters: str) -> None:
        """As somebody who writes to `control`."""
        self.door._obey(self.door._served[WEB], letters.encode())

    def shown(self) -> tuple[int, str]:
        """State and pending wish, as `status` has them."""
        data = (self.supervise / "status").read_bytes()
        assert len(data) == 87
        return data[18], chr(data[17]) if data[17] else ""

    def run_ends(self) -> None:
        """The process that `run` has become is gone."""
        self.world.exit(WEB, 0)

    def reach(self, state: int) -> None:
        """From stopped to that state, in the usual way."""
        if state == NONE:
            return
        self.write("u")
        if state == START:
            return
        self.world.advance(TAKES)
        if state == RUN:
            return
        self.run_ends()
        if state == RESTART:
            return
        self.world.advance(TAKES)

    def program_ends(self) -> None:
        """What runs now, other than `run`, ends by itself."""
        self.world.advance(TAKES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_who_is_seen_to_serve_shows_something(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    opened = Folder.open

    def look(one: Folder) -> None:
        shown.append(len(one.read_status()))
        opened(one)

    monkeypatch.setattr(Folder, "open", look)
    Bundle(folder)
    assert shown == [87]


@pytest.mark.parametrize(
    ("letter", "after"),
    [("", (NONE, "")), ("u", (START, "u")), ("d", (NONE, "")), ("o", (START, "o")),
     ("O", (NONE, ""))],
)  # fmt: skip
def test_stopped(folder: Path, letter: str, after: tuple[int, str]) -> None:
    one = Bundle(folder)
    one.write(letter)
    assert one.shown() == after


@pytest.mark.parametrize(
    ("letter", "after"),
    [("", (RUN, "")), ("u", (RUN, "")), ("d", (STOP, "d")), ("o", (RUN, "o")), ("O", (RUN, "O"))],
)
def test_start_is_gone(folder: Path, letter: str, after: tuple[int, str]) -> None:
    one = Bundle(folder)
    one.reach(START)
    one.write(letter)
    assert one.shown()[0] == START
    one.program_ends()
    assert one.shown() == after


@pytest.mark.parametrize(
    ("letter", "wish"), [("", ""), ("u", ""), ("d", "d"), ("o", "o"), ("O", "O")]
)
def test_run_is_alive(folder: Path, letter: str, wish: str) -> None:
    one = Bundle(folder)
    one.reach(RUN)
    one.write(letter)
    assert one.shown() == (RUN, wish)
    one.run_ends()
    assert one.shown() == (RESTART, wish)


@pytest.mark.parametrize(
    ("letter", "after"),
    [("", (RUN, "")), ("u", (RUN, "")), ("d", (RESTART, "d")), ("o", (RUN, "o")),
     ("O", (RUN, "O"))],
)  # fmt: skip
def test_run_on_empty(folder: Path, letter: str, after: tuple[int, str]) -> None:
    one = Bundle(folder, remain=True)
    one.reach(RUN)
    one.run_ends()
    assert one.shown() == (RUN, "")
    one.write(letter)
    assert one.shown() == after


@pytest.mark.parametrize("says", [0, 1])
@pytest.mark.parametrize("letter", ["", "u", "d", "o", "O"])
def test_restart_is_gone(folder: Path, letter: str, says: int) -> None:
    one = Bundle(folder, says=says)
    one.reach(RUN)
    one.run_ends()
    one.write(letter)
    assert one.shown()[0] == RESTART
    one.program_ends()
    again = says == 0 and letter in ("", "u")
    assert one.shown() == (RUN if again else STOP, "" if letter == "u" and again else
                           letter.replace("u", ""))  # fmt: skip


@pytest.mark.parametrize(
    ("letter", "after"),
    [
        ("", (NONE, "")),
        ("u", (START, "u")),
        ("d", (NONE, "")),
        ("o", (NONE, "")),
        ("O", (NONE, "")),
    ],
)
def test_stop_is_gone(folder: Path, letter: str, after: tuple[int, str]) -> None:
    one = Bundle(folder, says=1)
    one.reach(STOP)
    assert one.shown()[0] == STOP
    one.write(letter)
    assert one.shown()[0] == STOP
    one.program_ends()
    assert one.shown() == after
