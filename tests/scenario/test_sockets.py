"""Sockets that are opened for a service: held over every end, and who comes first starts it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.testing import Scenario

SERVER = """
import os, socket
assert int(os.environ["LISTEN_PID"]) == os.getpid()
assert os.environ["LISTEN_FDNAMES"] == "calls:" + os.environ["STOKER_FMRI"][5:-8]
held = socket.socket(fileno=3)
while True:
    taken, _ = held.accept()
    taken.sendall(b"%d" % os.getpid())
    taken.close()
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Scenario]:
    """One place for all tests here, each with a service of its own."""
    with Scenario() as made:
        made.toml("other", 'exec_start = ["sleep", "infinity"]\n')
        made.up()
        yield made


def define(place: Scenario, service: str, text: str, state: str = "online") -> None:
    """A new service, and wait until it is so."""
    place.toml(service, text)
    assert place.stoker("reload").status in (0, 1)  # 1 where something is in maintenance
    place.wait_for(service, state)


@pytest.fixture
def name() -> str:
    """In the abstract name space: nothing to clean up, and no path that is too long."""
    return f"stoker-{uuid.uuid4().hex}"


@pytest.fixture
def loopback() -> str:
    """An address that no other test has."""
    return f"127.{'.'.join(str(byte) for byte in uuid.uuid4().bytes[:3])}"


def call(name: str) -> str:
    """What one who calls is told, however long that takes; "" when the connection was dropped."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(60)
        caller.connect(f"\0{name}")
        return caller.makefile().read()


def refused(name: str) -> bool:
    """Whether nobody listens. The keeper lets go of a socket a moment after it is told to: who
    comes in between is taken in, and dropped.
    """
    try:
        call(name)
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # he was
        pass
    return False


def server(place: Scenario, service: str, name: str, more: str = "", state: str = "online") -> None:
    program = place.file("server.py", SERVER)
    define(
        place,
        service,
        f"""
        exec_start = ["{sys.executable}", "-I", "-S", "{program}"]
        {more}
        [[listen]]
        address = "@{name}"
        name = "calls"
        [[listen]]
        address = "@{name}.2"
        type = "datagram"
        """,
        state,
    )


def test_nobody_is_refused_while_it_or_we_begin_again(place: Scenario, name: str) -> None:
    gate = place.file("gate", "")
    before = f"until [ -e {gate} ]; do sleep 0.05; done"
    server(place, "held", name, f'exec_start_pre = "{before}"\nexec_start_pre_timeout = "5min"')
    first = call(name)
    assert int(first) == place.pid("held")
    gate.unlink()
    os.kill(int(first), signal.SIGKILL)
    place.gone(int(first))
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.settimeout(60)
        waiting.connect(f"\0{name}")  # nobody is there to take it
        os.kill(place.manager(), signal.SIGKILL)
        gate.touch()
        second = waiting.makefile().read()
    place.wait_for("held", "online")
    assert int(second) == place.pid("held") != int(first)
    place.stoker("stop", "held").ok()
    place.until(lambda: refused(name), "nobody listens")
    place.stoker("start", "held").ok()
    assert int(call(name)) == place.pid("held")


def test_who_comes_first_starts_it(place: Scenario, name: str) -> None:
    server(place, "first", name, 'activation = "first"')
    main = place.pid("first")
    assert "activator" in Path(f"/proc/{main}/cmdline").read_text()
    assert call(name) == str(main), "it became the program"
    os.kill(main, signal.SIGKILL)
    again = place.until(lambda: (pid := place.instance("first")["pid"]) != main and pid)
    assert int(call(name)) == again


def test_a_process_for_every_connection(place: Scenario, loopback: str) -> None:
    define(
        place,
        "echo",
        f"""
        exec_start = "echo $REMOTE_ADDR ${{LISTEN_FDS-none}}; exec cat"
        activation = {{ when = "each", copies = 2 }}
        [[listen]]
        address = "{loopback}:17018"
        """,
    )
    calls = [socket.create_connection((loopback, 17018), 60) for _ in range(3)]
    files = [one.makefile("rw") for one in calls]
    for one in files[:2]:
        assert one.readline() == "127.0.0.1 none\n"
    for one, file in zip(calls[:2], files[:2], strict=True):
        one.sendall(b"word\n")
        one.shutdown(socket.SHUT_WR)
        assert file.read() == "word\n"
    # The third was one too many, and is taken when one of them has ended.
    assert files[2].readline() == "127.0.0.1 none\n"
    for file, one in zip(files, calls, strict=True):
        file.close()
        one.close()


def test_one_process_at_a_time_with_the_socket(place: Scenario, name: str) -> None:
    program = place.file(
        "once.py",
        "import os, socket\nheld = socket.socket(fileno=0)\nword, who = held.recvfrom(99)\n"
        "held.sendto(b'%d ' % os.getpid() + word, who)\n",
    )
    define(
        place,
        "once",
        f"""
        exec_start = ["{sys.executable}", "-I", "-S", "{program}"]
        activation = {{ when = "wait", failures = 2, within = "1h" }}
        [[listen]]
        address = "@{name}"
        type = "datagram"
        [restart]
        limit = 0
        """,
    )
    answers = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.bind("")  # a name of the kernel's choice
        caller.settimeout(60)
        for word in (b"one", b"two"):
            caller.sendto(word, f"\0{name}")
            answers.append(caller.recv(99).split())
        assert [answer[1] for answer in answers] == [b"one", b"two"]
        assert answers[0][0] != answers[1][0]
        caller.sendto(b"three", f"\0{name}")
        place.wait_for("once", "maintenance")
    assert "started more than 2 times" in place.stoker("logs", "--plain", "once").ok().out


def test_an_address_that_is_taken_is_told(place: Scenario, name: str) -> None:
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(f"\0{name}")
        theirs.listen()
        server(place, "taken", name, "restart = { limit = 0 }", "maintenance")
    said = place.stoker("explain", "taken").out
    assert f"cannot listen on @{name}: Address already in use" in said
