"""The state log: what a manager must find again after its predecessor died at any instruction.

A file in memory (memfd) that the keeper holds too, by the name ``state``. Layout, version 1:

    8 bytes  b"STOKERS1"
    records  length (32 bit, little endian), crc32 of what follows, then a JSON object {key: value}

A record holds the values that one turn changed, written with one pwrite; null forgets a key. Later
records win. The file is only ever appended to. When it has grown to four times what is alive, the
live values are written to a fresh file, which the keeper takes in place of the old one in one step.

Reading never fails: a torn tail is cut off, a record whose sum is wrong is passed over when a good
one follows. `StateLog.damage` says in words what was lost.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from stoker.linux import faults, files

__all__ = ["StateLog"]

_MAGIC = b"STOKERS1"
_HEAD = struct.Struct("<II")
_LARGEST = 256 << 20  # no record is: a length beyond it is damage
_SMALL = 256 << 10  # below this size rewriting is not worth a thought
_GROWTH = 4
_NULL = b"null"

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder()


class StateLog:
    """An append log in `fd`. `replace(fd)` is called with each fresh file, to be held by the
    keeper.
    """

    def __init__(self, replace: Callable[[int], None]) -> None:
        self._replace = replace
        self.fd = -1
        self.size = 0
        self.damage = ""
        self._limit = _SMALL

    def create(self) -> None:
        """Begin with nothing. Raises OSError when the kernel gives no file."""
        self._swap(b"")

    def open(self, fd: int) -> dict[str, Any]:
        """Go on with a predecessor's file; returns the live values. Whatever it holds, this does
        not raise.
        """
        live = self._load(fd)
        self.fd = fd
        self._limit = max(_SMALL, _GROWTH * sum(map(len, live.values())))
        return {key: msgspec.json.decode(raw) for key, raw in live.items()}

    def append(self, values: Mapping[str, Any]) -> None:
        """Write what a turn changed. Raises OSError (memory is full): nothing was written then."""
        faults.point("append")
        data = _encode.encode(values)
        record = _HEAD.pack(len(data), zlib.crc32(data)) + data
        done = 0
        try:
            while done < len(record):
                done += os.pwrite(self.fd, record[done:], self.size + done)
        except OSError:
            os.ftruncate(self.fd, self.size)
            raise
        self.size += done
        if self.size > self._limit:
            try:
                self._rewrite()
            except OSError:
                # No memory or no descriptor for a fresh file: the old one goes on, and is tried
                # again later.
                self._limit = 2 * self.size

    def close(self) -> None:
        """Give the descriptor back; the keeper still has the file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    # -- inside

    def _load(self, fd: int) -> dict[str, bytes]:
        """The live values as JSON, and `size` at the end of what is good, where the file is cut."""
        data = files.contents(fd)
        live: dict[str, bytes] = {}
        if data[: len(_MAGIC)] != _MAGIC:
            self.damage = "the state is not a state log: nothing of it is used" if data else ""
            os.ftruncate(fd, 0)
            os.pwrite(fd, _MAGIC, 0)
            self.size = len(_MAGIC)
            return live
        at, passed = len(_MAGIC), 0
        while at < len(data):
            record, end = _record(data, at)
            if record is not None:
                _fold(live, record)
            elif end and (_record(data, end)[0] is not None):
                passed += 1
            else:
                break
            at = end
        lost = len(data) - at
        if lost or passed:
            self.damage = (
                f"state log: {passed} damaged records passed over, {lost} bytes cut off the end"
            )
        if lost:
            os.ftruncate(fd, at)
        self.size = at
        return live

    def _rewrite(self) -> None:
        live = self._load(self.fd)
        body = b"".join(msgspec.json.encode(key) + b":" + raw + b"," for key, raw in live.items())
        old = self.fd
        self._swap(b"{" + body.removesuffix(b",") + b"}" if live else b"")
        os.close(old)

    def _swap(self, data: bytes) -> None:
        fd = os.memfd_create("stoker-state", os.MFD_CLOEXEC)
        record = _HEAD.pack(len(data), zlib.crc32(data)) + data if data else b""
        whole = _MAGIC + record
        done = 0
        try:
            while done < len(whole):
                done += os.pwrite(fd, whole[done:], done)
            faults.point("put-state")
            self._replace(fd)
        except BaseException:
            os.close(fd)
            raise
        self.fd, self.size = fd, len(whole)
        self._limit = max(_SMALL, _GROWTH * len(whole))


def _record(data: bytes, at: int) -> tuple[dict[str, msgspec.Raw] | None, int]:
    """The record at `at` and where the next begins; (None, next) when it is damaged, (None, 0) when
    there is no next.
    """
    if at + _HEAD.size > len(data):
        return None, 0
    length, crc = _HEAD.unpack_from(data, at)
    end = at + _HEAD.size + length
    if length > _LARGEST or end > len(data):
        return None, 0
    body = data[at + _HEAD.size : end]
    if zlib.crc32(body) != crc:
        return None, end
    try:
        return _decode.decode(body), end
    except msgspec.DecodeError:  # a right sum over nonsense: treated as damage
        return None, end


def _fold(live: dict[str, bytes], record: dict[str, msgspec.Raw]) -> None:
    for key, raw in record.items():
        value = bytes(raw)
        if value == _NULL:
            live.pop(key, None)
        else:
            live[key] = value
