"""The keeper as a real process, its programs played by this test.

Manager and recorder are puppets: they connect to the test, hand it their end of the channel, and
then run the lines of Python that it sends. So the test *is* the manager, and nothing is timed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import resource
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stoker import keeper as keeper_module
from stoker.linux import limits
from stoker.linux.channel import Channel, Exit, Hello, Packet

PATIENCE = 60.0
KEEPER = keeper_module.__file__
PYTHON = [sys.executable, "-I", "-S"]
SIGNALLED = {os.CLD_KILLED, os.CLD_DUMPED}

PUPPET = """
import os, signal, socket, struct, sys
path, role = sys.argv[1:3]
link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
link.connect(path)
line = f"{role} {os.getpid()} {os.environ.get('STOKER_STATE', '-')}\\n".encode()
channel = int(os.environ.get("STOKER_KEEPER", "-1"))
if channel >= 0:
    os.set_inheritable(channel, False)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", channel))]
else:
    rights = []
link.sendmsg([line], rights)
def sleeper(status=0, prefix=""):
    # It lives until the test lets go of its FIFO, so that no test leaves it behind.
    code = prefix + f"import os\\nos.read(0, 1)\\nraise SystemExit({status})"
    argv = [sys.executable, "-I", "-S", "-c", code]
    actions = [(os.POSIX_SPAWN_DUP2, fifo, 0)]
    return os.posix_spawn(argv[0], argv, os.environ, setsid=True, file_actions=actions)
fifo = os.open(path + ".fifo", os.O_RDONLY | os.O_NONBLOCK)
os.set_blocking(fifo, True)
file = link.makefile("rw")
for line in file:
    result = None
    exec(line)
    print(result, file=file, flush=True)
os._exit(0)
"""


class Puppet:
    """A program that the keeper started, in the hands of the test."""

    def __init__(self, link: socket.socket) -> None:
        link.settimeout(PATIENCE)
        data, fds, _, _ = socket.recv_fds(link, 4096, 1)
        self.role, pid, self.state = data.decode().split()
        self.pid = int(pid)
        self.pidfd = os.pidfd_open(self.pid)
        self.link = link
        self.file = link.makefile("rw")
        self.channel = Channel(socket.socket(fileno=fds[0]), PATIENCE) if fds else None

    @property
    def talk(self) -> Channel:
        assert self.channel is not None
        return self.channel

    def do(self, line: str) -> str:
        self.tell(line)
        return self.file.readline().strip()

    def tell(self, line: str) -> None:
        print(line, file=self.file, flush=True)

    def hello(self) -> Hello:
        packet = self.packet("HELLO")
        return Hello.of(packet)

    def packet(self, verb: str) -> Packet:
        """The next packet of this kind; others before it are dropped."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            packets = self.talk.wait(PATIENCE)
            for at, packet in enumerate(packets):
                if packet.verb == verb:
                    self.talk._aside.extendleft(reversed(packets[at + 1 :]))
                    return packet
                packet.close()
        raise AssertionError(f"no {verb} came")

    def kill(self) -> None:
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self.gone()

    def gone(self) -> None:
        assert select.select([self.pidfd], [], [], PATIENCE)[0], f"{self.role} does not end"

    def close(self) -> None:
        if self.channel:
            self.channel.close()
        os.close(self.pidfd)
        self.file.close()
        self.link.close()


