"""What the keeper tells a manager of ends: each is dealt with once, in whatever way it is heard."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from stoker.linux import Loop
from stoker.linux.channel import Channel, decode, encode
from stoker.manager.keeping import _NEEDED as NEEDED
from stoker.manager.keeping import Keeping


class Keeper(threading.Thread):
    """Answers each LIST with the ends that it has, as long as the channel stands."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(daemon=True)
        self.end = end
        self.numbers: list[int] = []
        self.say("HELLO", 1, 1, "", "", 0, "", 12, "python", "keeper")

    def say(self, verb: str, *args: object) -> None:
        self.end.send(encode(verb, *args))

    def ended(self, number: int) -> None:
        """Tell of one."""
        self.say("EXIT", number, 100 + number, 1, os.CLD_EXITED, 7, "", 0)

    def run(self) -> None:
        with contextlib.suppress(ConnectionResetError):  # what we said last was not read
            while data := self.end.recv(65536):
                if decode(data).verb == "LIST":
                    for number in self.numbers:
                        self.ended(number)
                    self.say("END", "")


@pytest.fixture
def keeper() -> Iterator[tuple[Keeper, Channel]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(ours, patience=60)
    keeper = Keeper(theirs)
    keeper.start()
    yield keeper, channel
    channel.close()
    keeper.join(60)
    theirs.close()


class Hearing:
    """A manager's side of it: `heard`, the numbers of the ends that were dealt with."""

    def __init__(self, channel: Channel) -> None:
        self.mistakes: list[Exception] = []
        self.loop = Loop(self.mistakes.append)
        self.keeping = Keeping(self.loop, channel)
        self.heard: list[int] = []
        self.keeping.exited = lambda told: self.heard.append(told.seq)
        self.losses: list[list[int]] = []
        self.keeping.lost = self._lost

    def _lost(self) -> None:
        self.losses.append([one.seq for one in self.keeping.estate()[1]])
        self.loop.stop()

    def until(self, numbers: list[int]) -> None:
        """Let the loop work until these have been dealt with."""
        self.loop.at(time.monotonic_ns() + 60_000_000_000, self.loop.stop)
        self.loop.run(lambda: self.heard == numbers and self.loop.stop())
        assert self.heard == numbers
        assert not self.mistakes


def test_an_end_that_came_with_the_answer_to_another_question_is_not_passed_over(
    keeper: tuple[Keeper, Channel],
) -> None:
    it, channel = keeper
    manager = Hearing(channel)
    keeping = manager.keeping
    it.numbers = [5]
    assert [one.seq for one in keeping.ends()] == [5]
    keeping.watch()
    it.numbers = [5, 6]
    keeping.take("notify/")  # with the answer comes 6, which is looked at in the loop's next turn
    it.numbers = [5, 6, 7]
    it.ended(7)
    keeping._readable(0)  # the loop has looked at the channel before that
    assert manager.heard == [6, 7]
    keeping.ask()
    assert manager.heard == [6, 7]
    assert not manager.mistakes


def test_an_end_that_came_with_an_answer_needs_no_later_one_to_be_dealt_with(
    keeper: tuple[Keeper, Channel],
) -> None:
    it, channel = keeper
    manager = Hearing(channel)
    manager.keeping._watching = True  # all that was to be asked at first has been asked
    it.numbers = [1, 2]
    manager.keeping.take("notify/")
    it.numbers = []  # asked again, it would tell of none
    manager.until([1, 2])


def test_an_end_that_was_told_before_a_question_that_is_not_answered_is_dealt_with() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    silent = Keeper(theirs)  # it is not started: it answers nothing
    channel = Channel(ours, patience=60)
    manager = Hearing(channel)
    manager.keeping._watching = True
    silent.ended(1)
    silent.say("SIGNAL", 1, 1)
    with pytest.raises(TimeoutError):
        channel.list("rec/", timeout=0.0)
    manager.keeping._readable(0)
    assert manager.heard == [1]
    channel.close()
    theirs.close()


@pytest.mark.parametrize("by", ["hearing", "telling", "asking"])
def test_a_lost_keeper_had_told_what_is_told_again(by: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    last = Keeper(theirs)
    channel = Channel(ours, patience=60)
    manager = Hearing(channel)
    keeping = manager.keeping
    keeping.patient = False
    keeping.drop(["a"])  # which it does not come to read
    last.ended(1)
    last.ended(2)
    theirs.close()
    if by == "hearing":
        keeping._readable(0)
        keeping._readable(0)
    elif by == "telling":
        keeping.drop(["b"])
    else:
        keeping.take("notify/")
    assert manager.losses == [[1, 2]]
    channel.close()


def endowed(*more: tuple[object, ...]) -> tuple[Keeping, Channel]:
    """With a keeper that greeted, gave a lock with that, said so much more, and is gone."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    last = Keeper(theirs)
    with open(os.devnull, "rb") as lock:
        socket.send_fds(theirs, [encode("ITEM", "lock")], [lock.fileno()])
    for verb, *args in more:
        last.say(str(verb), *args)
    theirs.close()
    channel = Channel(ours, patience=60)
    return Keeping(Loop(lambda _error: None), channel), channel


def test_what_came_with_the_greeting_is_not_asked_for() -> None:
    keeping, channel = endowed(("END", "", *NEEDED))
    keeping.needs()
    assert not keeping.gone  # else it would have been noticed
    lock = keeping.take("lock")
    assert [*lock] == ["lock"]
    assert keeping.take("state") == {}
    os.close(lock["lock"])
    channel.close()


@pytest.mark.parametrize("end", [(), ("END", "", "lock")])
def test_what_the_greeting_does_not_speak_of_is_asked_for(end: tuple[str, ...]) -> None:
    keeping, channel = endowed(*([end] if end else []))
    keeping.needs()
    assert keeping.gone
    names, _ends = keeping.estate()
    assert [*names] == ["lock"]  # what came is there to be handed on
    os.close(names["lock"])
    channel.close()


def test_whether_the_keeper_was_replaced_is_told_apart(keeper: tuple[Keeper, Channel]) -> None:
    it, channel = keeper
    manager = Hearing(channel)
    told: list[str] = []
    manager.keeping.replaced = lambda: told.append("replaced")
    manager.keeping.unreplaced = told.append
    manager.keeping.listen()
    manager.keeping.watch()
    it.say("REFUSED", "STOP", "we are stopping")
    it.say("REFUSED", "EXEC", "No such file or directory")
    it.say("TAKEN", 1, 1, "", "", 0, "", 12, "python", "keeper")
    manager.loop.at(time.monotonic_ns() + 60_000_000_000, manager.loop.stop)
    manager.loop.run(lambda: len(told) > 1 and manager.loop.stop())
    assert told == ["No such file or directory", "replaced"]
    assert not manager.mistakes
