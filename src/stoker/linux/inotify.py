"""inotify(7): one descriptor that tells of changes to many files."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import NamedTuple

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
UNMOUNT, OVERFLOW, IGNORED, ISDIR = 0x2000, 0x4000, 0x8000, 0x40000000
ONLYDIR, DONT_FOLLOW, ONESHOT = 0x1000000, 0x2000000, 0x80000000

_libc = ctypes.CDLL(None, use_errno=True)
_HEAD = struct.Struct("iIII")


class Change(NamedTuple):
    """``watch`` as `Inotify.add` returned it (-1 with OVERFLOW: look at everything again); ``name``
    is the entry concerned when a directory is watched, else empty.
    """

    watch: int
    mask: int
    name: str


class Inotify:
    """An inotify instance; ``fd`` is for the loop (readable when there are changes). Raises
    OSError.
    """

    def __init__(self) -> None:
        self.fd: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            _fail("inotify_init1")

    def add(self, path: str | os.PathLike[str], mask: int) -> int | None:
        """Watch ``path``; returns the watch's number, the same for the same file. None when it is
        not there or may not be read. Raises OSError (ENOSPC: the user's limit of watches is
        reached).
        """
        watch: int = _libc.inotify_add_watch(self.fd, os.fsencode(path), ctypes.c_uint32(mask))
        if watch < 0:
            if ctypes.get_errno() in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENODEV):
                return None
            _fail(os.fspath(path))
        return watch

    def add_nearest(self, directory: str, mask: int) -> tuple[int | None, str]:
        """Watch ``directory``, or the nearest one above it that is there: the watch, and what it
        is of. Raises OSError as `add`.
        """
        while (watch := self.add(directory, mask)) is None and directory not in ("/", ""):
            directory = os.path.dirname(directory)
        return watch, directory

    def remove(self, watch: int) -> None:
        """Stop a watch; harmless when the kernel has ended it already."""
        _libc.inotify_rm_watch(self.fd, watch)

    def read(self) -> list[Change]:
        """The changes since the last call; never waits."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return []
        found, at = [], 0
        while at < len(data):
            watch, mask, _cookie, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            name = data[at : at + length].rstrip(b"\0")
            found.append(Change(watch, mask, os.fsdecode(name)))
            at += length
        return found

    def close(self) -> None:
        """End all watches."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), what)
