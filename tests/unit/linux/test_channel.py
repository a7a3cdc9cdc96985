"""A program's end of the channel, the keeper's end played by the test."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from stoker.linux.channel import Channel, Exit, Hello, Listing, Packet, decode, encode


class Peer:
    """The keeper's end, without a keeper."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.end.settimeout(60)

    def say(self, verb: str, *args: object, fds: tuple[int, ...] = ()) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))]
        self.end.sendmsg([encode(verb, *args)], rights if fds else [])

    def hear(self) -> Packet:
        data, fds, _, _ = socket.recv_fds(self.end, 65536, 253)
        for fd in fds:
            os.close(fd)
        return decode(data, fds)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Peer]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(ours, patience=60)
    yield channel, Peer(theirs)
    channel.close()
    theirs.close()


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.memfd_create("test")
    yield fd
    os.close(fd)


def test_a_packet_is_words_between_nuls() -> None:
    assert encode("PUT", "a", 1) == b"PUT\0a\x001"
    assert decode(b"PUT\0a\0") == Packet("PUT", ("a", ""))
    assert decode(encode("DROP", "in/\udcff")) == Packet("DROP", ("in/\udcff",))
    with pytest.raises(ValueError):
        encode("PUT", "a\0b")


def test_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    number = ours.detach()
    os.set_inheritable(number, True)
    monkeypatch.setenv("STOKER_KEEPER", str(number))
    channel = Channel.from_environment()
    assert "STOKER_KEEPER" not in os.environ
    assert channel.fileno() == number and not os.get_inheritable(number)
    with pytest.raises(LookupError):
        Channel.from_environment()
    channel.close()
    theirs.close()


def test_hello_and_exit_are_read(ends: tuple[Channel, Peer]) -> None:
    channel, peer = ends
    peer.say("HELLO", 1, 3, 77, -9, 2, "exits-lost,state-aside")
    peer.say("HELLO", 1, 1, "", "", 0, "", 12, "python", "keeper")
    peer.say("EXIT", 5, 77, 123456, 1, 3, "/s/web.1")
    first, second, third = channel.receive()
    both = frozenset({"exits-lost", "state-aside"})
    assert Hello.of(first) == Hello(1, 3, 77, -9, 2, both)
    assert Hello.of(second) == Hello(1, 1, None, None, 0, frozenset(), 12, ("python", "keeper"))
    assert Exit.of(third) == Exit(5, 77, 123456, 1, 3, "/s/web.1")
    assert channel.receive() == []


def test_list_collects_and_keeps_the_rest(ends: tuple[Channel, Peer], fd: int) -> None:
    channel, peer = ends
    peer.say("SIGNAL", 15, 1)
    peer.say("ITEM", "rec/a", fds=(fd,))
    peer.say("EXIT", 2, 8, 1, 1, 0, "")
    peer.say("ITEM", "log/a", "log/b", fds=(fd, fd))
    peer.say("ITEM", "log/a", fds=(fd,))
    peer.say("EXIT", 1, 7, 1, 1, 0, "")
    peer.say("EXIT", 2, 8, 1, 1, 0, "")
    peer.say("END", "exits-lost")
    listing = channel.list("log/")
    assert peer.hear() == Packet("LIST", ("log/",))
    assert set(listing.items) == {"log/a", "log/b"}
    assert [exit.seq for exit in listing.exits] == [1, 2]
    assert listing.flags == {"exits-lost"}
    assert not any(os.get_inheritable(number) for number in listing.items.values())
    signal, item = channel.receive()
    assert (signal.verb, item.args) == ("SIGNAL", ("rec/a",))
    for number in (*listing.items.values(), *item.fds):
        os.close(number)


def test_list_asks_a_new_keeper_again(ends: tuple[Channel, Peer]) -> None:
    channel, peer = ends
    peer.say("TAKEN", 1, 1, "", "", 0, "")
    peer.say("END", "")
    channel.list("x")
    assert [peer.hear().verb, peer.hear().verb] == ["LIST", "LIST"]
    assert [packet.verb for packet in channel.receive()] == ["TAKEN"]


def test_several_are_asked_for_at_once(ends: tuple[Channel, Peer], fd: int) -> None:
    channel, peer = ends
    peer.say("ITEM", "in/a", fds=(fd,))
    peer.say("EXIT", 1, 7, 1, 1, 0, "")
    peer.say("END", "", "in/")
    peer.say("EXIT", 1, 7, 1, 1, 0, "")
    peer.say("ITEM", "to/a", fds=(fd,))
    peer.say("END", "", "to/")
    peer.say("SIGNAL", 15, 1)
    listing = channel.list("in/", "to/")
    assert [peer.hear().args, peer.hear().args] == [("in/",), ("to/",)]
    assert set(listing.items) == {"in/a", "to/a"}
    assert [exit.seq for exit in listing.exits] == [1]
    assert [packet.verb for packet in channel.receive()] == ["SIGNAL"]
    for number in listing.items.values():
        os.close(number)