class Place:
    """A runtime directory, the keeper's argv for it, and the puppets that have come."""

    def __init__(self, directory: Path) -> None:
        self.run = directory / "run"
        self.log = directory / "stoker.log"
        self.path = str(directory / "t")
        os.mkfifo(self.path + ".fifo")
        self.fifo = os.open(self.path + ".fifo", os.O_RDWR)
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.door.bind(self.path)
        self.door.listen(100)
        self.door.settimeout(PATIENCE)
        self.waiting: list[Puppet] = []
        self.known: list[Puppet] = []
        script = directory / "puppet.py"
        script.write_text(PUPPET)
        (self.manager, self.recorder, self.emergency) = (
            [*PYTHON, str(script), self.path, role] for role in ("manager", "recorder", "emergency")
        )
        self.process: subprocess.Popen[bytes] | None = None

    def argv(self, *options: str, programs: list[str] | None = None) -> list[str]:
        places = ["--run", str(self.run), "--socket", str(self.run / "control")]
        programs = programs or [*self.manager, ";", *self.recorder]
        return [*PYTHON, KEEPER, *places, "--log", str(self.log), *options, "--", *programs]

    def start(self, *options: str, programs: list[str] | None = None) -> None:
        self.process = subprocess.Popen(self.argv(*options, programs=programs))

    def next(self, role: str) -> Puppet:
        """The next puppet of this role that comes."""
        while True:
            for puppet in self.waiting:
                if puppet.role == role:
                    self.waiting.remove(puppet)
                    return puppet
            puppet = Puppet(self.door.accept()[0])
            self.waiting.append(puppet)
            self.known.append(puppet)

    def both(self) -> tuple[Puppet, Puppet]:
        self.start()
        return self.next("manager"), self.next("recorder")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def ended(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def let_go(self) -> None:
        """End all sleepers."""
        if self.fifo >= 0:
            os.close(self.fifo)
            self.fifo = -1

    def close(self) -> None:
        self.let_go()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.door.close()
        for puppet in self.known:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(puppet.pidfd, signal.SIGKILL)
            puppet.close()


@pytest.fixture
def place() -> Iterator[Place]:
    directory = Path(tempfile.mkdtemp(prefix="stk"))  # tmp_path may be too long for a socket
    place = Place(directory)
    yield place
    place.close()
    shutil.rmtree(directory, ignore_errors=True)


def until(what: Callable[[], object], why: str) -> None:
    """Wait for something outside our reach to become so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, why
        select.select([], [], [], 0.01)


def parent(pid: int) -> int:
    found = keeper_module.stat(pid)
    return found[0] if found else 0


def start_time(pid: int) -> int:
    found = keeper_module.stat(pid)
    assert found
    return found[1]


def memory(text: bytes) -> int:
    fd = os.memfd_create("test")
    os.write(fd, text)
    return fd


def close_all(fds: Iterator[int] | list[int]) -> None:
    for fd in fds:
        os.close(fd)


# -- the place -----------------------------------------------------------------------------------


def test_the_place_is_there_before_the_programs(place: Place) -> None:
    manager, recorder = place.both()
    hello = manager.hello()
    assert (hello.version, hello.generation, hello.last_pid, hello.failures) == (1, 1, None, 0)
    assert (hello.keeper, list(hello.command)) == (place.pid, place.argv())
    items = manager.talk.list("").items
    assert set(items) == {"lock", "listen/control", "link/manager", "link/recorder"}
    info = os.stat(place.run / "control")
    assert stat.S_ISSOCK(info.st_mode) and stat.S_IMODE(info.st_mode) == 0o600
    assert stat.S_IMODE(os.stat(place.run).st_mode) == 0o700
    assert (place.run / "lock").read_text().splitlines()[0] == str(place.pid)
    for puppet in (manager, recorder):
        assert parent(puppet.pid) == place.pid
        assert puppet.do("result = os.getsid(0) == os.getpid()") == "True"
        assert puppet.do("result = os.readlink('/proc/self/fd/0')") == "/dev/null"
        assert puppet.do("result = os.readlink('/proc/self/fd/2')") == str(place.log)
        assert puppet.do("result = sorted(os.listdir('/proc/self/fd'), key=int)[:4]") == str(
            ["0", "1", "2", "3"]
        )
    close_all(list(items.values()))


def test_a_client_waits_while_there_is_no_manager(place: Place) -> None:
    manager, _ = place.both()
    manager.talk.ready()
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    manager.kill()
    client.connect(str(place.run / "control"))
    client.sendall(b"hello")
    successor = place.next("manager")
    items = successor.talk.list("listen/").items
    listener = socket.socket(fileno=items["listen/control"])
    listener.settimeout(PATIENCE)
    served, _ = listener.accept()
    assert served.recv(5) == b"hello"
    for each in (listener, served, client):
        each.close()


def test_the_link_keeps_what_was_sent_to_the_dead(place: Place) -> None:
    manager, recorder = place.both()
    items = manager.talk.list("link/manager").items
    link = socket.socket(fileno=items["link/manager"])
    recorder.kill()
    for number in range(100):  # more than net.unix.max_dgram_qlen, which does not count here
        link.send(b"%d" % number)
    theirs = place.next("recorder").talk.list("link/recorder").items
    other = socket.socket(fileno=theirs["link/recorder"])
    assert [other.recv(100) for _ in range(100)] == [b"%d" % n for n in range(100)]
    link.close()
    other.close()


def test_an_answer_says_to_what(place: Place) -> None:
    manager, _ = place.both()
    manager.packet("END")  # of what came behind HELLO
    manager.talk.send("LIST", "link/")
    assert manager.packet("END").args == ("", "link/")


def test_what_a_manager_needs_to_become_the_keeper_is_there_before_it_is(place: Place) -> None:
    manager, _ = place.both()
    fds = [memory(text) for text in (b"records", b"pipe", b"definitions")]
    manager.talk.put({"state": fds[0], "in/a": fds[1], "file/definitions": fds[2]})
    close_all(fds)
    manager.kill()
    successor = place.next("manager")
    os.kill(place.pid, signal.SIGKILL)  # it is told nothing any more
    place.ended()
    item = successor.packet("ITEM")
    assert set(item.args) == {
        "lock", "listen/control", "link/manager", "state", "file/definitions"
    }  # fmt: skip
    assert os.pread(dict(zip(item.args, item.fds, strict=True))["state"], 10, 0) == b"records"
    item.close()
    assert "state" in successor.packet("END").args[1:]


def test_a_second_keeper_says_who_has_the_place(place: Place) -> None:
    place.both()
    second = subprocess.run(place.argv(), capture_output=True, text=True, timeout=PATIENCE)
    assert second.returncode == 75
    assert str(place.pid) in second.stderr
    assert (place.run / "lock").read_text().splitlines()[0] == str(place.pid)


def test_who_only_looks_at_the_lock_does_not_keep_the_place_from_a_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lock").touch()
    looking = os.open(tmp_path / "lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    late = keeper_module.Keeper(str(tmp_path), "", "", [["manager"], ["recorder"]])
    # What it waits for happens, at last: it is let go.
    monkeypatch.setattr(time, "sleep", lambda _seconds: fcntl.flock(looking, fcntl.LOCK_UN))
    try:
        late.lock()
        with pytest.raises(BlockingIOError):
            fcntl.flock(looking, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert late.other() == str(os.getpid())
    finally:
        os.close(looking)
        close_all(list(late.held.values()))


def test_the_lock_outlives_a_keeper_when_the_manager_holds_it_too(place: Place) -> None:
    manager, _ = place.both()
    fd = manager.talk.list("lock").items["lock"]
    assert place.process is not None
    place.process.kill()
    place.process.wait()
    second = subprocess.run(place.argv(), capture_output=True, timeout=PATIENCE)
    assert second.returncode == 75
    os.close(fd)


@pytest.mark.parametrize("words", [[], ["--run", "r"], ["--what"], ["--", "a"], ["--", "a", ";"]])
def test_a_wrong_command_line_is_refused(words: list[str]) -> None:
    result = subprocess.run([*PYTHON, KEEPER, *words], capture_output=True, timeout=PATIENCE)
    assert result.returncode == 2
    assert b"keeper: " in result.stderr


def test_a_stale_socket_does_not_matter_and_one_too_long_is_said(place: Place) -> None:
    place.run.mkdir()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(place.run / "control"))
    stale.close()
    place.both()
    argv = place.argv()
    argv[argv.index("--socket") + 1] = "/tmp/" + "x" * 200
    argv[argv.index("--run") + 1] = str(place.run) + "2"
    result = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode == 1
    assert "too long" in place.log.read_text() + result.stderr


# -- descriptors ---------------------------------------------------------------------------------


def test_what_is_put_survives_the_manager_and_can_be_replaced_and_dropped(place: Place) -> None:
    manager, _ = place.both()
    manager.talk.ready()
    fds = [memory(text) for text in (b"one", b"two", b"three")]
    manager.talk.put({"state": fds[0], "log/svc:/web:default": fds[1], "in/\udcff": fds[2]})
    manager.talk.put({"state": fds[2]})
    manager.talk.drop("log/svc:/web:default", "nothing", "lock")
    close_all(fds)
    manager.kill()  # at once: what was sent counts
    successor = place.next("manager")
    items = successor.talk.list("").items
    assert os.pread(items["state"], 10, 0) == b"three"
    assert os.pread(items["in/\udcff"], 10, 0) == b"three"
    assert "log/svc:/web:default" not in items and "lock" in items
    close_all(list(items.values()))


def test_hundreds_of_descriptors_in_batches(place: Place) -> None:
    manager, _ = place.both()
    reader, writer = os.pipe()
    names = [f"log/svc:/a-long-name-{'x' * 200}-{n}" for n in range(700)]
    manager.talk.put(dict.fromkeys(names, reader))
    items = manager.talk.list("log/").items
    assert list(items) == names
    assert len(os.listdir(f"/proc/{place.pid}/fd")) > 700
    manager.talk.drop(*names)
    assert manager.talk.list("log/").items == {}
    close_all([reader, writer, *items.values()])


def test_wanted_names_are_relayed(place: Place) -> None:
    manager, recorder = place.both()
    recorder.talk.want("log/")
    assert recorder.talk.list("log/").items == {}  # so the want has been heard
    fd = memory(b"x")
    manager.talk.put({"log/a": fd, "in/a": fd, "log/b": fd})
    packet = recorder.packet("ITEM")
    assert packet.args == ("log/a", "log/b") and len(packet.fds) == 2
    assert os.pread(packet.fds[0], 1, 0) == b"x"
    close_all([fd, *packet.fds])


# -- exits and signals ---------------------------------------------------------------------------


def test_exits_of_the_dead_managers_children_are_told_until_acknowledged(place: Place) -> None:
    manager, _ = place.both()
    manager.talk.ready()
    first = int(manager.do("result = sleeper(7)"))
    second = int(manager.do("result = sleeper(7)"))
    starts = {pid: start_time(pid) for pid in (first, second)}
    manager.kill()
    successor = place.next("manager")
    until(lambda: parent(first) == place.pid, "the keeper is no subreaper")
    os.kill(second, signal.SIGKILL)
    told = Exit.of(successor.packet("EXIT"))
    assert (told.pid, told.start, told.status) == (second, starts[second], signal.SIGKILL)
    assert told.code in SIGNALLED
    place.let_go()
    told = Exit.of(successor.packet("EXIT"))
    assert (told.pid, told.start, told.code, told.status) == (
        first,
        starts[first],
        os.CLD_EXITED,
        7,
    )
    assert [e.pid for e in successor.talk.list("none").exits] == [second, first]
    successor.talk.ack(told.seq - 1)
    assert [e.pid for e in successor.talk.list("none").exits] == [first]
    successor.kill()
    third = place.next("manager")
    assert [e.pid for e in third.talk.list("none").exits] == [first]
    third.talk.ack(told.seq)
    assert third.talk.list("none").exits == []


def test_the_cgroup_of_an_exit_is_that_of_the_process(place: Place) -> None:
    manager, _ = place.both()
    child = int(manager.do("result = sleeper()"))
    group = keeper_module.cgroup(child)
    manager.kill()
    successor = place.next("manager")
    place.let_go()
    assert Exit.of(successor.packet("EXIT")).cgroup == group


def test_the_mark_of_an_exit_is_that_of_the_process(place: Place) -> None:
    manager, _ = place.both()
    child = int(manager.do("result = sleeper()"))
    hard = resource.prlimit(child, limits.LOCKS)[1]
    resource.prlimit(child, limits.LOCKS, (4242, hard))
    assert limits.mark_of(child) == 4242
    manager.kill()
    successor = place.next("manager")
    place.let_go()
    assert Exit.of(successor.packet("EXIT")).mark == 4242


def test_signals_wait_for_a_manager_that_serves_and_are_counted(place: Place) -> None:
    manager, _ = place.both()
    for signo in (signal.SIGHUP, signal.SIGTERM, signal.SIGRTMIN + 3):
        os.kill(place.pid, signo)
        until(lambda signo=signo: not pending(place.pid, signo), "a signal is not taken")
    manager.talk.list("none")
    assert not [p for p in manager.talk.receive() if p.verb == "SIGNAL"]
    manager.talk.ready()
    got = {manager.packet("SIGNAL").args for _ in range(3)}
    assert got == {(str(int(s)), "1") for s in (signal.SIGHUP, signal.SIGTERM, signal.SIGRTMIN + 3)}
    assert place.process is not None and place.process.poll() is None


def pending(pid: int, signo: int) -> bool:
    """Whether a signal still waits in the kernel for this process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("ShdPnd", "SigPnd"))]
    return any(mask >> (signo - 1) & 1 for mask in masks)


