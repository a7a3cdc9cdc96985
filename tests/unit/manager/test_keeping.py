"""What the keeper tells a manager of ends: each is dealt with once, in whatever way it is heard."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from stoker.linux import Loop
from stoker.linux.channel import Channel, Exit, decode, encode
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


def test_an_end_that_came_with_the_answer_to_another_question_is_not_passed_over(
    keeper: tuple[Keeper, Channel],
) -> None:
    it, channel = keeper
    mistakes: list[Exception] = []
    keeping = Keeping(Loop(mistakes.append), channel)
    heard: list[Exit] = []
    keeping.exited = heard.append
    it.numbers = [5]
    assert [one.seq for one in keeping.ends()] == [5]
    keeping.watch()
    it.numbers = [5, 6]
    keeping.take("notify/")  # with the answer comes 6, which is looked at in the loop's next turn
    it.numbers = [5, 6, 7]
    it.ended(7)
    keeping._readable(0)  # the loop has looked at the channel before that
    assert [one.seq for one in heard] == [6, 7]
    keeping.ask()
    assert [one.seq for one in heard] == [6, 7]
    assert not mistakes
