"""One supervise directory: its files made, held and written. What goes wrong is an OSError."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

__all__ = ["Folder"]

_OPEN = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


class Folder:
    """The directory `path`. While it is served, `control` is what commands are read from (-1 when
    it is not). `identity`: its device and inode, once it was found.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.control = -1
        self.identity = (0, 0)
        self._ok = -1
        self._lock = -1

    def lock(self) -> None:
        """Make the directory, and have it alone. Raises BlockingIOError when another program has
        it.
        """
        if self._lock >= 0:
            return
        self._make()
        found = os.stat(self.path)
        self.identity = (found.st_dev, found.st_ino)
        flags = os.O_RDWR | os.O_CREAT | _OPEN
        lock = os.open(f"{self.path}/lock", flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # As s6 locks and looks: whether somebody has it. A lock of its own kind.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
        self._lock = lock

    def _make(self) -> None:
        """The directory; where it is a link to one that is not there, that one."""
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            if os.path.isdir(self.path):
                return
            if not os.path.islink(self.path):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
            target = os.path.join(os.path.dirname(self.path), os.readlink(self.path))
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            os.mkdir(target, 0o755)

    def open(self) -> None:
        """Have the FIFOs, and be seen to serve: `ok` last, when all else is there."""
        try:
            self.control = self._fifo("control", 0o600, os.O_RDWR)
            self._ok = self._fifo("ok", 0o666, os.O_RDONLY)
        except OSError:
            self._drop()
            raise

    def _fifo(self, name: str, mode: int, flags: int) -> int:
        path = f"{self.path}/{name}"
        try:
            os.mkfifo(path, mode)
            os.chmod(path, mode)
        except FileExistsError:
            pass  # from before; the permissions that people gave it stay
        fd = os.open(path, flags | _OPEN)
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EEXIST, f"{name} is no FIFO")
        return fd

    def read_status(self) -> bytes:
        """What the file says now; nothing when there is none."""
        try:
            fd = os.open(f"{self.path}/status", os.O_RDONLY | _OPEN)
        except OSError:  # there is none, or it is nothing that we wrote
            return b""
        try:
            return os.read(fd, 256)
        finally:
            os.close(fd)

    def write_status(self, data: bytes) -> None:
        """In place, in one piece: who reads it at the same moment has the old or the new."""
        fd = os.open(f"{self.path}/status", os.O_WRONLY | os.O_CREAT | _OPEN, 0o644)
        try:
            if os.fstat(fd).st_size > len(data):
                os.ftruncate(fd, 0)
            os.pwrite(fd, data, 0)
        finally:
            os.close(fd)

    def commands(self) -> bytes:
        """What has been written to `control`."""
        try:
            return os.read(self.control, 4096)
        except BlockingIOError:
            return b""

    @property
    def locked(self) -> bool:
        """Whether it is ours."""
        return self._lock >= 0

    def is_there(self) -> bool:
        """Whether the path leads to the directory that it led to."""
        try:
            found = os.stat(self.path)
        except OSError:  # it was removed
            return False
        return (found.st_dev, found.st_ino) == self.identity

    def _drop(self) -> None:
        for fd in (self._ok, self.control):
            if fd >= 0:
                os.close(fd)
        self.control = self._ok = -1

    def close(self) -> None:
        """Serve it no more; its files stay."""
        self._drop()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
