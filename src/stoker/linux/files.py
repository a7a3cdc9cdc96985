"""Files as programs need them: replaced whole or not at all, read without fuss when they may be
gone.
"""

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


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write into an existing file in one write(2), as kernel files want it. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def write_atomic(
    path: str | os.PathLike[str], data: bytes, mode: int = 0o600, sync: bool = True
) -> None:
    """Replace ``path`` by ``data``: a reader, and a power cut, find the old or the new, never a
    part.

    Written to a file beside it, fsync(2), rename(2), fsync of the directory (``sync=False`` leaves
    both out, for a runtime directory that does not outlive the boot). Raises OSError and leaves
    nothing behind.
    """
    import tempfile  # here: it brings shutil and random, which programs that only read do not need

    path = os.fspath(path)
    directory = os.path.dirname(path) or "."
    fd, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)[:200]}.", dir=directory)
    try:
        try:
            os.fchmod(fd, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if sync:
        sync_directory(directory)


def sync_directory(path: str | os.PathLike[str]) -> None:
    """Make renames, creations and removals in a directory durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
