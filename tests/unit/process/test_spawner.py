"""The spawner and the manager's end of it: what becomes of orders when one of the two fails."""

from __future__ import annotations

import array
import errno
import marshal
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoker.linux import pidfd, proc
from stoker.process import spawner
from stoker.process.command import order
from stoker.process.link import Link
from stoker.process.spawn import Command, SpawnError, Spawning

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
# Nice is what vfork cannot do: such a command goes to the spawner.
TRUE = Command(("true",), ENV, nice=os.getpriority(os.PRIO_PROCESS, 0))


@pytest.fixture(params=["python", "compiled"])
def program(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The argv of each spawner that there is."""
    if request.param == "compiled":
        return (request.getfixturevalue("compiled_spawner"),)
    return (sys.executable, "-I", "-S", spawner.__file__)


@pytest.fixture
def spawning(program: tuple[str, ...]) -> Iterator[Spawning]:
    # Others' tests in this process may have left children of theirs.
    before = set(proc.children(os.getpid()))
    made = Spawning(program)
    yield made
    made.close()
    assert set(proc.children(os.getpid())) <= before


def finish(pid: int) -> None:
    assert os.waitpid(pid, 0) == (pid, 0)


def test_it_is_started_once_and_when_needed(spawning: Spawning) -> None:
    assert spawning.spawner_pid is None
    finish(spawning.start(TRUE))
    first = spawning.spawner_pid
    assert first is not None
    finish(spawning.start(TRUE))
    assert spawning.spawner_pid == first
    assert spawning.trouble == ""


def test_it_can_be_started_beforehand(spawning: Spawning) -> None:
    spawning.warm()
    first = spawning.spawner_pid
    assert first in proc.children(os.getpid())
    finish(spawning.start(TRUE))
    assert spawning.spawner_pid == first


def test_one_that_was_killed_is_replaced(spawning: Spawning) -> None:
    """Known by its socket, before anybody has reaped it."""
    finish(spawning.start(TRUE))
    first = spawning.spawner_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    finish(spawning.start(TRUE))
    assert spawning.spawner_pid not in (None, first)
    assert "spawner" in spawning.ways


def test_its_end_is_told_from_that_of_a_service(spawning: Spawning) -> None:
    pid = spawning.start(TRUE)
    first = spawning.spawner_pid
    assert first is not None
    assert not spawning.ended(pid)
    finish(pid)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert spawning.ended(first)
    assert spawning.spawner_pid is None
    os.waitpid(first, 0)
    finish(spawning.start(TRUE))


def test_it_leads_a_session_with_nothing_open_but_its_socket(spawning: Spawning) -> None:
    """A key pressed at the manager's terminal does not end it, and it holds nobody's pipes."""
    leak, other = os.pipe()
    os.set_inheritable(leak, True)
    finish(spawning.start(TRUE))
    pid = spawning.spawner_pid
    assert pid is not None
    found = proc.stat(pid)
    assert found is not None
    assert found.session == pid
    there = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    opened = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in sorted(there - {0, 1, 2})]
    assert os.readlink(f"/proc/self/fd/{leak}") not in opened
    libraries = Path(f"/proc/{pid}/maps").read_text()  # newer ones of libffi hold themselves open
    kept = [one for one in opened if one not in libraries]
    assert len(kept) == 1
    assert kept[0].startswith("socket:")
    os.close(leak)
    os.close(other)


@pytest.mark.parametrize("program", [("/no/such/python",), ("false",), ("/bin/sh", "-c", "exit 3")])
def test_without_a_spawner_we_fork(program: tuple[str, ...]) -> None:
    before = set(proc.children(os.getpid()))
    made = Spawning(program)
    finish(made.start(TRUE))
    assert "spawner" not in made.ways
    assert made.trouble.startswith("no spawner")
    with pytest.raises(SpawnError) as caught:
        made.start(Command(("/no/such",), ENV, nice=TRUE.nice))
    assert (caught.value.errno, caught.value.step) == (errno.ENOENT, "exec")
    made.close()
    assert set(proc.children(os.getpid())) <= before


class Told:
    """In the place of a spawner's socket: says what it was given to say, then fails."""

    def __init__(self, answers: list[tuple[object, ...]], then: Exception) -> None:
        self._answers = answers
        self._then = then

    def sendmsg(self, *_what: Any) -> int:
        return 1

    def recv(self, _size: int) -> bytes:
        if self._answers:
            return marshal.dumps(self._answers.pop(0))
        raise self._then

    def close(self) -> None:
        pass


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"])


def test_an_exec_that_takes_too_long_is_given_up(spawning: Spawning) -> None:
    """Its child is killed; what comes behind it in the queue is started by another spawner."""
    link = Link((sys.executable, "-I", "-S", spawner.__file__), 30)
    hanging, born = sleeper(), sleeper()
    link._socket = Told([(0, born.pid, None, 0)], TimeoutError())  # type: ignore[assignment]
    link.pid = hanging.pid
    given_up, started = link.run([TRUE, TRUE])
    assert isinstance(given_up, SpawnError)
    assert (given_up.errno, given_up.step) == (errno.ETIMEDOUT, "spawner")
    assert born.wait(30) == -signal.SIGKILL
    assert isinstance(started, int)
    finish(started)
    hanging.returncode = -signal.SIGKILL  # it was killed and reaped behind Popen's back
    last = link.pid
    link.drop()
    assert last is not None
    os.waitpid(last, 0)


def test_a_spawner_that_dies_in_an_exec_does_not_start_it_twice(program: tuple[str, ...]) -> None:
    link = Link(program, 30)
    dead, born = sleeper(), sleeper()
    link._socket = Told([(0, born.pid, None, 0)], ConnectionResetError())  # type: ignore[assignment]
    link.pid = dead.pid
    (answer,) = link.run([TRUE])
    assert isinstance(answer, int)
    assert not proc.is_same(born.pid, proc.start_time(answer) or 0)
    with pytest.raises(ChildProcessError):  # the first was killed and reaped
        os.waitpid(born.pid, os.WNOHANG)
    finish(answer)
    dead.returncode = born.returncode = -signal.SIGKILL
    last = link.pid
    link.drop()
    assert last is not None
    os.waitpid(last, 0)


def test_a_child_that_was_not_reported_never_runs() -> None:
    """The spawner dies between making a child and saying so: the child ends by itself."""
    reader, writer = os.pipe()
    order = spawner.Order(
        0, [b"/bin/sh"], (b"sh", b"-c", b"echo ran"), {}, None, None, None, None, None, None, None,
        (), None, (0, 1, 2), None,
    )  # fmt: skip
    null = os.open("/dev/null", os.O_RDWR)
    pid, channel = spawner.launch(order, [null, writer, null], lambda _cgroup: os.fork())
    os.close(writer)
    os.close(null)
    channel.close()  # as the kernel does when the spawner dies
    with open(reader, "rb") as output:
        assert output.read() == b""
    assert os.waitpid(pid, 0) == (pid, spawner.UNBORN)


def test_a_birth_that_nobody_can_be_told_of_is_none(compiled_spawner: str, tmp_path: Path) -> None:
    """The compiled one: its child says itself that it is born, and goes no further if it cannot."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ran = tmp_path / "ran"
    wanted = order(Command(("touch", str(ran)), ENV, cwd=str(tmp_path)), 7)
    null = os.open("/dev/null", os.O_RDWR)
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null, null, null]))
    ours.sendmsg([marshal.dumps(wanted.fields, 2)], [rights])
    ours.close()
    os.close(null)
    before = set(proc.children(os.getpid()))
    number = theirs.fileno()
    process = subprocess.Popen([compiled_spawner, str(number)], pass_fds=[number])
    theirs.close()
    assert process.wait(30) == 0
    (child,) = set(proc.children(os.getpid())) - before
    assert os.waitpid(child, 0) == (child, spawner.UNBORN)
    assert not ran.exists()


def test_what_is_no_order_ends_the_compiled_one(compiled_spawner: str) -> None:
    """It never guesses: whoever speaks to it is the manager, or mistaken."""
    for wrong in (b"x", marshal.dumps((1, 2), 2), marshal.dumps(("a" * 500,) * 14, 2)[:300]):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        process = subprocess.Popen([compiled_spawner, str(number)], pass_fds=[number])
        theirs.close()
        ours.send(wrong)
        assert process.wait(30) == 3
        ours.close()


def test_a_program_that_cannot_run_is_replaced_by_the_other() -> None:
    link = Link(("/no/such/spawner",), 30, (sys.executable, "-I", "-S", spawner.__file__))
    (answer,) = link.run([TRUE])
    assert isinstance(answer, int)
    finish(answer)
    assert link.trouble == ""
    last = link.pid
    link.drop()
    assert last is not None
    os.waitpid(last, 0)


def test_it_ends_with_its_socket(program: tuple[str, ...]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    argv = [*program, str(theirs.fileno())]
    process = subprocess.Popen(argv, pass_fds=[theirs.fileno()])
    theirs.close()
    fd = pidfd.open_pid(process.pid)
    assert fd is not None
    os.close(fd)
    assert process.poll() is None
    ours.close()
    assert process.wait(60) == 0