def test_a_signal_that_a_dead_manager_did_not_read_goes_to_the_next(place: Place) -> None:
    manager, _ = place.both()
    manager.talk.ready()
    manager.talk.list("none")
    os.kill(place.pid, signal.SIGUSR1)
    poll = select.poll()
    poll.register(manager.talk, select.POLLIN)
    assert poll.poll(PATIENCE * 1000)
    manager.kill()
    successor = place.next("manager")
    successor.talk.ready()
    assert successor.packet("SIGNAL").args == (str(int(signal.SIGUSR1)), "1")


def test_two_requests_to_end_are_obeyed_when_no_manager_ever_served(place: Place) -> None:
    _, recorder = place.both()
    recorder.talk.ready()  # else it would be waited for at the end
    os.kill(place.pid, signal.SIGTERM)
    until(lambda: not pending(place.pid, signal.SIGTERM), "TERM is not taken")
    assert place.process is not None and place.process.poll() is None
    os.kill(place.pid, signal.SIGINT)
    assert place.ended() == 1


# -- restarting ----------------------------------------------------------------------------------


def test_one_that_served_is_replaced_and_told_of_the_death(place: Place) -> None:
    manager, recorder = place.both()
    manager.talk.ready()
    manager.kill()
    successor = place.next("manager")
    hello = successor.hello()
    assert (hello.generation, hello.last_pid, hello.last_status) == (2, manager.pid, -9)
    assert hello.failures == 0 and successor.state == "-"
    recorder.tell("os._exit(3)")
    hello = place.next("recorder").hello()
    assert (hello.last_pid, hello.last_status, hello.failures) == (recorder.pid, 3, 1)


