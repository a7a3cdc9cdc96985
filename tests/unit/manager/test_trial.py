"""Before anybody goes, what is installed now is tried, as it would be run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import stoker
from stoker.client.launch import keeper_argv
from stoker.linux.loop import Timer
from stoker.manager.trial import trial, try_out
from stoker.model import project_place
from stoker.system.programs import keeper_argv as machine_argv

HERE = Path(stoker.__file__).parent


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package at a path of its own; whoever breaks a file of it mends it."""
    path = tmp_path_factory.mktemp("installed") / "stoker"
    shutil.copytree(HERE, path, ignore=shutil.ignore_patterns(".*"))
    return path


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short one: the path of a socket has to fit."""
    path = Path(tempfile.mkdtemp(prefix="st-"))
    yield path
    shutil.rmtree(path)


def commands(path: Path, runtime: Path) -> list[list[str]]:
    """The keeper's of a place, and of a machine, if the package lay in `path`."""
    place = project_place(str(runtime), {}, 1000, runtime=str(runtime))
    both = (keeper_argv(place), machine_argv(str(runtime), str(runtime / "log"), ["boot"]))
    return [[_moved(word, str(path.parent)) for word in words] for words in both]


def _moved(word: str, there: str) -> str:
    """A program's text as it would be if the package were found there."""
    word = word.replace("sys.path[:0] = [", f"sys.path[:0] = [{there!r}, ")
    return word.replace(f"sys.path.append({str(HERE.parent)!r})", f"sys.path.append({there!r})")


class Rig:
    """Plays loop and helpers; the trial is really run, as soon as it is asked for."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = environment
        self.why: list[str] = []
        self.timers: list[Timer] = []
        self.asked: list[Any] = []
        self.cancelled = 0

    def at(self, _when: int, call: Callable[[], object]) -> Timer:
        self.timers.append(Timer(call))
        return self.timers[-1]

    def start(self, argv: Any, environment: Any, ended: Any) -> Rig:
        self.asked.append((argv, environment, ended))
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    def begin(self, command: list[str]) -> None:
        try_out(self, self.start, command, self.why.append)  # type: ignore[arg-type]

    def of(self, command: list[str]) -> str:
        """What becomes of a trial."""
        self.begin(command)
        argv, environment, ended = self.asked[-1]
        done = subprocess.run(
            argv,
            env={**environment, **(self.environment or {})},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=120,
            check=False,
        )
        ended(done.returncode, done.stdout)
        return self.why[-1]


def test_what_is_whole_begins_and_nothing_of_it_is_run(copied: Path, tmp_path: Path) -> None:
    for command in commands(copied, tmp_path):
        assert Rig().of(command) == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        *("keeper.py", "daemon.py", "recorder/__init__.py", "recorder/program.py"),
        *("interfaces/server.py", "interfaces/rpc.py", "manager/core.py", "engine/__init__.py"),
    ],
)
def test_what_is_broken_does_not_begin(copied: Path, tmp_path: Path, name: str) -> None:
    path = copied / name
    whole = path.read_bytes()
    path.unlink()
    try:
        path.write_text("def broken(:\n")
        for command in commands(copied, tmp_path):
            why = Rig({"PYTHONPATH": str(HERE.parent)}).of(command)
            assert "SyntaxError" in why
            assert f'File "{path}", line 1' in why
    finally:
        path.write_bytes(whole)


def test_a_library_that_is_gone_is_noticed(copied: Path, tmp_path: Path) -> None:
    for name in ("msgspec", "h11"):
        path = Path(str(__import__(name).__file__)).parent.parent
        command = [
            word.replace(repr(str(path)), repr(str(tmp_path)))
            for word in commands(copied, tmp_path)[0]
        ]
        assert "No module named" in Rig().of(command)


def test_what_another_version_does_not_have_is_not_missed(copied: Path, tmp_path: Path) -> None:
    path = copied / "interfaces" / "rpc.py"
    away = path.rename(tmp_path / "rpc.py")
    try:
        assert Rig().of(commands(copied, tmp_path)[0]) == ""
    finally:
        away.rename(path)


def test_the_place_and_its_channel_are_not_the_trial_s(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOKER_KEEPER", "7")
    monkeypatch.setenv("LANG", "C")
    rig = Rig()
    rig.begin(commands(copied, tmp_path)[0])
    environment = rig.asked[0][1]
    assert environment["LANG"] == "C"
    assert not [name for name in environment if name.startswith("STOKER_")]


def test_what_does_not_come_to_an_end_is_ended(copied: Path, tmp_path: Path) -> None:
    rig = Rig()
    rig.begin(commands(copied, tmp_path)[0])
    assert not rig.why
    (timer,) = rig.timers
    assert timer.call is not None
    timer.call()
    assert rig.cancelled == 1
    assert "within" in rig.why[0]


def test_what_ended_is_not_waited_for(copied: Path, tmp_path: Path) -> None:
    rig = Rig()
    assert rig.of(commands(copied, tmp_path)[0]) == ""
    assert [timer.call for timer in rig.timers] == [None]


def test_an_interpreter_that_is_gone_is_noticed(copied: Path, tmp_path: Path) -> None:
    rig = Rig()

    def start(argv: Any, _environment: Any, _ended: Any) -> Rig:
        raise FileNotFoundError(2, "No such file or directory", argv[0])

    rig.start = start  # type: ignore[method-assign]
    rig.begin(commands(copied, tmp_path)[0])
    assert rig.why == [f"{sys.executable}: No such file or directory"]


def test_what_says_nothing_is_told_by_its_status(copied: Path, tmp_path: Path) -> None:
    rig = Rig()
    rig.begin(commands(copied, tmp_path)[0])
    rig.asked[0][2](-11, b"")
    assert rig.why == ["it ended with -11"]


def test_a_command_of_another_make_is_not_tried() -> None:
    assert trial(["/usr/bin/python3", "keeper.py", "--run", "/run/x"]) == ()
