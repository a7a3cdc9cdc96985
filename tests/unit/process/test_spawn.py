"""Starting processes: every way makes the same child and tells the same errors."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from stoker.linux import Cgroup, cgroup, limits, proc
from stoker.process.command import OWN_PID
from stoker.process.spawn import Command, SpawnError, Spawning

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
CAT = ("cat",)
ROOT = os.geteuid() == 0
WAYS: dict[str, dict[str, Any]] = {
    "vfork": {"program": ()},
    "spawner": {"vfork": False},
    "fork": {"vfork": False, "program": ()},
}
AnyWay = pytest.mark.parametrize("spawning", [*WAYS, "compiled"], indirect=True)
Able = pytest.mark.parametrize("spawning", ["spawner", "compiled", "fork"], indirect=True)


@pytest.fixture
def spawning(request: pytest.FixtureRequest) -> Iterator[Spawning]:
    """A way to start processes; by default all of them."""
    way = getattr(request, "param", "")
    given = WAYS.get(way, {})
    if way == "compiled":
        given = {"vfork": False, "program": (request.getfixturevalue("compiled_spawner"),)}
    # Others' tests in this process may have left children of theirs.
    before = set(proc.children(os.getpid()))
    made = Spawning(**given)
    yield made
    made.close()
    assert set(proc.children(os.getpid())) <= before, "something is left of what went wrong"


@pytest.fixture
def run(spawning: Spawning) -> Callable[..., str]:
    """Run a command to its end; returns its output."""

    def run_it(*argv: str, **more: Any) -> str:
        reader, writer = os.pipe()
        try:
            command = Command(argv, more.pop("env", ENV), stdout=writer, stderr=2, **more)
            pid = spawning.start(command)
        finally:
            os.close(writer)
        with open(reader, encoding="utf-8", errors="surrogateescape") as output:
            text = output.read()
        assert os.waitpid(pid, 0) == (pid, 0)
        return text

    return run_it


def table(status: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in status.splitlines())
    return {name: value.strip() for name, _, value in pairs}


@pytest.fixture
def group() -> Iterator[Cgroup]:
    """A cgroup of this test's own."""
    parent = cgroup.usable()
    if parent is None:
        pytest.skip("no cgroup2 in which we may make one")
    made = parent.child(f"stoker-test-{uuid.uuid4().hex}")
    made.make()
    yield made
    made.kill()
    made.remove()


@AnyWay
def test_the_child_is_ours_and_leads_a_session(run: Callable[..., str]) -> None:
    found = proc.parse_stat(run("cat", "/proc/self/stat").encode())
    assert found is not None
    assert found.ppid == os.getpid()
    assert found.session == found.pgrp == found.pid
    assert found.tty == 0


@AnyWay
def test_signals_are_as_a_program_expects_them(run: Callable[..., str]) -> None:
    status = table(run("cat", "/proc/self/status"))
    assert int(status["SigIgn"], 16) == 0
    assert int(status["SigBlk"], 16) == 0


def test_what_we_ignore_and_block_is_not_passed_on() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    made = Spawning()
    try:
        assert "vfork" not in made.ways
        reader, writer = os.pipe()
        pid = made.start(Command(("cat", "/proc/self/status"), ENV, stdout=writer))
        os.close(writer)
        with open(reader) as output:
            status = table(output.read())
        os.waitpid(pid, 0)
        assert int(status["SigIgn"], 16) == 0
        assert int(status["SigBlk"], 16) == 0
    finally:
        made.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        signal.signal(signal.SIGUSR1, before)


def descriptors_of(spawning: Spawning, **more: Any) -> dict[int, str]:
    """What a running cat has open, asked once it is surely running."""
    theirs, ours = os.pipe(), os.pipe()
    command = Command(CAT, ENV, stdin=theirs[0], stdout=ours[1], **more)
    pid = spawning.start(command)
    os.write(theirs[1], b"x")
    assert os.read(ours[0], 1) == b"x"
    there = f"/proc/{pid}/fd"
    found = {int(name): os.readlink(f"{there}/{name}") for name in os.listdir(there)}
    for fd in (*theirs, *ours):
        os.close(fd)
    assert os.waitpid(pid, 0) == (pid, 0)
    return found


@AnyWay
def test_no_descriptor_is_inherited_unasked(spawning: Spawning) -> None:
    leaks = [os.open("/proc/self/stat", os.O_RDONLY) for _ in range(3)]
    for fd in leaks:
        os.set_inheritable(fd, True)
    found = descriptors_of(spawning)
    for fd in leaks:
        os.close(fd)
    assert sorted(found) == [0, 1, 2]
    assert found[2] == "/dev/null"


