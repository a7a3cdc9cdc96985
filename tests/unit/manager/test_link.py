"""The link to the recorder: nothing is forgotten, nothing waits."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stoker.linux import Loop
from stoker.manager import Link
from stoker.manager.backlog import Backlog
from stoker.model import Intent, LogSettings, Role, Settings

A, B = "svc:/a:default", "svc:/b:default"


class Pair:
    """A link, and the recorder's end of it."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.loop = Loop(self.errors.append)
        ours, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.far.setblocking(False)
        self.link = Link(self.loop, ours.detach(), 7)
        self.saved: list[tuple[int, str]] = []
        self.said: list[str] = []
        self.link.saved = lambda token, why: self.saved.append((token, why))
        self.link.said = self.said.append

    def tell(self, *message: Any) -> None:
        self.far.setblocking(True)
        self.far.send(json.dumps(message).encode())
        self.far.setblocking(False)

    def heard(self) -> list[list[Any]]:
        found = []
        while True:
            try:
                found.append(json.loads(self.far.recv(65536)))
            except BlockingIOError:
                return found

    def until(self, look: Callable[[], object]) -> None:
        end = time.monotonic() + 30

        def after() -> None:
            if look() or time.monotonic() > end:
                self.loop.stop()
            else:
                self.loop.at(time.monotonic_ns() + 2_000_000, lambda: None)

        self.loop.run(after)
        assert look()
        assert self.errors == []

    def close(self) -> None:
        self.link.close()
        self.far.close()
        self.loop.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    one = Pair()
    yield one
    one.close()


def test_it_says_hello_and_learns_the_choices(pair: Pair) -> None:
    assert pair.heard() == [["hello", 7]]
    told: list[str] = []
    pair.link.when_known(lambda: told.append("known"))
    pair.tell("intents", 7, {A: {"enabled": False, "by": "root", "why": "x"}}, True)
    pair.tell("intents", 7, {B: {"enabled": True}}, False)
    pair.until(lambda: told)
    assert pair.link.intents[A] == Intent(False, by="root", why="x")
    assert pair.link.intents[B].enabled
    pair.link.when_known(lambda: told.append("at once"))
    assert told == ["known", "at once"]


def test_choices_told_to_another_manager_are_not_believed(pair: Pair) -> None:
    pair.tell("intents", 6, {A: {"enabled": False}}, False)
    pair.tell("intents", 7, {}, False)
    pair.until(lambda: pair.link.known)
    assert pair.link.intents == {}


def test_a_choice_is_saved_once_answered(pair: Pair) -> None:
    pair.heard()
    pair.link.save(3, A, Intent(True, by="root", when=5))
    pair.link.save(4, B, None)
    assert pair.heard() == [
        ["save", 3, A, {"enabled": True, "by": "root", "when": 5}],
        ["save", 4, B, None],
    ]
    assert pair.link.unanswered == 2
    pair.tell("saved", 3)
    pair.tell("unsaved", 4, "disk full")
    pair.until(lambda: len(pair.saved) == 2)
    assert pair.saved == [(3, ""), (4, "disk full")]
    assert pair.link.intents == {A: Intent(True, by="root", when=5)}


def test_a_new_recorder_is_told_again(pair: Pair) -> None:
    pair.link.save(3, A, Intent(True))
    pair.link.keep(A, LogSettings(mode="json"))
    pair.link.keep(B, LogSettings())
    pair.link.wait_for(B, 1, "ready")
    first = pair.heard()
    pair.tell("hello", 2)
    again: list[list[Any]] = []
    pair.until(lambda: again.extend(pair.heard()) or len(again) == 4)
    assert sorted(map(str, again)) == sorted(map(str, first))
    assert ["log", A, {"mode": "json"}] in again
    assert not any(message[:2] == ["log", B] for message in again)


def test_a_line_is_waited_for_until_it_is_seen_or_the_instance_is_gone(pair: Pair) -> None:
    seen: list[tuple[str, int]] = []
    pair.link.matched = lambda fmri, run: seen.append((fmri, run))
    pair.link.wait_for(A, 2, "ready")
    pair.link.wait_for(B, 1, "ready")
    pair.tell("matched", A, 1)
    pair.until(lambda: len(seen) == 1)
    assert set(pair.link._waited) == {A, B}, "it was an earlier run's"
    pair.tell("matched", A, 2)
    pair.until(lambda: len(seen) == 2)
    pair.link.keep(B, None)
    assert pair.link._waited == {}


