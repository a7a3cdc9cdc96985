"""sd_notify(3), the sender's side: tell the one who started us how we are."""

from __future__ import annotations

import os
import socket


def send(text: str, address: str | None = None, fds: tuple[int, ...] = ()) -> bool:
    """Send ``text`` (lines NAME=VALUE) to ``$NOTIFY_SOCKET`` or ``address``; False when nobody
    listens.

    A leading ``@`` means the abstract name space. Never waits: a receiver that does not read misses
    it.
    """
    address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
    if not address or address[0] not in "/@":
        return False
    if address[0] == "@":
        address = "\0" + address[1:]
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    with socket.socket(socket.AF_UNIX, kind) as sender:
        try:
            sender.connect(address)
            socket.send_fds(sender, [text.encode()], fds)
        except OSError:  # no socket there, nobody behind it, or its queue is full: not our trouble
            return False
    return True
