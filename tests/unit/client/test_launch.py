"""What is written before a keeper is run, and what is said when it does not come up."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.client import Client, Launch, is_up, launch, place_of, prepare, start, wait_for
from stoker.errors import Busy, Failed, Refused, UsageError
from stoker.model import Place, project_place, system_place, user_place


@pytest.fixture
def place() -> Iterator[Place]:
    base = Path(tempfile.mkdtemp(prefix="st-"))
    (base / "d").mkdir()
    yield project_place(str(base / "d"), {}, os.getuid(), runtime=str(base / "run"))
    shutil.rmtree(base)


def test_the_runtime_directory_is_ours_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETING", "hello\nworld")
    monkeypatch.setenv("STOKER_KEEPER", "3")
    monkeypatch.setenv("NOTIFY_SOCKET", "/x")
    with Launch(place):
        prepare(place, b"blob")
    assert stat.S_IMODE(os.stat(place.runtime).st_mode) == 0o700
    for name in ("definitions", "place.json", "environment", "mark"):
        assert stat.S_IMODE(os.stat(f"{place.runtime}/{name}").st_mode) == 0o600
    assert Path(place.definitions).read_bytes() == b"blob"
    assert Place.from_json(Path(place.file).read_text()) == place
    assert len(bytes.fromhex(Path(place.runtime, "mark").read_text())) == 8
    variables = Path(place.environment).read_bytes().split(b"\0")
    assert b"GREETING=hello\nworld" in variables
    assert not any(one.startswith((b"STOKER_", b"NOTIFY_SOCKET")) for one in variables)
    assert Path(place.state, ".gitignore").read_text() == "*\n"


def test_services_of_a_user_get_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    base = Path(tempfile.mkdtemp(prefix="st-"))
    monkeypatch.setenv("SECRET_OF_A_SHELL", "x")
    environ = {"HOME": str(base), "XDG_RUNTIME_DIR": str(base), "XDG_STATE_HOME": str(base / "s")}
    place = user_place(environ, os.getuid())
    with Launch(place):
        prepare(place, b"")
    text = Path(place.environment).read_bytes()
    assert b"SECRET_OF_A_SHELL" not in text
    assert b"PATH=" in text
    shutil.rmtree(base)


def inodes(place: Place) -> set[tuple[str, int]]:
    with os.scandir(place.runtime) as found:
        return {(one.name, one.inode()) for one in found}


def test_nothing_is_overwritten_where_a_keeper_runs_that_cannot_be_asked(place: Place) -> None:
    with Launch(place):
        prepare(place, b"what runs")
    with open(place.lock, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        before = inodes(place)
        with pytest.raises(Busy, match=f"keeper 4711 has {place.runtime}"), Launch(place):
            prepare(place, b"something else")
        assert inodes(place) == before
    with Launch(place), open(place.lock) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever looked has let go of it


@pytest.mark.parametrize("runtime", [None, b"/tmp/\xff"])
def test_a_path_that_is_no_text_is_refused_before_anything_is_made(
    place: Place, runtime: bytes | None
) -> None:
    project = place.name.encode() + (b"" if runtime else b"/caf\xe9")
    where = place.runtime if runtime is None else os.fsdecode(runtime)
    os.makedirs(project, exist_ok=True)
    wrong = project_place(os.fsdecode(project), {}, os.getuid(), runtime=where)
    match = r"\\x(e9|ff): its path is not UTF-8"
    with pytest.raises(UsageError, match=match) as told, Launch(wrong):
        pass
    str(told.value).encode()
    assert os.listdir(project) == []


def test_one_at_a_time(place: Place) -> None:
    code = (
        "import sys; from stoker.client import Launch; from stoker.model import Place\n"
        "place = Place.from_json(open(sys.argv[1]).read())\n"
        "with Launch(place): print('mine', flush=True)"
    )
    with Launch(place):
        prepare(place, b"")
        other = subprocess.Popen(
            [sys.executable, "-c", code, place.file], stdout=subprocess.PIPE, text=True
        )
        assert other.poll() is None
    out, _ = other.communicate(timeout=60)
    assert out == "mine\n"


def test_the_machine_s_manager_is_root_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    with pytest.raises(Refused, match="only root"), Launch(system_place({}, 4711)):
        pass


def test_nobody_is_there(place: Place) -> None:
    assert not is_up(place)


def keeper(place: Place, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(launch, "keeper_argv", lambda _place: [sys.executable, "-c", code])


def test_a_keeper_that_ends_is_told_with_its_last_words(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper(place, monkeypatch, "import sys; sys.exit('no room on the disk')")
    with Launch(place), pytest.raises(Failed, match="no room on the disk"):
        start(place)


def test_another_keeper_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper(place, monkeypatch, f"import sys; sys.exit('stoker: keeper 4711 has {place.runtime}')")
    with Launch(place), pytest.raises(Busy, match="4711"):
        start(place)


def test_a_keeper_that_is_gone_leaves_its_log(place: Place) -> None:
    with Launch(place):
        Path(place.log).write_text("first\nthe last line\n")
        with pytest.raises(Failed, match="the last line"):
            wait_for(place, 2**22 + 1)


def test_the_keeper_s_command_is_isolated(place: Place) -> None:
    argv = launch.keeper_argv(place)
    assert argv[:3] == [sys.executable, "-I", "-S"]
    assert argv[3] == "-c"
    assert "from stoker.keeper import main" in argv[4]
    assert argv.count(";") == 1
    manager = argv[argv.index("--") + 1 :]
    assert manager[:3] == [sys.executable, "-I", "-S"]
    assert "stoker.daemon" in manager[4]
    assert manager[5] == place.runtime


def test_a_project_started_elsewhere_is_found_by_its_link(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STOKER_RUNTIME_DIR", raising=False)
    with Launch(place):
        prepare(place, b"")
    assert place_of(place.name).runtime == place.runtime
    assert place_of(place.name, runtime="/tmp/other").runtime == "/tmp/other"


def test_a_project_that_runs_elsewhere_is_not_started_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Launch(place):
        pass
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(place.socket)
        sock.listen()
        monkeypatch.setattr(Client, "get", lambda *_a, **_k: {"keeper_pid": 4711})
        other = project_place(place.name, {}, os.getuid(), runtime=place.runtime + "2")
        with pytest.raises(Busy, match="4711"), Launch(other):
            pass


@contextlib.contextmanager
def keeper_with(runtime: str) -> Iterator[str]:
    """A process that runs with these words, as a keeper does; its pid."""
    words = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([*words, "--run", runtime, "--socket", ""], **pipes) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        yield str(process.pid)
        process.stdin.close()


def test_a_keeper_that_lost_its_directory_has_its_place_wherever_one_is_started(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STOKER_RUNTIME_DIR", raising=False)
    with Launch(place):
        prepare(place, b"")
    shutil.rmtree(place.runtime)
    usual = project_place(place.name, {}, os.getuid())
    other = project_place(place.name, {}, os.getuid(), runtime=place.runtime + "2")
    link = os.readlink(place.state + "/run")
    with keeper_with(place.runtime) as pid:
        assert place_of(place.name).runtime == place.runtime
        for one in (usual, other):  # the usual one, asked for
            with pytest.raises(Busy, match=f"keeper {pid} .* {place.runtime}"), Launch(one):
                pass
        assert os.readlink(place.state + "/run") == link
        Path(place.runtime).touch()  # nothing can be made there again
        with pytest.raises(Busy, match=f"keeper {pid} still runs"), Launch(place):
            pass
        os.unlink(place.runtime)
    assert place_of(place.name).runtime == usual.runtime
    with Launch(other):
        pass
    assert place_of(place.name).runtime == other.runtime


def test_nor_is_one_started_elsewhere_beside_one_that_lost_the_usual_directory(
    place: Place,
) -> None:
    usual = project_place(place.name, {}, os.getuid())
    with keeper_with(usual.runtime) as pid:
        with pytest.raises(Busy, match=f"keeper {pid} .* {usual.runtime}"), Launch(place):
            pass
        assert not os.path.lexists(usual.runtime)
    with Launch(place):
        pass


def test_a_link_to_what_is_somebody_else_s_by_now_is_not_followed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STOKER_RUNTIME_DIR", raising=False)
    os.makedirs(place.state)
    theirs = "/"
    if os.getuid() == 0:
        theirs = place.name + "/theirs"
        os.mkdir(theirs)
        os.chown(theirs, 65534, 65534)
    os.symlink(theirs, place.state + "/run")
    assert place_of(place.name).runtime == project_place(place.name, {}, os.getuid()).runtime
    with Launch(place):
        assert os.readlink(place.state + "/run") == place.runtime


def test_a_full_disk_is_told_and_nothing_is_left_of_what_was_half_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.makedirs(place.runtime)
    room = [3]

    def write(_fd: int, data: memoryview) -> int:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return min(room.pop(), len(data))

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(Failed, match="No space left"):
        prepare(place, b"definitions")
    assert os.listdir(place.runtime) == []


def test_a_lock_that_cannot_be_made_is_told(place: Place) -> None:
    os.makedirs(place.runtime + "/starting")
    with pytest.raises(Failed, match="starting"), Launch(place):
        pass
