"""Looks from outside: each kind, good and bad, and none of them waits in the loop."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from stoker.model import Definition, Health, Probe, Ready, Step

A = "svc:/a:default"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def unused() -> str:
    """An address where nobody listens: bound, never listening, kept by the caller's process."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return address(held)


_HELD: list[socket.socket] = []


@pytest.fixture(autouse=True)
def nothing_held() -> Iterator[None]:
    yield
    while _HELD:
        _HELD.pop().close()


def healthy(bench: Any, probe: Probe) -> tuple[bool, str]:
    """What a health probe of a running instance answers."""
    health = Health("it", probe)
    definition = Definition(fmri=A, start=(Step(argv=("/bin/sleep", "600")),), health=(health,))
    bench.start(definition)
    bench.executor.probe_on(A, 1, ("it",), definition, 0.0)
    _fmri, _run, name, ok, text = bench.heard("probed")
    bench.executor.probe_off(A, 1, ("it",))
    assert name == "it"
    return ok, text


def serve(server: socket.socket, answer: bytes) -> None:
    """Answer one request."""

    def one() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    threading.Thread(target=one, daemon=True).start()


def test_tcp_where_somebody_listens(bench: Any, listener: socket.socket) -> None:
    assert healthy(bench, Probe("tcp", target=address(listener))) == (True, "")


def test_tcp_where_nobody_does(bench: Any) -> None:
    ok, text = healthy(bench, Probe("tcp", target=unused()))
    assert not ok
    assert "refused" in text


def test_tcp_without_a_port(bench: Any) -> None:
    assert healthy(bench, Probe("tcp", target="localhost"))[0] is False


def test_http_that_answers(bench: Any, listener: socket.socket) -> None:
    serve(listener, b"HTTP/1.1 204 No Content\r\n\r\n")
    assert healthy(bench, Probe("http", target=f"http://{address(listener)}/x")) == (True, "")


def test_http_that_answers_badly(bench: Any, listener: socket.socket) -> None:
    serve(listener, b"HTTP/1.1 503 Busy\r\n\r\n")
    ok, text = healthy(bench, Probe("http", target=f"http://{address(listener)}/"))
    assert not ok
    assert "503" in text


def test_http_that_talks_nonsense(bench: Any, listener: socket.socket) -> None:
    serve(listener, b"\x00\xff hello\n")
    ok, text = healthy(bench, Probe("http", target=f"http://{address(listener)}/"))
    assert not ok
    assert "no HTTP" in text


def test_http_that_never_answers(bench: Any, listener: socket.socket) -> None:
    probe = Probe("http", target=f"http://{address(listener)}/", timeout=0.2)
    ok, text = healthy(bench, probe)
    assert not ok
    assert "no answer" in text


def test_a_unix_socket(bench: Any) -> None:
    path = bench.path("socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        assert healthy(bench, Probe("unix", target="socket"))[0]


def test_a_unix_socket_that_is_not_there(bench: Any) -> None:
    ok, text = healthy(bench, Probe("unix", target="nowhere"))
    assert not ok
    assert "nowhere" in text


def test_a_file(bench: Any) -> None:
    with open(bench.path("there"), "w"):
        pass
    assert healthy(bench, Probe("file", target="there"))[0]


def test_a_program(bench: Any) -> None:
    probe = Probe("exec", argv=("/bin/sh", "-c", "kill -0 $MAINPID"), timeout=30.0)
    assert healthy(bench, probe) == (True, "")


def test_a_program_that_fails_is_quoted(bench: Any) -> None:
    probe = Probe(
        "exec", argv=("/bin/sh", "-c", "echo first; echo it is broken; exit 3"), timeout=30
    )
    assert healthy(bench, probe) == (False, "/bin/sh: it is broken")


def test_a_program_that_is_missing(bench: Any) -> None:
    ok, text = healthy(bench, Probe("exec", argv=("/nowhere/at-all",)))
    assert not ok
    assert "/nowhere/at-all" in text


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(bench: Any, alive: Any) -> None:
    script = "sleep 600 & echo $! > left; wait"
    ok, text = healthy(bench, Probe("exec", argv=("/bin/sh", "-c", script), timeout=1.0))
    assert not ok
    assert "no answer" in text
    left = int(bench.content("left"))
    bench.until(lambda: not alive(left))


def test_health_is_looked_at_again_and_again(bench: Any) -> None:
    health = Health("it", Probe("file", target="there", interval=0.01))
    definition = Definition(fmri=A, start=(Step(argv=("/bin/sleep", "600")),), health=(health,))
    bench.start(definition)
    bench.executor.probe_on(A, 1, ("it",), definition, 0.0)
    bench.heard("probed", count=3)
    with open(bench.path("there"), "w"):
        pass
    bench.until(lambda: bench.told.of("probed")[-1][3])
    assert [row[3] for row in bench.told.of("probed")[:3]] == [False] * 3


@pytest.mark.parametrize("kind", ["file", "probe"])
def test_readiness_that_is_looked_for(bench: Any, kind: str) -> None:
    probe = Probe("file", target="there") if kind == "probe" else None
    definition = Definition(
        fmri=A,
        start=(Step(argv=("/bin/sleep", "600")),),
        ready=Ready(kind=kind, probe=probe, path="there"),
    )
    bench.start(definition)
    bench.executor.probe_on(A, 1, ("ready",), definition, 0.0)
    bench.executor.turn_ends()
    assert bench.told.of("ready") == []
    with open(bench.path("there"), "w"):
        pass
    assert bench.heard("ready") == (A, 1, 0)
    assert bench.executor.runs[A].looks == {}


def test_a_name_that_has_to_be_resolved(bench: Any) -> None:
    if not os.path.exists("/usr/bin/getent"):
        pytest.skip("no getent here")
    probe = Probe("tcp", target="no-such-host.invalid:80", timeout=30.0)
    ok, text = healthy(bench, probe)
    assert not ok
    assert "no-such-host.invalid" in text
