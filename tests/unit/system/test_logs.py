"""What the kernel and programs say, line by line."""

from __future__ import annotations

import logging
import logging.handlers
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.system import logs


@pytest.mark.parametrize(
    ("record", "number", "line"),
    [
        (b"6,339,5140900,-;NET: Registered\n", 339, "kern.info: NET: Registered"),
        (b"30,7,1,c;from init\n SUBSYSTEM=x\n DEVICE=+y\n", 7, "daemon.info: from init"),
        (b"3,8,1,-,caller=T1;\xff\n", 8, "kern.err: \ufffd"),
    ],
)
def test_a_record_of_the_kernel(record: bytes, number: int, line: str) -> None:
    assert logs.kernel_line(record) == (number, line)


@pytest.mark.parametrize(
    ("datagram", "line"),
    [
        (b"<38>Nov 21 19:00:00 sshd[7]: hello\0", "auth.info: sshd[7]: hello"),
        (b"<165>two\nlines\n", "local4.notice: two\\nlines"),
        (b"no priority", "user.notice: no priority"),
        (b"<999>what", "124.debug: what"),
        (b"", "user.notice: "),
        (b"\xff", "user.notice: \\xff"),
    ],
)
def test_a_datagram_of_a_program(datagram: bytes, line: str) -> None:
    assert logs.syslog_line(datagram) == line


def test_the_kernel_is_told_once_over_restarts(tmp_path: Path) -> None:
    kmsg, read = tmp_path / "kmsg", tmp_path / "read"
    told: list[str] = []
    for number in range(3):  # each read of the device gives one record; a file gives all
        kmsg.write_bytes(b"6,%d,1,-;line %d\n" % (number // 2, number // 2))
        logs.kernel_log(told.append, str(kmsg), str(read))
    assert told == ["kern.info: line 0", "kern.info: line 1"]


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as path:
        yield Path(path)


def test_syslog_listens_for_everybody(short: Path) -> None:
    path, told, heard = short / "log", [], threading.Event()

    class End(Exception):
        """Out of the endless loop."""

    def write(line: str) -> None:
        told.append(line)
        if len(told) == 2:
            heard.set()
            raise End

    def listen() -> None:
        with pytest.raises(End):
            logs.syslog(write, str(path))

    (short / "notify").touch()
    thread = threading.Thread(target=listen)
    thread.start()
    try:
        handler = None
        for _ in range(6000):
            if path.is_socket() and path.stat().st_mode & 0o777 == 0o666:
                break
            thread.join(0.01)
        handler = logging.handlers.SysLogHandler(str(path), socktype=socket.SOCK_DGRAM)
        for text in ("one", "two"):
            handler.emit(logging.LogRecord("x", logging.ERROR, "", 0, text, None, None))
        assert heard.wait(60)
        handler.close()
    finally:
        if not heard.is_set():  # let the thread come to its end
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                for _ in range(2):
                    sender.sendto(b"end", os.fspath(path))
        thread.join(60)
    assert told == ["user.err: one", "user.err: two"]
