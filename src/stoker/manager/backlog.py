"""History that the recorder has not taken yet, in memory that the keeper holds too: a manager that
dies while the recorder stands still loses none of it.

Made when first needed, and emptied when everything has been taken. Layout: the offset (64 bit,
little endian) of the first record that was not taken, then records: length (32 bit), bytes. A
death between the taking of a record and the writing of the offset has that one told twice.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

__all__ = ["Backlog"]

_START = struct.Struct("<Q")
_LENGTH = struct.Struct("<I")
_MUCH = 1 << 20  # bytes taken already; then what is left moves to a fresh file


class Backlog:
    """`hold(fd)` has the keeper hold a file in place of the one before; `fd`: a predecessor's, -1
    if there is none. Without memory there is no backlog, and nothing else is the worse for it.
    """

    def __init__(self, hold: Callable[[int], object], fd: int = -1) -> None:
        self._hold = hold
        self._fd = fd
        self._start = self._end = _START.size
        self.left: list[bytes] = self._read() if fd >= 0 else []
        """What a predecessor left, oldest first."""

    def _read(self) -> list[bytes]:
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        found: list[bytes] = []
        if len(data) >= _START.size:
            self._start = min(max(_START.unpack_from(data)[0], _START.size), len(data))
        self._end = self._start
        while self._end + _LENGTH.size <= len(data):
            (length,) = _LENGTH.unpack_from(data, self._end)
            record = data[self._end + _LENGTH.size : self._end + _LENGTH.size + length]
            if not length or len(record) < length:
                break  # its writer died over it
            found.append(record)
            self._end += _LENGTH.size + length
        os.ftruncate(self._fd, self._end)
        os.pwrite(self._fd, _START.pack(self._start), 0)
        return found

    def add(self, record: bytes) -> None:
        """One more that waits."""
        data = _LENGTH.pack(len(record)) + record
        try:
            if self._fd < 0:
                self._renew(data)
            else:
                self._end += os.pwrite(self._fd, data, self._end)
        except OSError:  # no memory: it waits in ours alone
            pass

    def taken(self, record: bytes) -> None:
        """The oldest has been taken."""
        if self._fd < 0:
            return
        self._start += _LENGTH.size + len(record)
        try:
            if self._start >= self._end:
                os.ftruncate(self._fd, 0)
                self._start = self._end = _START.size
            elif self._start > _MUCH and 2 * self._start > self._end:
                self._renew(os.pread(self._fd, self._end - self._start, self._start))
                return
            os.pwrite(self._fd, _START.pack(self._start), 0)
        except OSError:  # no memory: a successor tells some of it again
            pass

    def _renew(self, rest: bytes) -> None:
        fresh = os.memfd_create("stoker-backlog", os.MFD_CLOEXEC)
        os.pwrite(fresh, _START.pack(_START.size) + rest, 0)
        self._hold(fresh)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._start, self._end = fresh, _START.size, _START.size + len(rest)
