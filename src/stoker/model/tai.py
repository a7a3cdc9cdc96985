"""TAI64N: labels of moments that leap seconds do not disturb, as daemontools and its heirs write
them.

A label is 8 bytes of seconds since 1970 TAI plus 2**62, and 4 bytes of nanoseconds, both
big-endian; in text an `@` and 24 hexadecimal digits. The machine's clock is taken to be UTC. The
old tools count the ten leap seconds of 1972 and no others: they are given `leap=OLD_LEAP`.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right

__all__ = ["NEW_LEAP", "OLD_LEAP", "leap_seconds", "tai_label", "tai_text", "tai_wall"]

OLD_LEAP, NEW_LEAP = 10, 37
"""Seconds between TAI and UTC as of 1972, and since 2017."""

_EPOCH = 1 << 62
_BILLION = 1_000_000_000
_DAYS = (
    *(912, 1096, 1461, 1826, 2191, 2557, 2922, 3287, 3652, 4199, 4564, 4929, 5660, 6574, 7305),
    *(7670, 8217, 8582, 8947, 9496, 10043, 10592, 13149, 14245, 15522, 16617, 17167),
)
"""Days since 1970 that began after a leap second (IERS, bulletin C)."""
_TEXT = re.compile(rb"@([0-9a-fA-F]{24})")


def leap_seconds(unix: int) -> int:
    """TAI less UTC, in seconds, at a moment of Unix time."""
    return OLD_LEAP + bisect_right(_DAYS, unix // 86_400)


def tai_label(wall: int, leap: int | None = None) -> bytes:
    """The label (12 bytes) of wall nanoseconds; `leap`: as known for that moment, if not given."""
    seconds, rest = divmod(wall, _BILLION)
    if leap is None:
        leap = leap_seconds(seconds)
    return struct.pack(">QI", _EPOCH + seconds + leap, rest)


def tai_wall(label: bytes, leap: int | None = None) -> int:
    """The inverse of `tai_label`: wall nanoseconds. Raises struct.error when it has no 12 bytes."""
    seconds, rest = struct.unpack(">QI", label)
    seconds -= _EPOCH
    if leap is None:
        leap = leap_seconds(seconds - leap_seconds(seconds))
    return int((seconds - leap) * _BILLION + rest)


def tai_text(line: bytes) -> bytes | None:
    """The label that a line begins with, in text; None when it begins with none."""
    found = _TEXT.match(line)
    return bytes.fromhex(found[1].decode("ascii")) if found else None
