"""Files as programs need them: read without fuss when they may be gone."""

from __future__ import annotations

import os


def read(path: str | os.PathLike[str], limit: int = 1 << 20) -> bytes | None:
    """The first ``limit`` bytes; None when there is no such file or it may not be read.

    Meant for /proc, /sys and our own small files: a process may go while its file is being read
    (ESRCH), a cgroup too (ENODEV).
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # gone, refused, or no such thing in this kernel: all the same to a reader
        return None
    try:
        parts = []
        while limit > 0:
            part = os.read(fd, min(limit, 65536))
            if not part:
                break
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    except OSError:  # it went away under us
        return None
    finally:
        os.close(fd)


def contents(fd: int) -> bytes:
    """All that a file has, wherever its descriptor stands. Raises OSError."""
    parts, at = [], 0
    while part := os.pread(fd, 1 << 20, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write into an existing file in one write(2), as kernel files want it. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
