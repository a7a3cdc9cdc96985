"""Sockets that listen: addresses of every kind, and a sentence where one cannot be had."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.linux.listening import open_socket, remove_path, split_address


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory with a short path, for sockets."""
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as made:
        yield Path(made)


def loopback() -> str:
    """An address of this machine that no other test has."""
    return f"127.{'.'.join(str(byte) for byte in uuid.uuid4().bytes[:3])}"


def test_addresses() -> None:
    assert split_address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert split_address("[::1]:80") == ("::1", 80)
    assert split_address(":80") == ("", 80)
    assert split_address("/run/x") is split_address("@x") is None


def test_a_stream_of_the_network() -> None:
    address = f"{loopback()}:17017"
    with socket.socket(fileno=open_socket("stream", address)) as made:
        assert not made.get_inheritable()
        assert made.getblocking()
        host, port = split_address(address) or ("", 0)
        with socket.create_connection((host, port)) as caller:
            taken, _ = made.accept()
            taken.close()
            assert caller.recv(1) == b""
        with pytest.raises(OSError, match=f"cannot listen on {address}: Address already in use"):
            open_socket("stream", address)


def test_a_path_has_an_owner_and_a_mode(folder: Path) -> None:
    path = f"{folder}/s"
    with socket.socket(fileno=open_socket("stream", path, mode=0o640, uid=os.geteuid())) as made:
        found = os.lstat(path)
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o640, os.geteuid())
        with pytest.raises(OSError, match="already in use"):
            open_socket("stream", path)
        assert made.fileno() >= 0
    # Nobody has it any more: what is left of it is no hindrance.
    with socket.socket(fileno=open_socket("datagram", path)) as made:
        made.settimeout(30)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"word", path)
        assert made.recv(10) == b"word"
    remove_path(path)
    remove_path(path)
    assert not os.path.lexists(path)


def test_a_file_is_no_socket_and_stays(folder: Path) -> None:
    path = folder / "file"
    path.write_text("mine")
    with pytest.raises(OSError, match="File exists"):
        open_socket("stream", str(path))
    remove_path(str(path))
    assert path.read_text() == "mine"
    with pytest.raises(OSError, match="cannot listen on"):
        open_socket("stream", f"{path}/s")


def test_the_directory_of_a_path_is_made(folder: Path) -> None:
    os.close(open_socket("stream", f"{folder}/a/b/s"))
    assert stat.S_ISSOCK(os.lstat(f"{folder}/a/b/s").st_mode)


def test_a_name_and_packets() -> None:
    name = f"@{uuid.uuid4().hex}"
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with caller, socket.socket(fileno=open_socket("seqpacket", name)) as made:
        caller.connect("\0" + name[1:])
        taken, _ = made.accept()
        caller.send(b"one")
        caller.send(b"two")
        with taken:
            assert [taken.recv(10), taken.recv(10)] == [b"one", b"two"]


@pytest.mark.parametrize("keepalive", [False, True])
def test_connections_that_are_looked_after(keepalive: bool) -> None:
    made = open_socket("stream", "127.0.0.1:0", keepalive=keepalive)
    with (
        socket.socket(fileno=made) as one,
        socket.create_connection(one.getsockname(), 60),
        one.accept()[0] as taken,
    ):
        alive = taken.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert bool(alive) is keepalive
