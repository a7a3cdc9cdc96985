"""The read ends of the services' output pipes, as the keeper gives them to us."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from .book import Book
from .lines import ERR, OUT

__all__ = ["PIPES", "Pipe", "Pipes", "split_name"]

PIPES = "log/"
"""What their names begin with: ``log/FMRI``, or ``log/FMRI#err`` where that is apart."""


class Pipe:
    """The read end of one output pipe. `name` is the keeper's name of it, `stream` OUT or ERR."""

    __slots__ = ("book", "fd", "grown", "name", "read_at", "stream")

    def __init__(self, name: str, fd: int, book: Book, stream: int) -> None:
        self.name = name
        self.fd = fd
        self.book = book
        self.stream = stream
        self.grown = False
        self.read_at = 0  # monotonic ns


def split_name(name: str) -> tuple[str, int]:
    """The FMRI and the stream."""
    fmri = name.removeprefix(PIPES)
    if fmri.endswith("#err"):
        return fmri[:-4], ERR
    return fmri, OUT


class Pipes:
    """Those that are open. `book(fmri)`: where the output of an instance is kept."""

    def __init__(self, book: Callable[[str], Book]) -> None:
        self._book = book
        self._open: dict[int, Pipe] = {}
        self._of: dict[str, list[Pipe]] = {}

    def take(self, items: Mapping[str, int]) -> list[Pipe]:
        """What the keeper gives: those that are new; the rest is closed."""
        found = []
        for name, fd in items.items():
            fmri, stream = split_name(name)
            if not name.startswith(PIPES) or self._is_known(name, fmri, fd):
                os.close(fd)
                continue
            os.set_blocking(fd, False)
            pipe = self._open[fd] = Pipe(name, fd, self._book(fmri), stream)
            self._of.setdefault(fmri, []).append(pipe)
            found.append(pipe)
        return found

    def _is_known(self, name: str, fmri: str, fd: int) -> bool:
        """Whether it is the very pipe that we have under this name: a thing may come twice."""
        inode = os.fstat(fd).st_ino
        return any(one.name == name and os.fstat(one.fd).st_ino == inode for one in self.of(fmri))

    def all(self) -> list[Pipe]:
        """Those there are."""
        return list(self._open.values())

    def of(self, fmri: str) -> list[Pipe]:
        """Those of an instance."""
        return self._of.get(fmri, [])

    def has(self, pipe: Pipe) -> bool:
        """Whether it is still open."""
        return self._open.get(pipe.fd) is pipe

    def close(self, pipe: Pipe) -> None:
        """It has ended, or is another's now."""
        del self._open[pipe.fd]
        os.close(pipe.fd)
        there = self._of[pipe.book.fmri]
        there.remove(pipe)
        if not there:
            del self._of[pipe.book.fmri]
