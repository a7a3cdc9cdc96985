"""A program's end of its channel to the keeper (the protocol stands in ``stoker/keeper.py``).

`Channel` speaks; it decides nothing. Packets are text with descriptors; every descriptor that is
received is close-on-exec and belongs to whoever gets the packet.

Reading never waits, except for `Channel.list`, which waits for its answer. Sending waits only when
the keeper has some hundred packets before it; once `send` has returned, the packet and its
descriptors survive the sender. The end of the channel means that the keeper is lost: `EOFError`.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["Channel", "Exit", "Hello", "Listing", "Packet", "decode", "encode"]

MOST_FDS = 250  # with one packet
MOST_BYTES = 60_000  # in one packet
ENVIRONMENT = "STOKER_KEEPER"
PASSING = (errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM)


class Packet(NamedTuple):
    """One packet: the verb, its arguments, and the descriptors that came with it."""

    verb: str
    args: tuple[str, ...] = ()
    fds: tuple[int, ...] = ()

    def close(self) -> None:
        """Close the descriptors: for a packet that nobody wants."""
        for fd in self.fds:
            os.close(fd)


class Exit(NamedTuple):
    """The end of a process that the keeper reaped. `code` is si_code of waitid(2)."""

    seq: int
    pid: int
    start: int  # field 22 of /proc/PID/stat, in clock ticks; 0 when it could not be read
    code: int
    status: int  # exit status or signal, as `code` says
    cgroup: str  # path in cgroup2, "" when it could not be read
    mark: int = 0  # what it was marked with by whoever started it (see `limits.mark_of`)

    @classmethod
    def of(cls, packet: Packet) -> Exit:
        """What an EXIT packet says."""
        numbers = [int(word) for word in packet.args[:5]]
        mark = int(packet.args[6]) if len(packet.args) > 6 else 0  # an older keeper tells of none
        return cls(*numbers, packet.args[5], mark)  # type: ignore[call-arg, arg-type]


class Hello(NamedTuple):
    """What HELLO or TAKEN says."""

    version: int
    generation: int
    last_pid: int | None  # of the life before this one
    last_status: int | None  # exit status, or minus the signal
    failures: int  # deaths in a row before READY
    flags: frozenset[str]  # exits-lost, state-aside
    keeper: int = 0  # its pid; 0 and no command from an older keeper, which does not tell
    command: tuple[str, ...] = ()  # how it was started

    @classmethod
    def of(cls, packet: Packet) -> Hello:
        """What a HELLO or TAKEN packet says."""
        version, generation, pid, status, failures, flags = packet.args[:6]
        keeper, *command = packet.args[6:] or ("0",)
        return cls(
            int(version),
            int(generation),
            int(pid) if pid else None,
            int(status) if pid else None,
            int(failures),
            frozenset(flags.split(",")) - {""},
            int(keeper),
            tuple(command),
        )


class Listing:
    """The answer to LIST: descriptors by name, exits not acknowledged, the keeper's flags."""

    __slots__ = ("exits", "flags", "items")

    def __init__(self) -> None:
        self.items: dict[str, int] = {}
        self.exits: list[Exit] = []
        self.flags: frozenset[str] = frozenset()

    def add(self, names: Iterable[str], fds: Iterable[int]) -> None:
        """Take descriptors in; a name that comes again replaces and closes the older one."""
        for name, fd in zip(names, fds, strict=True):
            old = self.items.get(name)
            self.items[name] = fd
            if old is not None:
                os.close(old)


def encode(verb: str, *args: object) -> bytes:
    """The bytes of a packet. Raises ValueError for a word with a NUL in it."""
    words = [verb, *map(str, args)]
    if any("\0" in word for word in words):
        raise ValueError("a word of a packet cannot contain NUL")
    return "\0".join(words).encode("utf-8", "surrogateescape")