@AnyWay
def test_a_descriptor_may_keep_its_number(spawning: Spawning, tmp_path: Path) -> None:
    with open(tmp_path / "extra", "w") as extra:
        number = extra.fileno()
        found = descriptors_of(spawning, fds={number: number})
    assert sorted(found) == [0, 1, 2, number]
    assert found[number] == str(tmp_path / "extra")


@Able
def test_descriptors_get_the_numbers_asked_for(spawning: Spawning, tmp_path: Path) -> None:
    """Also when their numbers here are those of others there."""
    numbers = [os.open(tmp_path / str(n), os.O_WRONLY | os.O_CREAT) for n in range(3)]
    turned = dict(zip(numbers, [*numbers[1:], numbers[0]], strict=True))
    found = descriptors_of(spawning, fds={**turned, 100: numbers[0]})
    for fd in numbers:
        os.close(fd)
    assert sorted(found) == sorted([0, 1, 2, *numbers, 100])
    for number, (there, here) in enumerate(turned.items()):
        assert found[there] == str(tmp_path / str((number + 1) % 3))
        assert here in numbers
    assert found[100] == str(tmp_path / "0")


@AnyWay
def test_environment_directory_and_umask(run: Callable[..., str], tmp_path: Path) -> None:
    env = {**ENV, "ODD": "a=b\n\udcff", "EMPTY": ""}
    text = run("cat", "/proc/self/environ", env=env)
    assert dict(one.split("=", 1) for one in text.rstrip("\0").split("\0")) == env
    where = run("readlink", "/proc/self/cwd", cwd=str(tmp_path))
    assert where == os.path.realpath(tmp_path) + "\n"
    assert table(run("cat", "/proc/self/status", umask=0o027))["Umask"] == "0027"
    assert table(run("cat", "/proc/self/status", umask=0))["Umask"] == "0000"