def test_a_manager_that_never_serves_goes_on_without_state_then_a_person_is_called(
    place: Place,
) -> None:
    place.start(programs=[*place.manager, ";", *place.recorder, ";", *place.emergency])
    recorder = place.next("recorder")
    for life in range(8):
        manager = place.next("manager")
        hello = manager.hello()
        assert hello.failures == life
        assert manager.state == ("aside" if life >= 4 else "-")
        assert ("state-aside" in hello.flags) == (life >= 4)
        manager.tell("os._exit(1)")
    emergency = place.next("emergency")
    assert emergency.channel is None
    until(lambda: "trouble manager" in (place.run / "keeper").read_text(), "no status file")
    assert "no manager gets ready" in place.log.read_text()
    assert recorder.do("result = 1") == "1"
    assert "next try in 10 s" in place.log.read_text()


def test_a_program_that_cannot_be_executed_is_no_disaster(place: Place) -> None:
    place.start(programs=["/nonexistent/program", ";", *place.recorder])
    assert place.next("recorder").hello().generation == 1
    until(
        lambda: place.log.read_text().count("cannot start manager") >= 3, "not said, or not tried"
    )


@pytest.mark.parametrize(
    ("level", "seconds"),
    [(0, 0), (1, 0), (2, 0.1), (3, 0.2), (4, 0.4), (8, 6.4), (9, 10), (999, 10)],
)
def test_pause_doubles_up_to_ten_seconds(level: int, seconds: float) -> None:
    assert keeper_module.pause(level) == pytest.approx(seconds)


# -- stopping ------------------------------------------------------------------------------------

STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN)\\n"


def test_stop_ends_everything_below_and_the_recorder_last(place: Place) -> None:
    manager, recorder = place.both()
    manager.talk.ready()
    child = int(manager.do("result = sleeper()"))
    stubborn = int(manager.do(f"result = sleeper(0, '{STUBBORN}')"))
    pidfds = [os.pidfd_open(pid) for pid in (child, stubborn)]
    until(lambda: ignores_term(stubborn), "the stubborn one does not get there")
    witness = "signal.signal(15, lambda *_: os._exit(0 if not any(map(alive, others)) else 9))"
    recorder.do(f"others = {[child, stubborn, manager.pid]}")
    recorder.do("alive = lambda pid: os.path.exists(f'/proc/{pid}')")
    recorder.do(witness)
    recorder.talk.ready()
    manager.talk.stop(7, 0.5)
    assert place.ended() == 7
    for fd in pidfds:
        assert select.select([fd], [], [], 0)[0]
        os.close(fd)
    manager.gone()
    recorder.gone()
    assert f"recorder {recorder.pid} ended with status 0" in place.log.read_text()
    assert not (place.run / "control").exists() and not (place.run / "keeper").exists()


def ignores_term(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))
    return bool(mask >> (signal.SIGTERM - 1) & 1)


def test_a_recorder_that_dies_while_all_stops_has_a_successor_that_is_asked_when_ready(
    place: Place,
) -> None:
    manager, recorder = place.both()
    manager.talk.ready()
    recorder.talk.ready()
    reader, writer = os.pipe()
    os.write(writer, b"the last line\n")
    os.close(writer)
    manager.talk.put({"log/a": reader, "in/a": reader, "rec/a": reader, "file/a": reader})
    recorder.do("signal.signal(15, signal.SIG_IGN)")
    manager.talk.stop(7, 600)
    until(lambda: set(recorder.talk.list("in/").items) == set(), "the last step does not come")
    recorder.kill()
    successor = place.next("recorder")
    items = successor.talk.list().items
    assert set(items) == {"lock", "link/recorder", "log/a", "rec/a", "file/a"}
    assert os.read(items["log/a"], 99) == b"the last line\n"
    successor.do("signal.signal(15, lambda *_: os._exit(0))")
    assert place.process is not None and place.process.poll() is None
    successor.talk.ready()
    assert place.ended() == 7
    assert f"recorder {successor.pid} ended with status 0" in place.log.read_text()
    os.close(reader)


def test_no_recorder_can_be_had_at_the_end_and_it_comes_all_the_same(place: Place) -> None:
    manager, recorder = place.both()
    manager.talk.ready()
    recorder.talk.ready()
    recorder.do("signal.signal(15, signal.SIG_IGN)")
    manager.talk.stop(7, 600)
    manager.gone()
    recorder.kill()
    for _ in range(keeper_module.MOST_DRAINS):
        place.next("recorder").kill()
    assert place.ended() == 7


def test_a_second_request_while_stopping_ends_the_grace(place: Place) -> None:
    manager, recorder = place.both()
    manager.talk.ready()
    manager.do("signal.signal(15, signal.SIG_IGN)")
    recorder.talk.ready()
    manager.talk.stop(4, 100_000)
    until(lambda: "stopping with status 4" in place.log.read_text(), "it does not stop")
    os.kill(place.pid, signal.SIGINT)
    assert place.ended() == 4
    assert f"manager {manager.pid} ended with signal 9" in place.log.read_text()


