"""The manager's side of the keeper's channel: what is held for it, what is told to it.

Ends that the keeper tells of are acknowledged only after they stand in the state log; until then
each LIST brings them again. The log says up to which one they do, so that a successor counts none
twice.

When the channel ends, the keeper is lost: `lost()` is called, from wherever that was noticed. While
a manager begins (`patient`) what was held is in the middle of being taken up, so it is only noted:
what is asked for is then not there, what is put stays ours, and `lost()` is called at the next
`settle()`. What nobody could do without comes with the greeting (`needs`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from stoker.linux import Loop, channel, faults
from stoker.linux import loop as epoll

from .cmdline import keeper_command
from .papers import PREFIX

__all__ = ["SEEN", "Keeping"]

_NEEDED = ("state", "lock", "link/manager", "listen/control", "backlog", PREFIX)
# What the recorder has held, however many services there are; one for a backlog of ours; and two
# for its channel, which has no ends while it is dead.
_RECORDERS, _MOST = "rec/", 5 + 1 + 2
_SOON = 5_000_000  # nanoseconds
_NOTHING = "nothing/"  # a prefix that no name has: LIST then brings the exits alone

SEEN = "seen"
"""The key in the state log of [keeper's pid, number of the last end that was dealt with]."""


class Keeping:
    """`exited(Exit)`, `signalled(number, count)`, `replaced()` when a new keeper took over by
    `exec`, and `unreplaced(why)` when that was refused, are called from the loop once `watch` was
    called.
    """

    def __init__(self, loop: Loop, end: channel.Channel) -> None:
        self._loop = loop
        self._channel = end
        self._gathered: dict[str, int] = {}  # what has come before it is taken
        self._asked: set[str] = set()  # under which prefixes
        self.hello = self._greeting()
        self.pid = self.hello.keeper or os.getppid()
        self.exited: Callable[[channel.Exit], object] = lambda _exit: None
        self.signalled: Callable[[int, int], object] = lambda _number, _count: None
        self.lost: Callable[[], object] = lambda: None
        self.replaced: Callable[[], object] = lambda: None
        self.unreplaced: Callable[[str], object] = lambda _why: None
        self.said: Callable[[str], object] = lambda _text: None
        self.own: dict[str, int] = {}  # what we hold too, for the day that the keeper is lost
        self.command = list(self.hello.command) or keeper_command(self.pid)
        self.gone = False
        self.patient = True
        self.heard = 0  # the highest number of an end that was dealt with
        self._told: dict[int, channel.Exit] = {}  # not acknowledged
        self._acked = 0
        self._seen = 0
        self._watching = False

    def _greeting(self) -> channel.Hello:
        """HELLO is the first packet, and was sent before we were started; what we need came with
        it, but from an older keeper. Raises OSError, EOFError, TimeoutError.
        """
        faults.point("imported")
        hello, whole = None, True
        for packet in self._channel.wait(10.0):
            if packet.verb in ("HELLO", "TAKEN"):
                hello = hello or channel.Hello.of(packet)
            elif packet.verb == "ITEM" and len(packet.args) == len(packet.fds):
                self._gathered.update(zip(packet.args, packet.fds, strict=True))
            else:
                whole = whole and packet.verb != "ITEM"
                packet.close()
            if packet.verb == "END" and whole:
                self._asked.update(packet.args[1:])
        if hello is None:
            raise TimeoutError("the keeper did not greet us")
        return hello

    # -- what is held

    def needs(self) -> None:
        """Get what a manager needs to become the keeper, before anything else is asked for."""
        faults.point("greeted")
        missing = [prefix for prefix in _NEEDED if prefix not in self._asked]
        if missing:
            self.gather(*missing)
        faults.point("gathered")

    def gather(self, *prefixes: str) -> None:
        """Ask for several in one go: each is there, or known not to be, when it is taken."""
        self._gathered |= self._list(*prefixes).items
        self._asked.update(prefixes)

    def take(self, prefix: str) -> dict[str, int]:
        """Descriptors under a prefix."""
        if prefix not in self._asked:
            return self._list(prefix).items
        self._asked.discard(prefix)
        found = {name: fd for name, fd in self._gathered.items() if name.startswith(prefix)}
        for name in found:
            del self._gathered[name]
        return found

    def _list(self, *prefixes: str) -> channel.Listing:
        """What the keeper answers; nothing when it is gone. Raises TimeoutError, OSError."""
        if self._watching:  # what comes with the answer, or before it, does not wake the loop
            self._loop.at(time.monotonic_ns(), lambda: self._readable(0))
        try:
            listing = self._channel.list(*prefixes)
        except EOFError:
            self._end()
            return channel.Listing()
        self._note(listing.exits)
        return listing

    def ends(self) -> list[channel.Exit]:
        """Every end that nobody has dealt with; the caller does."""
        self._list(_NOTHING)
        return list(self._next())

    def _note(self, ends: Iterable[channel.Exit]) -> None:
        """Told, with whatever it was: nothing comes again unasked."""
        self._told.update((one.seq, one) for one in ends if one.seq > self._acked)

    def _next(self) -> Iterator[channel.Exit]:
        """Every end that was told and was not heard before, in the order of their numbers: so none
        is passed over because a later one came first.
        """
        for seq in sorted(self._told):
            if seq > self.heard:
                self.heard = seq
                if seq > self._seen:
                    yield self._told[seq]

    def fence(self) -> int:
        """Return when the keeper has dealt with everything that was sent to it: with how many
        descriptors it may still get that are of no service.
        """
        try:
            there = self.take(_RECORDERS)
        except OSError as error:  # no answer, or we have no descriptors for it
            self.said(str(error))
            return 0
        for fd in there.values():
            os.close(fd)
        return max(0, _MOST - len(there))

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
            self._end()

    def drop(self, names: Iterable[str]) -> None:
        """Have these closed."""
        try:
            self._channel.drop(*names)
        except EOFError:
            self._end()

    # -- what is said

    def ready(self) -> None:
        """We serve."""
        try:
            self._channel.ready()
        except EOFError:
            self._end()

    def stop(self, status: int, grace: float) -> None:
        """The place is over."""
        try:
            self._channel.stop(status, grace)
        except EOFError:
            self._end()

    def exec(self, argv: Iterable[str]) -> None:
        """Have the keeper replaced, everything kept."""
        try:
            self._channel.exec(argv)
        except EOFError:
            self._end()

    def acknowledge(self) -> None:
        """All ends told so far are written down."""
        if self.heard > self._acked:
            faults.point("ack")
            try:
                self._channel.ack(self.heard)
            except EOFError:
                self._end()
            self._acked = self.heard
            self._told = {seq: one for seq, one in self._told.items() if seq > self._acked}

    # -- what is heard

    def listen(self) -> None:
        """Notice when the keeper is lost. Ends that it tells of wait until it is watched."""
        self._loop.watch(self._channel.fileno(), epoll.READ, self._readable)

    def watch(self) -> None:
        """Hear what the keeper tells, and soon ask for what it has told meanwhile: who waits at the
        door comes first.
        """
        self._watching = True
        self.patient = False
        self.settle()
        self._loop.at(time.monotonic_ns() + _SOON, self.ask)

    def settle(self) -> None:
        """Everything taken so far has its place: if the keeper is lost, that is dealt with now."""
        if self.gone:
            self.lost()

    def _end(self) -> None:
        """The channel has ended; the ends that were told before count."""
        self.gone = True
        try:
            rest = self._channel.receive()
        except EOFError:
            rest = []
        for packet in rest:
            self._note_of(packet)
            packet.close()
        if not self.patient:
            self.lost()

    def ask(self) -> None:
        """Hear of every end that the keeper knows of by now."""
        try:
            self._list(_NOTHING)
        except OSError as error:
            self.said(str(error))
        self._deal()

    def _readable(self, _events: int) -> None:
        try:
            packets = self._channel.receive()
        except EOFError:
            self._loop.forget(self._channel.fileno())
            self._end()
            return
        for packet in packets:
            self._note_of(packet)
            if self._watching:
                self._packet(packet)
            packet.close()
        self._deal()

    def _note_of(self, packet: channel.Packet) -> None:
        if packet.verb == "EXIT":
            self._note([channel.Exit.of(packet)])

    def _packet(self, packet: channel.Packet) -> None:
        if packet.verb == "SIGNAL":
            self.signalled(int(packet.args[0]), int(packet.args[1]))
        elif packet.verb == "TAKEN":
            self.replaced()
        elif packet.verb == "REFUSED":
            self.said(f"the keeper refused {' '.join(packet.args)}")
            if packet.args[0] == "EXEC":
                self.unreplaced(" ".join(packet.args[1:]))

    def _deal(self) -> None:
        """Every end that was told and not dealt with: now is the time."""
        if self._watching:
            for one in self._next():
                self.exited(one)

    def close(self) -> None:
        """The channel to a lost keeper is of no more use; what it leaves behind is."""
        self._channel.close()

    def estate(self) -> tuple[dict[str, int], list[channel.Exit]]:
        """What a lost keeper leaves behind with us: descriptors by name, and ends that are not
        written down yet.
        """
        ends = [one for seq, one in sorted(self._told.items()) if seq > self._seen]
        return self.own | self._gathered, ends
