"""Output that is handed on (`log.mode` "passthrough") instead of being kept.

With `stoker run` the keeper holds what that was given as its output and errors, ``stdio/1`` and
``stdio/2``; elsewhere it goes into stoker.log. Of an instance whose lines get its name only whole
lines are handed on: an unfinished one when it is finished, long enough, or its run ends.

Whoever reads may be slower than services write: then no more is read from those (`full`), as if
they wrote to him themselves. But one who has taken nothing for a while is not waited for: a service
must not stand still because nobody looks. From then on what he does not take is dropped, and a line
says so when he reads again.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable, Mapping

from stoker.linux import Loop
from stoker.model import display

from .book import Book
from .lines import ERR, OUT
from .output import pass_through

__all__ = ["PREFIX", "Passing"]

PREFIX = "stdio/"
LONGEST = 65536  # bytes of an unfinished line
ENOUGH = 1 << 20  # bytes that wait for whoever reads, before services have to wait too
MOST = 8 << 20  # what is dropped beyond
SOON = 5_000_000  # nanoseconds between looks whether he has caught up
STALLED = 10.0  # seconds in which nothing was taken
PATIENCE = 3.0  # seconds at the end


class Passing:
    """`given`: the descriptors by the keeper's names; they are ours."""

    def __init__(self, loop: Loop, given: Mapping[str, int]) -> None:
        self.given = dict(given)
        out = Stream(loop, given[f"{PREFIX}1"]) if f"{PREFIX}1" in given else None
        err = Stream(loop, given[f"{PREFIX}2"]) if f"{PREFIX}2" in given else out
        self._streams = {OUT: out, ERR: err}
        self._rest: dict[tuple[str, int], bytes] = {}
        self._loop = loop
        self._waiting: list[Callable[[], object]] = []

    def full(self, again: Callable[[], object]) -> bool:
        """Whether nothing more should be taken for now; `again()` is called when that is over."""
        if not any(one is not None and one.full for one in self._streams.values()):
            return False
        if not self._waiting:
            self._look_later()
        self._waiting.append(again)
        return True

    def _look_later(self) -> None:
        self._loop.at(time.monotonic_ns() + SOON, self._look)

    def _look(self) -> None:
        if any(one is not None and one.full for one in self._streams.values()):
            self._look_later()
            return
        waiting, self._waiting = self._waiting, []
        for again in waiting:
            again()

    def take(self, book: Book, stream: int, chunk: bytes) -> None:
        """Hand on what an instance wrote."""
        to = self._streams[stream]
        if to is None:
            pass_through(book.name, chunk)
            return
        if not book.settings.prefix:
            to.write(chunk)
            return
        key = (book.fmri, stream)
        text = self._rest.pop(key, b"") + chunk
        cut = text.rfind(b"\n") + 1
        if len(text) - cut > LONGEST:
            text += b"\n"
            cut = len(text)
        if text[cut:]:
            self._rest[key] = text[cut:]
        if cut:
            to.write(_named(book.fmri, text[:cut]))

    def ended(self, book: Book, stream: int) -> None:
        """A run has ended, or another begins: its last line is whole."""
        rest = self._rest.pop((book.fmri, stream), b"")
        to = self._streams[stream]
        if rest and to is not None:
            to.write(_named(book.fmri, rest + b"\n"))

    def close(self) -> None:
        """Hand on everything, if whoever reads takes it within a moment."""
        for (fmri, stream), rest in self._rest.items():
            to = self._streams[stream]
            if to is not None:
                to.write(_named(fmri, rest + b"\n"))
        self._rest.clear()
        end = time.monotonic() + PATIENCE
        for to in self._streams.values():
            if to is not None:
                to.flush(end)


def _named(fmri: str, lines: bytes) -> bytes:
    """These whole lines, each with the name before it."""
    head = f"{display(fmri)}: ".encode("utf-8", "surrogateescape")
    return head + lines[:-1].replace(b"\n", b"\n" + head) + b"\n"


class Stream:
    """One descriptor that is written to without waiting."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._step = 0  # bytes that a write may have; 0: as many as there are
        self._waiting = bytearray()
        self._watched = False
        self._dropped = 0  # lines
        self._taken_at = 0.0  # monotonic seconds
        self._choose()

    @property
    def full(self) -> bool:
        """Whether he who reads should be waited for."""
        if len(self._waiting) < ENOUGH:
            return False
        return time.monotonic() - self._taken_at < STALLED

    def _choose(self) -> None:
        """Write to a description of our own where that can be: O_NONBLOCK on the one that we were
        given would be everybody's who has it.
        """
        if stat.S_ISREG(os.fstat(self._fd).st_mode):
            return  # whose position is shared; and it never makes us wait for a reader
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            self._fd = os.open(f"/proc/self/fd/{self._fd}", flags)
        except OSError:  # a socket, another user's, or no /proc
            # PIPE_BUF at a time: so much a pipe that is ready takes without making us wait
            # (pipe(7)).
            self._step = select.PIPE_BUF

    def write(self, data: bytes) -> None:
        """Write now what is taken now, the rest when it is; beyond the bound, nothing."""
        if self._fd < 0:
            return
        if len(self._waiting) + len(data) > MOST:
            self._dropped += max(1, data.count(b"\n"))
            return
        if self._dropped:
            text = f"stoker: {self._dropped} lines were dropped here, because nobody read them\n"
            self._waiting += text.encode()
            self._dropped = 0
        if not self._waiting:
            self._taken_at = time.monotonic()
        self._waiting += data
        self._push()

    def _push(self) -> None:
        while self._waiting:
            if self._step and not _ready(self._fd, 0):
                break
            try:
                done = os.write(self._fd, self._waiting[: self._step or LONGEST])
            except BlockingIOError:
                break
            except OSError:  # closed or full: no service must notice
                self._give_up()
                return
            del self._waiting[:done]
            self._taken_at = time.monotonic()
        if bool(self._waiting) != self._watched:
            self._watched = not self._watched
            if self._watched:
                self._loop.watch(self._fd, select.EPOLLOUT, lambda _events: self._push())
            else:
                self._loop.forget(self._fd)

    def _give_up(self) -> None:
        if self._watched:
            self._loop.forget(self._fd)
        self._waiting.clear()
        self._fd = -1

    def flush(self, end: float) -> None:
        """Write what waits until `end` (monotonic seconds) at the latest."""
        while self._waiting and (left := end - time.monotonic()) > 0:
            _ready(self._fd, left)
            self._push()


def _ready(fd: int, seconds: float) -> bool:
    """Whether it takes something within so many seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))
