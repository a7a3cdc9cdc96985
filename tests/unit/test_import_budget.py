"""What our three programs and the fast commands load: memory and time to start are spent on it.

Each program is started as the client has the keeper start it, up to the call of its `main`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stoker.client import launch, place_of

# Each costs milliseconds and a good part of a megabyte, in every one of our processes.
HEAVY = {
    "argparse", "ast", "asyncio", "calendar", "concurrent.futures", "copy", "dataclasses", "dis",
    "email", "hashlib", "_hashlib", "http", "importlib.metadata", "inspect", "ipaddress", "locale",
    "logging", "multiprocessing", "pathlib", "random", "rich", "shutil", "ssl", "subprocess",
    "tempfile", "threading", "tokenize", "tomllib", "traceback", "typing_extensions", "unittest",
    "urllib", "xml",
}  # fmt: skip
ROOMS = {"cli", "client", "compat", "formats", "insight", "testing"}
NOT_IN = {
    "manager": (
        HEAVY | {"h11", "json", "sqlite3"},
        ROOMS | {"interfaces", "recorder", "repository"},  # interfaces: once it serves
    ),
    "recorder": (
        HEAVY | {"ctypes", "h11", "msgspec", "uuid"},
        ROOMS | {"engine", "interfaces", "manager", "process"},
    ),
    "keeper": (
        HEAVY | {"ctypes", "h11", "json", "msgspec", "re", "sqlite3", "struct", "typing", "uuid"},
        ROOMS | {"engine", "errors", "interfaces", "linux", "manager", "model", "process"},
    ),
}
TYPED = "import typing\nclass Typed(typing.NamedTuple):\n    one: 'int'\n"
GIVEN = {"manager": f"import ctypes\n{TYPED}", "recorder": TYPED, "keeper": ""}
"""What each is built on; from 3.14 on it brings heavy modules of its own (ast, threading)."""
MOST = {"manager": 200, "recorder": 110, "keeper": 45}
"""Modules beyond those, with some room for other versions of Python."""


def program(role: str, tmp_path: Path) -> str:
    """The Python text that this program of ours is started with."""
    argv = launch.keeper_argv(place_of(str(tmp_path)))
    texts = [argv[at + 1] for at, word in enumerate(argv) if word == "-c"]
    return dict(zip(("keeper", "manager", "recorder"), texts, strict=True))[role]


def loaded(text: str, given: str) -> set[str]:
    """What is loaded after this text, beyond what an interpreter has after that one."""
    code = (
        f"{given}import sys; before = set(sys.modules)\n{text}\n"
        "print('\\n'.join(n for n, m in sys.modules.items() if m and n not in before))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("role", ["manager", "recorder", "keeper"])
def test_a_program_of_ours_loads_only_what_it_needs(role: str, tmp_path: Path) -> None:
    text = program(role, tmp_path)
    begin, call, _ = text.partition("sys.exit(main(")
    assert call, text
    if role == "recorder":  # whose `main` imports the rest
        begin += "import stoker.recorder.program"
    modules = loaded(begin, GIVEN[role])
    assert {"manager": "stoker.daemon"}.get(role, f"stoker.{role}") in modules
    foreign, rooms = NOT_IN[role]
    assert sorted(modules & foreign) == []
    assert sorted(modules & {f"stoker.{room}" for room in rooms}) == []
    assert len(modules) <= MOST[role], sorted(modules)


def test_the_door_brings_no_more_than_http() -> None:
    package = str(Path(launch.__file__).parents[2])
    path = [package, *(entry for entry in sys.path if entry)]
    start = f"import sys; sys.path[:0] = {path!r}; sys.modules['typing_extensions'] = None; "
    modules = loaded(start + "import stoker.daemon, stoker.interfaces", GIVEN["manager"])
    assert "stoker.interfaces.server" in modules
    # What is for a client that says more than a plain question (h11), or for the one who wants the
    # OpenAPI document, is not yet.
    assert sorted(modules & (HEAVY | {"h11", "stoker.interfaces.document"})) == []


@pytest.mark.parametrize("name", ["explain", "plan"])
def test_who_asks_the_manager_why_does_not_burden_it(name: str) -> None:
    package = str(Path(launch.__file__).parents[2])
    path = [package, *(entry for entry in sys.path if entry)]
    start = f"import sys; sys.path[:0] = {path!r}; sys.modules['typing_extensions'] = None; "
    start += "import stoker.daemon, stoker.interfaces; "
    after = loaded(f"{start}from stoker.insight import {name}", GIVEN["manager"])
    assert f"stoker.insight.{'explaining' if name == 'explain' else 'planning'}" in after
    assert sorted(after & HEAVY - {"copy"}) == []  # of weakref, which is of the simulated world
