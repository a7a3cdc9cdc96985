"""What is answered without h11 is answered as with it, and leaves the connection as it would be."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest


def plain(target: str, more: str = "") -> bytes:
    """A question as our own client asks it; `more` headers make it one for h11."""
    return f"GET {target} HTTP/1.1\r\nHost: stoker\r\n{more}\r\n".encode()


def answers(sock: socket.socket, count: int) -> list[bytes]:
    """So many whole answers, in their order."""
    data, found = b"", []
    while len(found) < count:
        head, end, body = data.partition(b"\r\n\r\n")
        length = head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]
        if end and len(body) >= int(length):
            whole = len(head) + 4 + int(length)
            found.append(data[:whole])
            data = data[whole:]
            continue
        piece = sock.recv(65536)
        assert piece, "the connection was closed before all were answered"
        data += piece
    assert not data
    return found


@pytest.mark.parametrize(
    "target",
    [
        "/v1",
        "/v1/instances",
        "/v1/instances/web",
        "/v1/instances?name=wep",
        "/v1/nothing",
        "/v1/operations",
        "/v1/wait?name=web&for=online",
        "/v1/wait?name=web&for=disabled&timeout=0.01",
        "/v1/reload",
    ],
)
@pytest.mark.parametrize("more", ["", "Stoker-Protocol: 1\r\n", "Stoker-Protocol: 2\r\n"])
def test_the_answer_is_the_same_byte_for_byte(door: Any, target: str, more: str) -> None:
    with door.connect() as sock:
        sock.sendall(plain(target, more))
        at_sight = answers(sock, 1)
        sock.sendall(plain(target, more + "Accept: */*\r\n"))
        assert answers(sock, 1) == at_sight


def test_a_question_behind_one_that_waits_is_answered_after_it(door: Any) -> None:
    waits = plain("/v1/wait?name=web&for=disabled")
    with door.connect() as sock:
        sock.sendall(waits)
        deadline = time.monotonic() + 30
        while not door.do(lambda: list(door.fake.callers)):
            assert time.monotonic() < deadline
        sock.sendall(plain("/v1") + plain("/v1/instances"))
        assert door.ask("GET", "/v1")[0] == 200

        def change() -> None:
            door.fake.rows["svc:/web:default"].state = "disabled"
            door.fake.turn()

        door.do(change)
        first, second, third = answers(sock, 3)
        sock.sendall(plain("/v1"))
        (fourth,) = answers(sock, 1)
    assert b'"outcome":"so"' in first
    assert b'"protocol":1' in second
    assert b'"instances":[' in third
    assert fourth == second


def test_a_stream_on_a_connection_that_asked_before(door: Any) -> None:
    door.fake.happens("svc:/web:default", n=1)
    with door.connect() as sock:
        sock.sendall(plain("/v1"))
        answers(sock, 1)
        sock.sendall(plain("/v1/events?cursor=0"))
        found = b""
        while b"0\r\n\r\n" not in found:
            found += sock.recv(65536)
        assert found.count(b'"n":1') == 1
        assert b"Transfer-Encoding: chunked" in found
        sock.sendall(plain("/v1"))
        assert b'"protocol":1' in answers(sock, 1)[0]


def test_it_may_come_in_pieces(door: Any) -> None:
    whole = plain("/v1/instances/web")
    with door.connect() as sock:
        for cut in range(1, len(whole)):
            sock.sendall(whole[:cut])
            assert door.do(lambda: True)
            sock.sendall(whole[cut:])
            assert b'"fmri":"svc:/web:default"' in answers(sock, 1)[0]