@AnyWay
def test_the_program_is_found_in_the_commands_own_path(
    run: Callable[..., str], spawning: Spawning, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    program = tmp_path / "b" / "odd-name"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    path = f"{tmp_path}/none:{tmp_path}/a:{tmp_path}/b:/usr/bin:/bin"
    assert run("odd-name", env={"PATH": path}) == "found\n"
    assert run("./odd-name", cwd=str(tmp_path / "b")) == "found\n"
    with pytest.raises(SpawnError) as caught:
        spawning.start(Command(("odd-name",), ENV))
    assert (caught.value.errno, caught.value.step) == (errno.ENOENT, "exec")


@Able
def test_nice_oom_score_and_limits(run: Callable[..., str]) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    found = run("cat", "/proc/self/stat", nice=min(mine + 1, 19)).rpartition(")")[2].split()
    assert int(found[16]) == min(mine + 1, 19)
    with open("/proc/self/oom_score_adj") as file:
        score = min(int(file.read()) + 1, 1000)
    assert run("cat", "/proc/self/oom_score_adj", oom_score_adj=score) == f"{score}\n"
    hard = (limits.get("nofile") or (0, 0))[1]
    text = run("cat", "/proc/self/limits", rlimits={limits.NAMES["nofile"]: (20, hard)})
    line = next(line for line in text.splitlines() if line.startswith("Max open files"))
    assert line.split()[3] == "20"


@pytest.mark.skipif(not ROOT, reason="only root may become another user")
@Able
def test_root_gives_another_user_away_whole(run: Callable[..., str]) -> None:
    status = table(run("cat", "/proc/self/status", uid=65534, gid=65533, groups=(7, 8)))
    assert status["Uid"].split() == ["65534"] * 4
    assert status["Gid"].split() == ["65533"] * 4
    assert status["Groups"].split() == ["7", "8"]
    assert int(status["CapEff"], 16) == 0
    status = table(run("cat", "/proc/self/status", uid=65534, gid=65533))
    assert status["Groups"].split() == []


@pytest.mark.skipif(not ROOT, reason="only root may become another user")
@Able
def test_the_directory_is_entered_as_the_user(spawning: Spawning, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(SpawnError) as caught:
        spawning.start(Command(CAT, ENV, uid=65534, gid=65534, cwd=str(closed)))
    assert (caught.value.errno, caught.value.step) == (errno.EACCES, "directory")


@pytest.mark.skipif(ROOT, reason="root may become anybody")
@Able
def test_an_ordinary_user_cannot_become_another(spawning: Spawning) -> None:
    for step, more in {
        "user": {"uid": os.getuid() + 1, "groups": tuple(os.getgroups())},
        "group": {"gid": os.getgid() + 100_000},
        "groups": {"groups": (4711,)},
        "limits": {"rlimits": {limits.NAMES["core"]: (0, 0), limits.NAMES["nofile"]: (-1, -1)}},
    }.items():
        with pytest.raises(SpawnError) as caught:
            spawning.start(Command(CAT, ENV, **more))  # type: ignore[arg-type]
        assert (caught.value.errno, caught.value.step) == (errno.EPERM, step)


def test_asking_for_what_we_are_needs_no_right(run: Callable[..., str]) -> None:
    groups = tuple(os.getgroups())
    text = run("cat", "/proc/self/status", uid=os.getuid(), gid=os.getgid(), groups=groups)
    assert table(text)["Uid"].split()[1] == str(os.geteuid())


def failures(tmp_path: Path) -> dict[str, tuple[Command, int, str, str]]:
    """Commands that cannot be started, each with errno, step and subject."""

    def script(name: str, text: str, mode: int = 0o755) -> str:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    plain = Command((script("good", "#!/bin/sh\n"),), ENV)
    no_shell = script("no-shell", "#!/no/such/shell -x\n")
    shut = script("shut", "", 0o644)
    closed_shell = script("closed-shell", f"#!{shut}\n")
    text = script("text", "no number sign\n")
    file = str(tmp_path / "file")
    Path(file).touch()
    closed = 1_000_000  # more than anything here opens
    return {
        "missing": (replace(plain, argv=("/no/such",)), errno.ENOENT, "exec", "/no/such"),
        "empty name": (replace(plain, argv=("",)), errno.ENOENT, "exec", ""),
        "no arguments": (replace(plain, argv=()), errno.EINVAL, "exec", ""),
        "NUL": (replace(plain, argv=("a\0b",)), errno.EINVAL, "exec", "a\0b"),
        "below a file": (replace(plain, argv=(f"{file}/x",)), errno.ENOTDIR, "exec", f"{file}/x"),
        "not executable": (replace(plain, argv=(shut,)), errno.EACCES, "exec", shut),
        "a directory": (replace(plain, argv=("/usr",)), errno.EACCES, "exec", "/usr"),
        "no format": (replace(plain, argv=(text,)), errno.ENOEXEC, "exec", text),
        "no shell": (
            replace(plain, argv=(no_shell,)),
            errno.ENOENT,
            "interpreter",
            "/no/such/shell",
        ),
        "shell shut": (replace(plain, argv=(closed_shell,)), errno.EACCES, "interpreter", shut),
        "no directory": (replace(plain, cwd="/no/such"), errno.ENOENT, "directory", "/no/such"),
        "a file as directory": (replace(plain, cwd=file), errno.ENOTDIR, "directory", file),
        "closed": (replace(plain, stdin=closed), errno.EBADF, "descriptors", ""),
        "name": (replace(plain, env={"A=B": "x"}), errno.EINVAL, "environment", "A=B"),
    }


@AnyWay
def test_every_failure_says_exactly_what_failed(spawning: Spawning, tmp_path: Path) -> None:
    cases = failures(tmp_path)
    told = {}
    for name, (command, *_) in cases.items():
        with pytest.raises(SpawnError) as caught:
            spawning.start(command)
        error = caught.value
        told[name] = (error.errno, error.step, error.filename or "")
        assert os.strerror(error.errno) in str(error)
    assert told == {name: tuple(wanted) for name, (_, *wanted) in cases.items()}


@Able
def test_many_have_their_answers_in_their_sequence(spawning: Spawning, tmp_path: Path) -> None:
    """More than are given to the spawner at once; a failure concerns nobody else."""
    commands, wanted = [], []
    cases = list(failures(tmp_path).values())
    for number in range(60):
        if number % 4 == 3:
            command, *error = cases[number % len(cases)]
            commands.append(command)
            wanted.append((error[0], error[1]))
        else:
            code = str(number % 4)
            commands.append(Command(("sh", "-c", f"exit {code}"), ENV))
            wanted.append(number % 4)
    found: list[object] = []
    for answer in spawning.start_many(commands):
        if isinstance(answer, SpawnError):
            found.append((answer.errno, answer.step))
        else:
            found.append(os.waitstatus_to_exitcode(os.waitpid(answer, 0)[1]))
    assert found == wanted


@AnyWay
def test_an_order_larger_than_a_packet(run: Callable[..., str]) -> None:
    env = {**ENV, **{f"V{number}": "x" * 60_000 for number in range(5)}}
    nice = os.getpriority(os.PRIO_PROCESS, 0)  # vfork cannot do that
    assert len(run("cat", "/proc/self/environ", env=env, nice=nice)) > 300_000


@pytest.mark.parametrize("spawning", ["spawner", "compiled"], indirect=True)
def test_in_a_cgroup_by_the_spawner(run: Callable[..., str], group: Cgroup) -> None:
    text = run("cat", "/proc/self/cgroup", cgroup=group.path)
    assert f"0::{proc_path(group)}\n" in text


def proc_path(group: Cgroup) -> str:
    mount = cgroup.find_mount()
    assert mount is not None
    return mount.root.rstrip("/") + group.path.removeprefix(mount.point)


@Able
def test_a_cgroup_that_is_not_there(spawning: Spawning, group: Cgroup) -> None:
    missing = group.child("missing").path
    with pytest.raises(SpawnError) as caught:
        spawning.start(Command(CAT, ENV, cgroup=missing))
    error = caught.value
    assert (error.errno, error.step, error.filename) == (errno.ENOENT, "cgroup", missing)


# In a program of its own: it forks raw, and moves itself about.
IN_CGROUPS = """
import os, sys
from stoker.linux import Cgroup, cgroup
from stoker.process.command import OWN_PID
from stoker.process.spawn import Command, SpawnError, Spawning
parent, way = Cgroup(sys.argv[1]), sys.argv[2]
home = parent.child("home")
home.make()
home.move()
spawning = Spawning(burst=3) if way == "burst" else Spawning((), burst=1000)
assert way in spawning.ways
reader, writer = os.pipe()
commands = []
for n in range(5):
    group = parent.child(f"g{n}")
    if n != 3:
        group.make()
    argv = ("/no/such",) if n == 2 else ("cat", "/proc/self/cgroup")
    commands.append(Command(argv, {"PATH": os.defpath}, stdout=writer, cgroup=group.path))
answers = spawning.start_many(commands)
os.close(writer)
for answer in answers:
    if isinstance(answer, SpawnError):
        print(answer.step, answer.errno)
    else:
        assert os.waitpid(answer, 0) == (answer, 0)
print(os.read(reader, 100000).decode())
assert cgroup.own().path == home.path, cgroup.own()
assert spawning.trouble == "" or way == "fork"
spawning.close()
"""


@pytest.mark.parametrize("way", ["burst", "fork"])
def test_in_cgroups_by_going_there_or_forking(group: Cgroup, way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_CGROUPS, group.path, way],
        stdout=subprocess.PIPE,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"exec {errno.ENOENT}", f"cgroup {errno.ENOENT}"]
    seen = sorted(line for line in lines if line.startswith("0::"))
    assert seen == [f"0::{proc_path(group)}/g{n}" for n in (0, 1, 4)]


@AnyWay
def test_who_listens_is_told_its_own_number(run: Callable[..., str]) -> None:
    env = {**ENV, "LISTEN_PID": OWN_PID, "LISTEN_FDS": "0"}
    own, told = run("sh", "-c", "echo $$; printenv LISTEN_PID", env=env).split("\n")[:2]
    assert told == own


BIND, RAW = 1 << 10, 1 << 13  # CAP_NET_BIND_SERVICE, CAP_NET_RAW


@Able
@pytest.mark.skipif(not ROOT, reason="only root has capabilities to give")
def test_another_user_is_given_capabilities(run: Callable[..., str]) -> None:
    shown = table(run("cat", "/proc/self/status", uid=65534, gid=65534, capabilities=BIND | RAW))
    sets = [int(shown[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Amb")]
    assert sets == [BIND | RAW] * 4
    assert shown["Uid"].split() == ["65534"] * 4
    shown = table(run("cat", "/proc/self/status", uid=65534, gid=65534, capabilities=0))
    assert int(shown["CapEff"], 16) == 0


@Able
@pytest.mark.skipif(not ROOT, reason="only root has capabilities to give")
def test_root_keeps_those_alone(run: Callable[..., str]) -> None:
    shown = table(run("cat", "/proc/self/status", capabilities=BIND))
    assert [int(shown[f"Cap{name}"], 16) for name in ("Prm", "Eff", "Bnd")] == [BIND] * 3
