"""stoker.log: what keeper, manager and recorder say of themselves, kept from growing for ever.

Three processes hold it open for appending and nobody can tell them to open another, so it is
copied and then truncated. A line that another process writes between the last look and the
truncation would be lost; the copy goes on until it finds nothing more, so that is a matter of
microseconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from .names import closed_files, closing_name

__all__ = ["OWN_FOLDER", "OwnLog"]

OWN_FOLDER = "stoker.log.old"
LIMIT = 4_000_000
COUNT = 5
LOOK = 60.0  # seconds


class OwnLog:
    """`path`: stoker.log; older ones lie in ``stoker.log.old`` beside it. `closed(path)`: this
    one may be compressed.
    """

    def __init__(self, path: str, closed: Callable[[str], object], limit: int = LIMIT) -> None:
        self._path = path
        self._folder = os.path.join(os.path.dirname(path), OWN_FOLDER)
        self._closed = closed
        self._limit = limit
        self._looked = -LOOK

    def look(self) -> None:
        """Cut the log if it has grown too long; looks at most once a minute, and costs nothing
        between. Raises OSError.
        """
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        try:
            if os.stat(self._path).st_size > self._limit:
                self.cut()
        except FileNotFoundError:
            pass  # somebody removed it; the three go on writing into what they hold

    def cut(self) -> str:
        """Copy it to a file with the time as name, and truncate it. That file's path. Raises
        OSError.
        """
        try:
            os.mkdir(self._folder, 0o750)
        except FileExistsError:
            pass  # as it should be
        target = os.path.join(self._folder, closing_name(self._folder, time.time_ns()))
        source = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            try:
                offset = 0
                while count := os.sendfile(copy, source, offset, 1 << 20):
                    offset += count
                os.ftruncate(source, 0)
            except BaseException:
                os.unlink(target)
                raise
            finally:
                os.close(copy)
        finally:
            os.close(source)
        for name in closed_files(self._folder)[:-COUNT]:
            os.unlink(os.path.join(self._folder, name))
        self._closed(target)
        return target