def test_how_much_history_is_kept_is_told_when_it_changes_and_to_a_new_recorder(pair: Pair) -> None:
    usual = Settings()
    assert pair.heard() == [["hello", 7]]
    pair.link.bound(usual.history_count, usual.history_age)
    assert pair.heard() == []  # a recorder begins with what is usual
    pair.link.bound(500, 3600.0)
    pair.link.bound(500, 3600.0)
    assert pair.heard() == [["bounds", 500, 3600.0]]
    pair.tell("hello", 2)
    again: list[list[Any]] = []
    pair.until(lambda: again.extend(pair.heard()) or len(again) == 2)
    assert ["bounds", 500, 3600.0] in again
    pair.link.bound(usual.history_count, usual.history_age)
    assert pair.heard() == [["bounds", usual.history_count, usual.history_age]]


def test_who_else_may_read_is_told_when_it_changes_and_to_a_new_recorder(pair: Pair) -> None:
    assert pair.heard() == [["hello", 7]]
    pair.link.grant(())
    assert pair.heard() == []  # a recorder begins with nobody
    pair.link.grant((Role("read", users=("ann",), services=("web*",)),))
    told = ["roles", [["read", ["ann"], [], ["web*"]]]]
    assert pair.heard() == [told]
    pair.tell("hello", 2)
    again: list[list[Any]] = []
    pair.until(lambda: again.extend(pair.heard()) or len(again) == 2)
    assert told in again
    pair.link.grant(())
    assert pair.heard() == [["roles", []]]


def test_a_recorder_that_does_not_read_is_not_waited_for(pair: Pair) -> None:
    for number in range(30_000):
        pair.link.transition([number, A, "offline", "online", "r", "cause " * 20, 1, ""])
        if number % 100 == 0:
            pair.link.flush()
    pair.link.save(1, A, Intent(True))
    assert pair.link.dropped > 0
    rows: list[int] = []
    saves: list[int] = []

    def look() -> bool:
        for kind, *rest in pair.heard():
            if kind == "history":
                rows.extend(row[0] for row in rest[0])
            elif kind == "save":
                saves.append(rest[0])
        return bool(saves) and not pair.link.dropped

    pair.until(look)
    assert rows == sorted(rows)
    assert saves == [1]
    pair.link.flush()
    assert any("did not keep up" in text for text in pair.said)


def test_what_a_recorder_has_not_read_is_told_by_the_next_manager(pair: Pair) -> None:
    held: list[int] = []
    far = os.dup(pair.link.fileno())
    loop = Loop(pair.errors.append)
    first = Link(loop, os.dup(far), 8, Backlog(held.append))
    for number in range(3000):
        first.run(A, number, "end", number, 0, 7)
        first.transition([number, A, "online", "offline", "r", "c", number, ""])
        first.flush()
    assert held  # the socket was full
    backlog = Backlog(held.append, os.dup(held[-1]))
    first.close()  # it does not come to send the rest
    Link(pair.loop, far, 9, backlog)
    runs: list[int] = []
    rows: list[int] = []

    def look() -> bool:
        for kind, *rest in pair.heard():
            if kind == "run":
                runs.append(rest[1])
            elif kind == "history":
                rows.extend(row[0] for row in rest[0])
        return len(runs) == len(rows) == 3000

    pair.until(look)
    assert runs == rows == list(range(3000))
    assert Backlog(held.append, os.dup(held[-1])).left == []
    loop.close()
    os.close(held[-1])


def test_packets_fit(pair: Pair) -> None:
    for number in range(3000):
        pair.link.transition([number, A, "offline", "online", "r", "c" * 300, 1, ""])
    pair.link.flush()
    sizes = []
    while select.select([pair.far], [], [], 0)[0]:
        sizes.append(len(pair.far.recv(1 << 20)))
    assert sizes and max(sizes) <= 60_000


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe", b"{}", b"[]", b"[1]", b'["saved"]', b'["saved","x"]', b'["intents",7,3,0]'],
)
def test_garbage_is_logged_and_nothing_else(pair: Pair, data: bytes) -> None:
    pair.far.send(data)
    pair.tell("saved", 9)
    pair.until(lambda: pair.saved)
    assert pair.saved == [(9, "")]
