"""Followers hear of everything, or of a gap; they are served a few at a time."""

from __future__ import annotations

import contextlib
import itertools
import socket
from typing import Any

from control_fake import view

from stoker.interfaces import connection, server


def more(sock: socket.socket) -> bytes:
    """What comes next."""
    piece = sock.recv(65536)
    assert piece, "it was hung up on"
    return piece


def test_events_resume_at_a_cursor(door: Any) -> None:
    for number in range(5):
        door.fake.happens("svc:/web:default", n=number)
    found = door.raw(b"GET /v1/events?cursor=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert [n for n in range(5) if f'"n":{n}'.encode() in found] == [3, 4]


def test_a_stream_follows(door: Any) -> None:
    with door.connect() as sock:
        sock.sendall(b"GET /v1/events?follow=1&name=web HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in sock.recv(65536)

        def happen() -> None:
            door.fake.happens("svc:/a:default", what="hidden")
            door.fake.happens("svc:/web:default", what="shown")
            door.fake.turn()

        door.do(happen)
        text = sock.recv(65536)
        assert b"shown" in text
        assert b"hidden" not in text


def test_a_follower_that_never_reads_gets_a_gap_and_costs_little(door: Any) -> None:
    door.fake.kept = 50
    with door.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in sock.recv(65536)

        def storm() -> int:
            for number in range(40):
                door.fake.happens("svc:/web:default", n=number, filler="x" * 1000)
            door.fake.turn()
            return max(len(client._out) for client in door.door._clients)

        waiting = max(door.do(storm) for _ in range(200))
        assert waiting < 1_000_000
        found = b""
        while b'"kind":"gap"' not in found:
            found = found[-100:] + more(sock)
        # Nor is it sent away for having been slow.
        door.do(lambda: (door.fake.happens("svc:/web:default", last=1), door.fake.turn()))
        while b'"last":1' not in found:
            found = found[-100:] + more(sock)


def test_many_who_follow_are_served_a_few_at_a_time(door: Any) -> None:
    """Between them the loop has its turns, and each of them hears of everything."""
    count = server.FEW * 3 + 1
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(door.connect()) for _ in range(count)]
        for sock in socks:
            sock.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" in sock.recv(65536)
        batches: list[int] = []

        def happen() -> None:
            for number in range(3):
                door.fake.happens("svc:/web:default", n=number)
                door.fake.turn()
            look()

        def look() -> None:
            batches.append(len(door.door._due))
            if batches[-1]:
                door.loop.at(0, look)

        door.do(happen)
        for sock in socks:
            text = b""
            while b'"n":2' not in text:
                text += more(sock)
            assert [text.count(b'"n":%d' % number) for number in range(3)] == [1, 1, 1]
        left = door.do(lambda: batches)
        assert left == sorted(left, reverse=True)
        assert max(one - two for one, two in itertools.pairwise(left)) <= server.FEW


def test_a_line_is_made_once_for_all_who_follow(door: Any) -> None:
    asked: list[int] = []
    events = door.fake.events

    def noting(cursor: int) -> Any:
        asked.append(cursor)
        return events(cursor)

    door.fake.events = noting
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(door.connect()) for _ in range(5)]
        for sock in socks:
            sock.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" in more(sock)
        door.do(lambda: (door.fake.happens("svc:/web:default", n=7), door.fake.turn()))
        for sock in socks:
            text = b""
            while b'"n":7' not in text:
                text += more(sock)
    assert asked == [0]


class Delegation:
    """Tells whoever registers of so many instances, and then whatever a test says."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.tell: Any = None
        self.ended = 0

    def register(self, fmri: str, tell: Any) -> Any:
        assert fmri == "svc:/web:default"
        self.tell = tell
        for number in range(self.count):
            tell({"event": "add_instance", "fmri": f"svc:/{number:0>200}:default"})
        tell({"event": "synced"})

        def end() -> None:
            self.ended += 1

        return end


def register(door: Any, delegation: Delegation, sock: socket.socket) -> None:
    door.fake.rows["svc:/web:default"] = view("svc:/web:default")
    door.fake.delegation = delegation
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.sendall(b"GET /v1/restarters/web HTTP/1.1\r\nHost: x\r\n\r\n")


def test_a_restarter_hears_of_all_its_instances_however_many_they_are(door: Any) -> None:
    delegation = Delegation(4 * connection.STREAM_ROOM // 200)
    with door.connect() as sock:
        register(door, delegation, sock)
        found = b""
        while b'"synced"' not in found:
            found = found[-100:] + more(sock)
        door.do(lambda: delegation.tell({"event": "start"}))
        assert b'"start"' in more(sock)
        assert not delegation.ended


def test_a_restarter_that_never_reads_is_let_go(door: Any) -> None:
    delegation = Delegation(10)
    with door.connect() as sock:
        register(door, delegation, sock)
        found = more(sock)

        def storm() -> int:
            for _ in range(1000):
                delegation.tell({"event": "refresh", "fmri": "x" * 1000})
            return delegation.ended

        # As much as the kernel holds for it, too.
        assert max(door.do(storm) for _ in range(20)) == 1
        while b"0\r\n\r\n" not in found:
            found = found[-100:] + more(sock)