def decode(data: bytes, fds: Iterable[int] = ()) -> Packet:
    """The packet that these bytes are."""
    verb, *args = data.decode("utf-8", "surrogateescape").split("\0")
    return Packet(verb, tuple(args), tuple(fds))


class Channel:
    """One end of a channel. `fileno()` may be watched for reading; then call `receive`."""

    def __init__(self, end: socket.socket, patience: float = 10.0) -> None:
        """END is a SOCK_SEQPACKET socket; PATIENCE the seconds that a send may wait."""
        end.setblocking(False)
        end.set_inheritable(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self._end = end
        self._patience = patience
        self._aside: deque[Packet] = deque()

    @classmethod
    def from_environment(cls, patience: float = 10.0) -> Channel:
        """The channel this process was started with; it is taken out of the environment.

        Raises LookupError when there is none, OSError when it is not what it should be.
        """
        text = os.environ.pop(ENVIRONMENT, None)
        if text is None:
            raise LookupError(f"{ENVIRONMENT} is not set: not started by a keeper")
        return cls(socket.socket(fileno=int(text)), patience)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._end.fileno()

    def close(self) -> None:
        """Close this end and whatever was received and not asked for."""
        while self._aside:
            self._aside.popleft().close()
        self._end.close()

    # -- packets -----------------------------------------------------------------------------

    def send(self, verb: str, *args: object, fds: Iterable[int] = ()) -> None:
        """Send one packet with at most 250 descriptors, which stay the caller's.

        Raises ValueError, TimeoutError when the keeper does not take it within our patience,
        EOFError when there is no keeper any more, OSError (EMSGSIZE and others).
        """
        numbers = tuple(fds)
        if len(numbers) > MOST_FDS:
            raise ValueError(f"{len(numbers)} descriptors are too many for one packet")
        data = encode(verb, *args)
        rights = []
        if numbers:
            raw = struct.pack(f"{len(numbers)}i", *numbers)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, raw)]
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._end.sendmsg([data], rights)
                return
            except BlockingIOError:
                if not self._wait(select.POLLOUT, deadline):
                    raise TimeoutError("the keeper takes no packets") from None
            except (BrokenPipeError, ConnectionResetError):
                raise EOFError("the keeper is gone") from None
            except OSError as error:
                # Too many descriptors on their way (unix(7)), or no memory: both pass.
                if error.errno not in PASSING or time.monotonic() >= deadline:
                    raise
                time.sleep(0.005)

    def receive(self) -> list[Packet]:
        """All packets that are there. Raises EOFError after the last one of a lost keeper."""
        packets = list(self._aside)
        self._aside.clear()
        try:
            while (packet := self._read()) is not None:
                packets.append(packet)
        except EOFError:
            if not packets:
                raise
        return packets

    def wait(self, timeout: float | None = None) -> list[Packet]:
        """As `receive`, but waits until something is there; [] after TIMEOUT seconds."""
        if not self._aside:
            deadline = None if timeout is None else time.monotonic() + timeout
            self._wait(select.POLLIN, deadline)
        return self.receive()

    def _read(self) -> Packet | None:
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        try:
            data, ancillary, _, _ = self._end.recvmsg(65536, socket.CMSG_SPACE(253 * 4), flags)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            # It had not read all that we said. That is told once, before what it said itself.
            return self._read()
        if not data:
            raise EOFError("the keeper is gone")
        fds = [
            fd
            for level, kind, raw in ancillary
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            for (fd,) in struct.iter_unpack("i", raw[: len(raw) // 4 * 4])
        ]
        return decode(data, fds)

    def _wait(self, events: int, deadline: float | None) -> bool:
        poll = select.poll()
        poll.register(self._end, events)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        return bool(poll.poll(left))

    # -- what a program says -----------------------------------------------------------------

    def list(self, *prefixes: str, timeout: float = 30.0) -> Listing:
        """All that is held (under PREFIXES); for the manager all exits not acknowledged too.

        All are asked for at once, then the answers waited for: what costs is to wait. What comes
        between and is no part of them is kept for `receive`, and every end is if there is no whole
        answer.
        Raises TimeoutError, EOFError, and OSError (EMFILE) when not all descriptors arrived.
        `timeout`: seconds for each answer.
        """
        deadline = time.monotonic() + timeout
        listing = Listing()
        prefixes = prefixes or ("",)
        asked = self._ask(prefixes)
        other: list[Packet] = []
        exits: dict[str, Packet] = {}  # by number: each answer has them all, and so may a hint
        try:
            while True:
                packet = self._read()
                if packet is None:
                    if not self._wait(select.POLLIN, deadline):
                        raise TimeoutError("the keeper does not answer")
                elif packet.verb == "END":
                    # An older keeper does not say to what. The one that comes too many is to a
                    # question that was put to two keepers.
                    answered = packet.args[1] if len(packet.args) > 1 else next(iter(asked))
                    if answered in asked:
                        asked.remove(answered)
                        deadline = time.monotonic() + timeout
                        listing.flags = frozenset(packet.args[0].split(",")) - {""}
                    if asked:
                        continue
                    listing.exits = sorted(map(Exit.of, exits.values()))
                    return listing
                elif packet.verb == "EXIT":
                    exits[packet.args[0]] = packet
                elif packet.verb == "ITEM" and all(n.startswith(prefixes) for n in packet.args):
                    if len(packet.args) != len(packet.fds):
                        packet.close()
                        raise OSError(
                            errno.EMFILE, "not all descriptors arrived: too many open files"
                        )
                    listing.add(packet.args, packet.fds)
                else:
                    other.append(packet)
                    if packet.verb == "TAKEN":  # a new keeper, which does not know our question
                        asked = self._ask(prefixes)
        except BaseException:
            other += exits.values()
            for fd in listing.items.values():
                os.close(fd)
            raise
        finally:
            self._aside.extend(other)

    def _ask(self, prefixes: Iterable[str]) -> set[str]:
        for prefix in prefixes:
            self.send("LIST", prefix)
        return {*prefixes}

    def put(self, descriptors: Mapping[str, int]) -> None:
        """Have descriptors held by name; a name that is held already is replaced."""
        names: list[str] = []
        size = 0
        for name in descriptors:
            length = len(os.fsencode(name)) + 1
            if names and (len(names) == MOST_FDS or size + length > MOST_BYTES):
                self.send("PUT", *names, fds=[descriptors[n] for n in names])
                names, size = [], 0
            names.append(name)
            size += length
        if names:
            self.send("PUT", *names, fds=[descriptors[n] for n in names])

    def drop(self, *names: str) -> None:
        """Have the keeper close these. Names that it does not hold do not matter."""
        for at in range(0, len(names), 50):
            self.send("DROP", *names[at : at + 50])

    def want(self, prefix: str) -> None:
        """Have later PUTs of others under PREFIX relayed as ITEMs.

        Ask before `list`: then nothing is missed, though something may come twice.
        """
        self.send("WANT", prefix)

    def ready(self) -> None:
        """Say that this program serves: its next death is no failure."""
        self.send("READY")

    def ack(self, seq: int) -> None:
        """Have the keeper forget all exits up to SEQ. For the manager."""
        self.send("ACK", seq)

    def stop(self, status: int, grace: float, *words: str) -> None:
        """End all below the keeper within GRACE seconds, then the keeper. For the manager, and for
        a director, whose WORDS go to what ends the machine.
        """
        self.send("STOP", status, grace, *words)

    def exec(self, argv: Iterable[str], keep: Iterable[str] = ()) -> None:
        """Have the keeper replaced by ARGV, with all names, or those under the prefixes KEEP.

        Answered by TAKEN from the new keeper, or by REFUSED. For the manager.
        """
        words = list(argv)
        self.send("EXEC", len(words), *words, *keep)