def test_an_answer_that_comes_twice_is_not_taken_for_another(
    ends: tuple[Channel, Peer], fd: int
) -> None:
    """The new keeper reads what the old one left, and is asked again: two answers to one."""
    channel, peer = ends
    peer.say("TAKEN", 1, 1, "", "", 0, "")
    for _ in range(2):
        peer.say("ITEM", "state", fds=(fd,))
        peer.say("END", "", "state")
    peer.say("ITEM", "lock", fds=(fd,))
    peer.say("END", "", "lock")
    first, second = channel.list("state"), channel.list("lock")
    assert (set(first.items), set(second.items)) == ({"state"}, {"lock"})
    aside = channel.receive()
    assert [packet.args for packet in aside if packet.verb == "ITEM"] == [("state",)]
    for number in (*first.items.values(), *second.items.values(), *aside[1].fds):
        os.close(number)


def test_of_an_older_keeper_answers_are_counted(ends: tuple[Channel, Peer], fd: int) -> None:
    channel, peer = ends
    peer.say("ITEM", "in/a", fds=(fd,))
    peer.say("END", "")
    peer.say("ITEM", "to/a", fds=(fd,))
    peer.say("END", "")
    listing = channel.list("in/", "to/")
    assert set(listing.items) == {"in/a", "to/a"}
    for number in listing.items.values():
        os.close(number)


def test_list_of_a_silent_keeper_ends(ends: tuple[Channel, Peer], fd: int) -> None:
    channel, peer = ends
    peer.say("ITEM", "a", fds=(fd,))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TimeoutError):
        channel.list("", timeout=0.01)
    assert len(os.listdir("/proc/self/fd")) == before  # what came is closed again


def test_a_lost_keeper_is_the_end_of_file_after_the_last_packet() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(ours)
    Peer(theirs).say("SIGNAL", 1, 1)
    theirs.close()
    assert [packet.verb for packet in channel.receive()] == ["SIGNAL"]
    with pytest.raises(EOFError):
        channel.receive()
    with pytest.raises(EOFError):
        channel.ready()
    channel.close()


def test_put_splits_by_number_and_by_size(ends: tuple[Channel, Peer], fd: int) -> None:
    channel, peer = ends
    channel.put({f"a{n}": fd for n in range(251)})
    sizes = [len(peer.hear().fds), len(peer.hear().fds)]
    assert sizes == [250, 1]
    names = {f"{n:03}" + "x" * 900 for n in range(100)}
    channel.put(dict.fromkeys(names, fd))
    first, second = peer.hear(), peer.hear()
    assert len(first.args) == len(first.fds) < 100
    assert {*first.args, *second.args} == names
    with pytest.raises(ValueError):
        channel.send("PUT", fds=[fd] * 251)


def test_what_a_program_says(ends: tuple[Channel, Peer]) -> None:
    channel, peer = ends
    channel.want("log/")
    channel.ready()
    channel.ack(12)
    channel.drop("a", "b")
    channel.stop(3, 1.5)
    channel.exec(["/bin/x", "--y"], keep=["state"])
    assert [peer.hear() for _ in range(6)] == [
        Packet("WANT", ("log/",)),
        Packet("READY"),
        Packet("ACK", ("12",)),
        Packet("DROP", ("a", "b")),
        Packet("STOP", ("3", "1.5")),
        Packet("EXEC", ("2", "/bin/x", "--y", "state")),
    ]


def test_a_keeper_that_takes_nothing_is_given_up(ends: tuple[Channel, Peer]) -> None:
    channel, _ = ends
    channel._patience = 0.01
    with pytest.raises(TimeoutError):
        flood(channel)


def flood(channel: Channel) -> None:
    for _ in range(1_000_000):
        channel.send("READY")


def test_wait_returns_what_comes_or_nothing(ends: tuple[Channel, Peer]) -> None:
    channel, peer = ends
    assert channel.wait(0) == []
    peer.say("SIGNAL", 1, 1)
    assert [packet.verb for packet in channel.wait(60)] == ["SIGNAL"]


def test_a_listing_closes_what_is_replaced() -> None:
    reader, writer = os.pipe()
    listing = Listing()
    listing.add(["a"], [writer])
    other = os.memfd_create("test")
    listing.add(["a"], [other])
    assert os.read(reader, 1) == b""
    os.close(reader)
    os.close(other)
