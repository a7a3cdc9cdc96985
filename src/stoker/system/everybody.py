"""A message to everybody who is logged in, as wall(1) writes it."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable

__all__ = ["terminals", "wall"]

UTMP = "/run/utmp"
_SIZE, _USER = 384, 7  # bytes of a record, type of somebody who is logged in (utmp(5))


def terminals(path: str = UTMP) -> list[str]:
    """The terminals that people are logged in at."""
    try:
        with open(path, "rb") as file:
            data = file.read(_SIZE * 10_000)
    except OSError:
        return []
    found: dict[str, None] = {}
    for at in range(0, len(data) - _SIZE + 1, _SIZE):
        kind, line = struct.unpack_from("=hxxi32s", data, at)[::2]
        name = line.partition(b"\0")[0].decode("ascii", "replace")
        if kind == _USER and name and ".." not in name:
            found[f"/dev/{name}"] = None
    return list(found)


def wall(text: str, paths: Iterable[str] | None = None) -> int:
    """Write it; to how many. A terminal that does not take it at once is passed over."""
    stamp = time.strftime("%H:%M")
    message = f"\r\n\aFrom the system manager ({stamp}):\r\n\r\n{text}\r\n\r\n".encode()
    reached = 0
    for path in terminals() if paths is None else paths:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue  # gone meanwhile
        try:
            os.write(fd, message)
            reached += 1
        except OSError:
            pass  # it is stopped, or hung up
        finally:
            os.close(fd)
    return reached