def test_nothing_is_inherited_by_mistake_and_missing_descriptors_are_made(place: Place) -> None:
    reader, writer = os.pipe()
    closing = "import os, sys; os.closerange(0, 3); os.execv(sys.argv[1], sys.argv[1:])"
    argv = [*PYTHON, "-c", closing, *place.argv()]
    place.process = subprocess.Popen(argv, pass_fds=[writer])
    os.close(writer)
    place.next("manager")
    assert select.select([reader], [], [], PATIENCE)[0]
    assert os.read(reader, 1) == b""
    assert os.readlink(f"/proc/{place.pid}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{place.pid}/fd/2") == str(place.log)
    os.close(reader)


def test_what_is_held_is_not_inherited_by_who_is_started(place: Place) -> None:
    manager, _ = place.both()
    reader, writer = os.pipe()
    manager.talk.put({"in/a": writer})
    os.close(writer)
    os.close(manager.talk.list("in/").items["in/a"])  # it has been heard
    manager.kill()
    successor = place.next("manager")
    successor.talk.drop("in/a")
    assert select.select([reader], [], [], PATIENCE)[0]
    assert os.read(reader, 1) == b"", "the successor has it too"
    os.close(reader)


def test_stop_lets_the_recorder_see_the_end_of_what_is_held(place: Place) -> None:
    manager, recorder = place.both()
    reader, writer = os.pipe()
    manager.talk.put({"log/a": reader, "in/a": writer})
    assert set(manager.talk.list("log/").items) == {"log/a"}
    recorder.do("signal.signal(15, signal.SIG_IGN)")
    os.close(writer)
    manager.talk.stop(0, 60)
    manager.gone()
    assert select.select([reader], [], [], PATIENCE)[0]
    assert os.read(reader, 1) == b""
    recorder.tell("os._exit(0)")
    assert place.ended() == 0


# -- succession ----------------------------------------------------------------------------------


def test_exec_goes_on_with_programs_names_exits_and_signals(place: Place) -> None:
    manager, recorder = place.both()
    manager.talk.ready()
    fd = memory(b"state")
    manager.talk.put({"state": fd})
    recorder.talk.want("log/")
    recorder.talk.list("none")
    orphan = int(manager.do("pid = os.fork(); result = pid if pid else os._exit(sleeper(7) and 0)"))
    manager.do(f"os.waitpid({orphan}, 0)")
    place.let_go()
    told = Exit.of(manager.packet("EXIT"))
    assert told.status == 7
    manager.talk.exec(place.argv())
    taken = Hello.of(manager.packet("TAKEN"))
    assert (taken.version, taken.generation, taken.failures) == (1, 1, 0)
    assert (taken.keeper, list(taken.command)) == (place.pid, place.argv())
    assert recorder.packet("TAKEN").args[1] == "1"
    listing = manager.talk.list("")
    assert listing.exits == [told]
    assert os.pread(listing.items["state"], 10, 0) == b"state"
    assert {"lock", "listen/control", "link/manager", "link/recorder"} <= set(listing.items)
    os.kill(place.pid, signal.SIGHUP)
    assert manager.packet("SIGNAL").args == ("1", "1")
    manager.talk.put({"log/a": fd})
    packet = recorder.packet("ITEM")
    assert packet.args == ("log/a",)
    assert parent(manager.pid) == place.pid
    recorder.kill()
    assert place.next("recorder").hello().generation == 2
    second = subprocess.run(place.argv(), capture_output=True, timeout=PATIENCE)
    assert second.returncode == 75
    close_all([fd, *packet.fds, *listing.items.values()])


def test_a_program_that_dies_during_exec_is_replaced(place: Place) -> None:
    manager, recorder = place.both()
    manager.talk.ready()
    os.kill(place.pid, signal.SIGSTOP)
    manager.talk.exec(place.argv())
    recorder.kill()
    os.kill(place.pid, signal.SIGCONT)
    assert place.next("recorder").hello().generation == 2
    manager.packet("TAKEN")


def test_exec_of_what_cannot_be_executed_changes_nothing(place: Place) -> None:
    manager, _ = place.both()
    manager.talk.exec(["/nonexistent/program"])
    refused = manager.packet("REFUSED")
    assert refused.args[0] == "EXEC"
    fd = memory(b"x")
    manager.talk.put({"state": fd})
    assert set(manager.talk.list("state").items) == {"state"}
    os.close(fd)


