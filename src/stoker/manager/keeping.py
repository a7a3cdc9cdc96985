"""The manager's side of the keeper's channel: what is held for it, what is told to it.

Ends that the keeper tells of are acknowledged only after they stand in the state log; until then
each LIST brings them again. The log says up to which one they do, so that a successor counts none
twice. When the channel ends, the keeper is lost: `lost()` is called, from
wherever that was noticed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping

from stoker.linux import Loop, channel, faults
from stoker.linux import loop as epoll

from .cmdline import keeper_command

__all__ = ["SEEN", "Keeping"]

_NOTHING = "nothing/"  # a prefix that no name has: LIST then brings the exits alone

SEEN = "seen"
"""The key in the state log of [keeper's pid, number of the last end that was dealt with]."""


class Keeping:
    """`exited(Exit)`, `signalled(number, count)` and `lost()` are called from the loop once `watch`
    was called.
    """

    def __init__(self, loop: Loop, end: channel.Channel) -> None:
        self._loop = loop
        self._channel = end
        self.hello = self._greeting()
        self.pid = os.getppid()
        self.exited: Callable[[channel.Exit], object] = lambda _exit: None
        self.signalled: Callable[[int, int], object] = lambda _number, _count: None
        self.lost: Callable[[], object] = lambda: None
        self.said: Callable[[str], object] = lambda _text: None
        self.own: dict[str, int] = {}  # what we hold too, for the day that the keeper is lost
        self.command = keeper_command(self.pid)
        self.heard = 0  # the highest number of an exit that was told to us
        self._acked = 0
        self._seen = 0
        self._watching = False

    def _greeting(self) -> channel.Hello:
        """HELLO is the first packet, and was sent before we were started. Raises OSError, EOFError,
        TimeoutError.
        """
        for packet in self._channel.wait(10.0):
            if packet.verb in ("HELLO", "TAKEN"):
                return channel.Hello.of(packet)
            packet.close()
        raise TimeoutError("the keeper did not greet us")

    # -- what is held

    def take(self, prefix: str) -> dict[str, int]:
        """Descriptors under a prefix."""
        listing = self._channel.list(prefix)
        # With the answer come ends, and none of them comes again unasked.
        if self._watching and listing.exits and listing.exits[-1].seq > self.heard:
            self._loop.at(time.monotonic_ns(), self.ask)
        return listing.items

    def ends(self) -> list[channel.Exit]:
        """Every end that nobody has dealt with; the caller does."""
        return [one for one in self._channel.list(_NOTHING).exits if self._is_new(one)]

    def _is_new(self, one: channel.Exit) -> bool:
        """Whether an end, which is heard now, was not heard before."""
        new = one.seq > max(self.heard, self._seen)
        self.heard = max(self.heard, one.seq)
        return new

    def fence(self) -> None:
        """Return when the keeper has dealt with everything that was sent to it."""
        try:
            self.take(_NOTHING)
        except EOFError:
            self.lost()
        except TimeoutError as error:
            self.said(str(error))

    def recall(self, value: object) -> None:
        """What a predecessor wrote down under `SEEN`; of another keeper's ends it says nothing."""
        if isinstance(value, list) and len(value) == 2 and value[0] == self.pid:
            self._seen = int(value[1])

    def unseen(self) -> dict[str, list[int]]:
        """What is to be written down with what became of the ends heard so far; once."""
        if self.heard <= self._seen:
            return {}
        self._seen = self.heard
        return {SEEN: [self.pid, self.heard]}

    def put(self, descriptors: Mapping[str, int]) -> None:
        """Have these held; they survive us when this returns."""
        try:
            self._channel.put(descriptors)
        except EOFError:
            self.lost()

    def drop(self, names: Iterable[str]) -> None:
        """Have these closed."""
        try:
            self._channel.drop(*names)
        except EOFError:
            self.lost()

    # -- what is said

    def ready(self) -> None:
        """We serve."""
        self._channel.ready()

    def stop(self, status: int, grace: float) -> None:
        """The place is over."""
        try:
            self._channel.stop(status, grace)
        except EOFError:
            self.lost()

    def exec(self, argv: Iterable[str]) -> None:
        """Have the keeper replaced, everything kept."""
        self._channel.exec(argv)

    def acknowledge(self) -> None:
        """All ends told so far are written down."""
        if self.heard > self._acked:
            faults.point("ack")
            try:
                self._channel.ack(self.heard)
            except EOFError:
                self.lost()
            self._acked = self.heard

    # -- what is heard

    def watch(self) -> None:
        """Begin to listen, and ask for what was told meanwhile."""
        self._loop.watch(self._channel.fileno(), epoll.READ, self._readable)
        self._watching = True
        self._loop.at(time.monotonic_ns(), self.ask)

    def ask(self) -> None:
        """Hear of every end that the keeper knows of by now."""
        try:
            exits = self.ends()
        except EOFError:
            self.lost()
            return
        except TimeoutError as error:
            self.said(str(error))
            return
        for one in exits:
            self.exited(one)
        # What came between stands aside in the channel and does not wake the loop.
        self._loop.at(time.monotonic_ns(), lambda: self._readable(0))

    def _readable(self, _events: int) -> None:
        try:
            packets = self._channel.receive()
        except EOFError:
            self._loop.forget(self._channel.fileno())
            self.lost()
            return
        for packet in packets:
            self._packet(packet)

    def _packet(self, packet: channel.Packet) -> None:
        if packet.verb == "EXIT":
            told = channel.Exit.of(packet)
            if self._is_new(told):
                self.exited(told)
        elif packet.verb == "SIGNAL":
            self.signalled(int(packet.args[0]), int(packet.args[1]))
        elif packet.verb == "REFUSED":
            self.said(f"the keeper refused {' '.join(packet.args)}")
        packet.close()
