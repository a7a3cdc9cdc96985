"""Who is at the other end of a unix socket, as the kernel says it (unix(7), SO_PEERCRED)."""

from __future__ import annotations

import socket
import struct

__all__ = ["credentials"]

SO_PEERGROUPS = 59
"""socket(7), Linux 4.13: all groups of the peer at connect time."""


def credentials(connection: socket.socket) -> tuple[int, int, int, tuple[int, ...]]:
    """pid, uid, gid and further groups of who connected, as they were then. Raises OSError."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = struct.unpack("iII", raw)
    try:
        more = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * 1024)
    except OSError:
        more = b""  # an older kernel, or more groups than fit: the primary group counts alone
    return pid, uid, gid, struct.unpack(f"{len(more) // 4}I", more[: len(more) // 4 * 4])