def test_exec_without_a_descriptor_to_spare_changes_nothing(place: Place) -> None:
    manager, recorder = place.both()
    before = resource.prlimit(place.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(place.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    manager.talk.exec(place.argv())
    assert manager.packet("REFUSED").args[0] == "EXEC"
    resource.prlimit(place.pid, resource.RLIMIT_NOFILE, before)
    recorder.kill()
    assert place.next("recorder").hello().generation == 2, "the keeper hears no signals"


def test_exec_is_not_in_the_way_of_an_end_that_was_asked_for(place: Place) -> None:
    manager, recorder = place.both()
    recorder.talk.ready()
    os.kill(place.pid, signal.SIGSTOP)
    manager.talk.exec(place.argv())
    manager.talk.stop(5, 60)
    os.kill(place.pid, signal.SIGCONT)
    assert place.ended() == 5


def test_exec_of_another_program_hands_over_the_names_asked_for(place: Place) -> None:
    manager, _ = place.both()
    fd = memory(b"x")
    manager.talk.put({"state": fd, "log/a": fd})
    out = place.log.parent / "out"
    code = (
        "import os; fd = int(os.environ['STOKER_TAKE']); os.lseek(fd, 0, 0);"
        f"open({str(out)!r}, 'wb').write(os.read(fd, 100000))"
    )
    manager.talk.exec([*PYTHON, "-c", code], keep=["log/"])
    assert place.ended() == 0
    data = out.read_bytes()
    assert data.startswith(struct.pack("<I", 17) + b"STOKER-HANDOVER\x001") and data.endswith(
        b"END"
    )
    assert b"log/a" in data and b"lock" in data and b"state" not in data
    os.close(fd)


def test_a_manager_that_lost_its_keeper_becomes_one(place: Place) -> None:
    manager, _ = place.both()
    manager.talk.ready()
    fd = memory(b"state")
    manager.talk.put({"state": fd})
    child = int(manager.do("result = sleeper(5)"))
    assert place.process is not None
    manager.talk.list("none")
    place.process.kill()
    place.process.wait()
    with pytest.raises(EOFError):
        manager.packet("nothing more comes")
    manager.do("words = ['STOKER-HANDOVER\\0001', 'END']")
    manager.do("state = os.memfd_create('s'); os.write(state, b'state')")
    manager.do("words.insert(1, f'NAME\\0{state}\\0state')")
    manager.do("take = os.memfd_create('t')")
    manager.do("[os.write(take, struct.pack('<I', len(w)) + w.encode()) for w in words]")
    manager.do("[os.set_inheritable(fd, True) for fd in (take, state)]")
    argv = place.argv("--take", "TAKE")
    manager.do(f"argv = {argv}")
    manager.tell("os.execv(argv[0], [str(take) if w == 'TAKE' else w for w in argv])")
    successor = place.next("manager")
    assert parent(successor.pid) == manager.pid
    items = successor.talk.list("").items
    assert os.pread(items["state"], 10, 0) == b"state"
    place.let_go()
    told = Exit.of(successor.packet("EXIT"))
    assert (told.pid, told.status) == (child, 5)
    place.next("recorder").talk.ready()
    successor.talk.stop(0, 5)
    manager.gone()
    close_all([fd, *items.values()])


@pytest.mark.parametrize("data", [b"", b"garbage", struct.pack("<I", 99) + b"STOKER-HANDOVER\x001"])
def test_a_broken_handover_is_refused(place: Place, data: bytes) -> None:
    fd = memory(data)
    argv = place.argv("--take", str(fd))
    result = subprocess.run(argv, pass_fds=[fd], capture_output=True, timeout=PATIENCE)
    assert result.returncode == 1
    assert b"handover" in result.stderr
    os.close(fd)


# -- garbage -------------------------------------------------------------------------------------

VERBS = ["HELLO", "LIST", "PUT", "DROP", "WANT", "ACK", "READY", "SIGNAL", "", "on_list", "\udcff"]


def random_packet(chance: random.Random) -> bytes:
    """Anything but a STOP or EXEC that could be meant."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.choice([0, 1, 10, 1000, 60_000]))
    words = [chance.choice([*VERBS, "STOP", "EXEC", "list"])]
    for _ in range(chance.randrange(5)):
        words.append(chance.choice(["", "x", "-1", "nan", "1e999", "9" * 400, "lock", "a" * 2000]))
    return "\0".join(words).encode("utf-8", "surrogateescape")


def sent(channel: Channel, data: bytes, fds: list[int]) -> bool:
    """Whether the keeper takes this packet now; it reads no more while we do not."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))]
    try:
        channel._end.sendmsg([data], rights if fds else [])
    except BlockingIOError:
        poll = select.poll()
        poll.register(channel, select.POLLIN | select.POLLOUT)
        assert poll.poll(PATIENCE * 1000), "the keeper neither takes nor answers"
        return False
    except OSError as error:
        if error.errno != errno.ETOOMANYREFS:
            raise
        return False  # as an ordinary user: it reads no more while we do not, and we shall
    return True


def drain(channel: Channel) -> None:
    for packet in channel.receive():
        packet.close()


def test_random_packets_do_no_harm(place: Place) -> None:
    manager, recorder = place.both()
    chance = random.Random(20261120)
    fd = memory(b"x")
    for puppet in (manager, recorder):
        for _ in range(2000):
            packet = random_packet(chance)
            fds = [fd] * chance.choice([0, 0, 0, 1, 3, 250])
            while not sent(puppet.talk, packet, fds):
                drain(puppet.talk)
        while not sent(puppet.talk, b"FENCE", []):
            drain(puppet.talk)
        while puppet.packet("REFUSED").args[0] != "FENCE":
            pass
        listing = puppet.talk.list("link/")
        assert set(listing.items) == {"link/manager", "link/recorder"}
        close_all(list(listing.items.values()))
    os.close(fd)
    assert place.process is not None and place.process.poll() is None
    log = place.log.read_text()
    assert 0 < log.count("refused") <= 40
    assert "mistake" not in log
    assert len(os.listdir(f"/proc/{place.pid}/fd")) < 40


def test_a_program_that_does_not_read_is_not_listened_to_but_disturbs_nobody(place: Place) -> None:
    manager, recorder = place.both()
    recorder.talk._patience = 0.5
    with pytest.raises(TimeoutError):
        flood(recorder.talk)
    listing = manager.talk.list("link/")
    assert len(listing.items) == 2
    close_all(list(listing.items.values()))
    recorder.kill()
    assert place.next("recorder").hello().generation == 2


def flood(channel: Channel) -> None:
    """Ask and never read the answers."""
    for _ in range(1_000_000):
        channel.send("LIST", "")


def test_a_closed_channel_does_not_wake_the_keeper(place: Place) -> None:
    manager, recorder = place.both()
    recorder.talk._end.shutdown(socket.SHUT_RDWR)
    until(lambda: watched(place.pid) == 2, "a dead channel is still watched")
    assert manager.talk.list("none").items == {}
    recorder.kill()
    assert place.next("recorder").hello().generation == 2
    assert watched(place.pid) == 3


def watched(pid: int) -> int:
    """How many descriptors are in the epoll set of a process (proc(5), fdinfo)."""
    infos = (file.read_text() for file in Path(f"/proc/{pid}/fdinfo").iterdir())
    return sum(info.count("tfd:") for info in infos)


def test_only_the_manager_may_end_or_replace_the_keeper(place: Place) -> None:
    _, recorder = place.both()
    recorder.talk.stop(0, 0)
    recorder.talk.exec(["/bin/true"])
    recorder.talk.ack(0)
    refused = [recorder.packet("REFUSED").args[0] for _ in range(3)]
    assert refused == ["STOP", "EXEC", "ACK"]


# -- a machine -----------------------------------------------------------------------------------


FINISH = "import os, sys; open(sys.argv[1], 'w').write(' '.join([str(os.getpid()), *sys.argv[2:]]))"


def a_machine(place: Place) -> tuple[Puppet, Puppet, Puppet]:
    """A keeper with a director, and what it executes at the end."""
    director = [*place.manager[:-1], "director"]
    finish = [*PYTHON, "-c", FINISH, f"{place.run}.end"]
    programs = [place.manager, place.recorder, place.emergency, director, finish]
    place.start(programs=[word for one in programs for word in (";", *one)][1:])
    return place.next("manager"), place.next("recorder"), place.next("director")


def test_a_director_gets_the_signals_and_the_last_word(place: Place) -> None:
    manager, recorder, director = a_machine(place)
    manager.talk.ready()
    director.talk.ready()
    os.kill(place.pid, signal.SIGPWR)
    assert director.packet("SIGNAL").args == (str(int(signal.SIGPWR)), "1")

    manager.talk.stop(0, 1.0)
    assert director.packet("WANTED").args == ("STOP", "0", "1.0")
    director.kill()
    director = place.next("director")
    assert director.packet("WANTED").args == ("STOP", "0", "1.0"), "told to each that has to know"
    manager.talk.send("LIST", "")
    assert not [one for one in manager.talk.wait(PATIENCE) if one.verb in ("SIGNAL", "REFUSED")]

    recorder.talk.ready()
    recorder.talk.stop(0, 0.0)
    assert "only the manager or director" in recorder.packet("REFUSED").args[1]
    director.talk.stop(0, 0.0, "poweroff", "now")
    for puppet in (manager, director, recorder):
        puppet.gone()
    assert place.ended() == 0
    told = Path(f"{place.run}.end").read_text().split()
    assert told == [str(place.pid), "poweroff", "now"], "the keeper itself became what ends it"


def test_what_a_director_was_told_is_known_to_the_keepers_successor(place: Place) -> None:
    manager, _, director = a_machine(place)
    command = manager.hello().command
    manager.talk.ready()
    director.talk.ready()
    manager.talk.stop(3, 1.0)
    assert director.packet("WANTED").args == ("STOP", "3", "1.0")
    manager.talk.exec(list(command))
    assert director.packet("TAKEN").args[1] == "1"
    assert director.packet("WANTED").args == ("STOP", "3", "1.0")
    director.kill()
    assert place.next("director").packet("WANTED").args == ("STOP", "3", "1.0")


def test_a_signal_that_a_dead_director_did_not_read_goes_to_the_next(place: Place) -> None:
    _, _, director = a_machine(place)
    director.talk.ready()
    director.talk.list("nothing")
    os.kill(place.pid, signal.SIGWINCH)
    until(lambda: select.select([director.talk], [], [], 0)[0], "the signal is not passed on")
    director.kill()
    successor = place.next("director")
    successor.talk.ready()
    assert successor.packet("SIGNAL").args == (str(int(signal.SIGWINCH)), "1")


def test_a_machine_is_not_ended_by_impatience(place: Place) -> None:
    _, _, director = a_machine(place)
    for _ in range(3):
        os.kill(place.pid, signal.SIGTERM)
    director.talk.ready()
    assert director.packet("SIGNAL").args[0] == str(int(signal.SIGTERM))
    assert place.process is not None and place.process.poll() is None


# -- PID 1 ---------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace needs root")
@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare(1)")
def test_as_pid_1_it_reaps_orphans_and_ends_with_the_status(place: Place) -> None:
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    argv = place.argv("--pid1")
    # In the namespace pids are others, so the puppet tells, and the test asks, only through it.
    place.process = subprocess.Popen([*unshare, *argv], stdin=subprocess.DEVNULL)
    link, _ = place.door.accept()
    links = {}
    for each in (link, place.door.accept()[0]):
        each.settimeout(PATIENCE)
        data, fds, _, _ = socket.recv_fds(each, 4096, 1)
        links[data.split()[0]] = (each, Channel(socket.socket(fileno=fds[0]), PATIENCE))
    links[b"recorder"][1].ready()
    link, channel = links[b"manager"]
    file = link.makefile("rw")
    channel.ready()

    def do(line: str) -> str:
        print(line, file=file, flush=True)
        return file.readline().strip()

    assert do("result = os.getppid()") == "1"
    orphan = do(
        "r, w = os.pipe(); pid = os.fork() or os._exit(os.write(w, b'%d' % sleeper(6)) * 0)"
    )
    assert orphan == "None"
    pid = int(do("os.waitpid(pid, 0); result = int(os.read(r, 20))"))
    place.let_go()
    deadline = time.monotonic() + PATIENCE
    exits: list[Exit] = []
    while not exits and time.monotonic() < deadline:
        exits = [Exit.of(p) for p in channel.wait(PATIENCE) if p.verb == "EXIT"]
    assert [(e.pid, e.status) for e in exits] == [(pid, 6)]
    do("os.kill(1, signal.SIGTERM)")
    signals: list[Packet] = []
    while not signals and time.monotonic() < deadline:
        signals = [p for p in channel.wait(PATIENCE) if p.verb == "SIGNAL"]
    assert signals[0].args == ("15", "1")
    channel.stop(130, 5)
    assert place.ended() == 130
    file.close()
    for each, end in links.values():
        end.close()
        each.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace needs root")
@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare(1)")
def test_as_pid_1_without_a_place_it_lets_a_person_in(place: Place) -> None:
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    programs = [*place.manager, ";", *place.recorder, ";", *place.emergency]
    argv = place.argv("--pid1", programs=programs)
    argv[argv.index("--run") + 1] = "/proc/cannot/be/made"
    place.process = subprocess.Popen([*unshare, *argv], stdin=subprocess.DEVNULL)
    for _ in range(2):  # it comes again when it ends
        link, _ = place.door.accept()
        link.settimeout(PATIENCE)
        assert link.recv(4096).split()[0] == b"emergency"
        link.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace needs root")
@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare(1)")
@pytest.mark.skipif(not os.path.exists("/dev/console"), reason="no console to stand in for")
def test_as_pid_1_a_person_is_let_in_on_the_console(place: Place) -> None:
    console, said = place.log.with_name("console"), place.log.with_name("said")
    console.touch()
    code = (
        f"import sys; sys.path.append({str(Path(KEEPER).parents[1])!r}); "
        "from stoker import keeper; keeper.GIVEN_UP = 1; sys.exit(keeper.main(sys.argv[1:]))"
    )
    shell = "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; echo a person may type here"
    programs = ["/bin/false", ";", *place.recorder, ";", "/bin/sh", "-c", shell]
    words = place.argv("--pid1", programs=programs)
    argv = [*PYTHON, "-c", code, *words[len(PYTHON) + 1 :]]
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    bind = ["/bin/sh", "-c", 'mount --bind "$0" /dev/console && exec "$@"', str(console)]
    with said.open("wb") as stderr:
        place.process = subprocess.Popen([*unshare, *bind, *argv], stderr=stderr)
    until(lambda: "type here" in console.read_text(), "nobody is let in")
    assert console.read_text().splitlines()[:3] == ["/dev/console"] * 3
    assert "no manager gets ready; what runs is left running; next try in 60 s" in said.read_text()
    assert "no manager gets ready" in place.log.read_text()


# -- without a process ---------------------------------------------------------------------------


def test_nothing_due_means_no_wake_up(tmp_path: Path) -> None:
    keeper = keeper_module.Keeper(str(tmp_path), "s", "l", [["m"], ["r"]])
    assert keeper.timeout() == 0.0  # both are to be started
    for program in keeper.programs:
        program.restart_at = None
    assert keeper.timeout() is None
    keeper.manager.restart_at = time.monotonic() + 100
    assert 90 < (keeper.timeout() or 0) <= 100


def test_the_oldest_exits_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "MOST_EXITS", 3)
    keeper = keeper_module.Keeper(str(tmp_path), "s", "l", [["m"], ["r"]])
    keeper.reap()  # what other tests in this process have left
    keeper.exits.clear()
    before = keeper.seq
    for status in range(5):
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {status}"], {})
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        keeper.reap()
    assert keeper.flags(keeper.manager) == "exits-lost"
    keeper.manager.pid = 1  # as though it lived: the dead are not answered
    keeper.on_list(keeper.manager, [""], [])
    answer = [p for p in keeper.manager.queue if isinstance(p, bytes)]
    told = [p.split(b"\0")[1::4][:2] for p in answer[:-1]]
    assert [(int(seq) - before, status) for seq, status in told] == [
        (3, b"2"),
        (4, b"3"),
        (5, b"4"),
    ]
    keeper.on_ack(keeper.manager, [str(before + 4)], [])
    assert keeper.flags(keeper.manager) == ""
    assert [int(p.split(b"\0")[1]) - before for p in keeper.exits] == [5]


def test_batches_fit_a_packet() -> None:
    names = [f"{n}" + "ä" * (n % 498) for n in range(600)]
    assert max(len(name.encode()) for name in names) <= keeper_module.LONGEST
    batches = list(keeper_module.batches(names))
    assert [name for batch in batches for name in batch] == names
    for batch in batches:
        assert len(batch) <= 250
        assert len(keeper_module.pack("ITEM", *batch)) < 65536


def test_the_lock_is_a_flock(place: Place) -> None:
    place.both()
    with open(place.run / "lock") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


class Clock:
    """Time that only passes when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(keeper_module, "now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def still(directory: Path, pid1: bool = False) -> keeper_module.Keeper:
    """A keeper that starts nothing, whose programs live and die by the test's word."""
    programs = [["m"], ["r"], ["/nonexistent/shell"]]
    return keeper_module.Keeper(str(directory), "s", "l", programs, pid1)


def life(keeper: keeper_module.Keeper, clock: Clock, lasts: float | None) -> float:
    """One life of the manager, READY for so many seconds if at all; how long until the next."""
    keeper.manager.pid = 1
    if lasts is not None:
        keeper.on_ready(keeper.manager, [], [])
        clock.now += lasts
    keeper.died(keeper.manager, 1)
    assert keeper.manager.restart_at is not None
    return keeper.manager.restart_at - clock.now


@pytest.mark.parametrize(("pid1", "longest"), [(False, 10.0), (True, 60.0)])
def test_the_pause_grows_with_deaths_before_ready(
    tmp_path: Path, clock: Clock, pid1: bool, longest: float
) -> None:
    keeper = still(tmp_path, pid1)
    waits = [life(keeper, clock, None) for _ in range(9)]
    assert waits == pytest.approx([0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, longest, longest])
    assert "trouble manager" in (tmp_path / "keeper").read_text()


def test_one_that_served_is_replaced_at_once_but_only_health_makes_good_for_deaths(
    tmp_path: Path, clock: Clock
) -> None:
    keeper = still(tmp_path)
    assert [life(keeper, clock, None) for _ in range(3)] == pytest.approx([0, 0.1, 0.2])
    assert life(keeper, clock, 59.9) == 0
    assert keeper.manager.failures == 0
    assert life(keeper, clock, None) == pytest.approx(0.4)  # it goes on where it was
    assert life(keeper, clock, 60.0) == 0
    assert [life(keeper, clock, None) for _ in range(2)] == pytest.approx([0, 0.1])


def test_what_is_due_later_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    keeper = still(tmp_path)
    keeper.recorder.restart_at = None
    for _ in range(4):
        life(keeper, clock, None)
    assert keeper.timeout() == pytest.approx(0.4)
    clock.now += 0.3
    assert keeper.timeout() == pytest.approx(0.1)
    clock.now += 1
    assert keeper.timeout() == 0
