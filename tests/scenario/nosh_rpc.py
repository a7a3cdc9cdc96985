"""A client of nosh's RPC that knows nothing of stoker: datagrams, as the specification has them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

PLUMB, LOAD, ACTIVATE, UNLOAD, PIPE, REMAIN = range(1, 7)


def datagram(operation: int, name: str = "") -> bytes:
    return bytes((operation,)) + name.encode().ljust(261, b"\0")


def send(path: Path, data: bytes, *directories: Path) -> None:
    fds = [os.open(one, os.O_RDONLY) for one in directories]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.connect(str(path))
        socket.send_fds(end, [data], fds)
    for fd in fds:
        os.close(fd)


def load(path: Path, supervise: Path, service: Path) -> None:
    """As every client does: the directory is made by who wants it."""
    supervise.mkdir(exist_ok=True)
    send(path, datagram(LOAD, service.parent.name), supervise, service)
