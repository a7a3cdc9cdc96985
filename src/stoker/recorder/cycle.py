"""A recorder for standard input alone: log directories as multilog and nosh's cyclog keep them.

In each directory `current` is written to, every line behind its TAI64N label; a file that was
closed is `@LABEL.s` (whole) or `@LABEL.u` (its writer died). Blocks are stamped as the recorder
proper stamps them: all lines that were read at once bear one time. `current` is executable by its
owner while nobody writes to it, which is how the next writer knows that it is whole.

Reading stops while a file cannot be written: whoever writes to us waits, and nothing is lost. ALRM
closes the files in use; TERM, INT, HUP and QUIT end it, after what was read is written.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import signal
import stat
import sys
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from stoker.model import tai_label

from .lines import OUT, Encoder, Parts, State
from .output import write_all

__all__ = ["Cycle", "Labelled", "main"]

_BLOCK = 96 * 1024
_PAUSE = 1.0  # seconds before what failed is tried again
_OLD = re.compile(r"@[0-9a-f]{24}\.[su]")
_SIGNALS = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGALRM, signal.SIGTSTP),
)
_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


class Labelled(Encoder):
    """Lines behind TAI64N labels in text."""

    def head(self, when: str, stream: int, run: int, part: bool) -> bytes:
        return b"@" + when.encode("ascii") + b" "

    def body(self, data: bytes, head: bytes) -> bytes | memoryview:
        body = data.replace(b"\n", b"\n" + head)
        return memoryview(body)[: -len(head)] if data[-1] == 10 else body

    def fits(self, first: bytes, indexed: bool) -> bool:
        return first[:1] == b"@"


class Cycle:
    """One log directory. `size`: of a file; `total`: of all together; `margin`: bytes at the end
    of a file in which it is closed at the next end of a line. Raises OSError when the directory
    cannot be used, BlockingIOError when another has locked it.
    """

    def __init__(self, path: str, size: int, total: int, margin: int) -> None:
        if not stat.S_ISDIR(os.stat(path).st_mode):  # later what fails is tried again for ever
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        self.path = path
        self._size, self._total, self._margin = size, total, margin
        self._encoder = Labelled()
        self._lock = os.open(f"{path}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise
        self._fd = -1
        self._at = 0
        self._state = State()
        self._open()
        if self._at >= size:
            self.rotate()

    def keep(self, data: bytes, wall: int) -> None:
        """Write what was read at that moment (wall nanoseconds), into as many files as it needs."""
        parts, self._state = self._encoder.encode(data, OUT, tai_label(wall).hex(), self._state)
        text = b"".join(parts)
        at = 0
        while at < len(text):
            end = self._fit(text, at)
            self._write([text[at:end]])
            at = end
            if self._at + (self._margin if text[at - 1] == 10 else 0) >= self._size:
                self.rotate()

    def _fit(self, text: bytes, at: int) -> int:
        """Where the part ends that the file in use takes."""
        room = max(0, self._size - self._margin - self._at)
        if len(text) - at < room:
            return len(text)
        end = text.find(b"\n", at + max(0, room - 1)) + 1 or len(text)
        return min(end, at + max(1, self._size - self._at))

    def _write(self, parts: Parts) -> None:
        self._at += self._try("writing", "current", write_all, self._fd, parts, self._at)

    def rotate(self) -> None:
        """Close the file in use, and begin another; an empty one is gone on with."""
        if not self._at:
            return
        label = tai_label(time.time_ns()).hex()
        for step, name in (("u", "current"), ("s", f"@{label}.u")):
            self._try("renaming", name, os.rename, f"{self.path}/{name}",
                      f"{self.path}/@{label}.{step}")  # fmt: skip
            if step == "u":
                self._finish()
        self._open()

    def _finish(self) -> None:
        self._try("syncing", "current", os.fsync, self._fd)
        self._try("marking", "current", os.fchmod, self._fd, 0o744)
        os.close(self._fd)
        self._fd = -1

    def _open(self) -> None:
        self._trim()
        path = f"{self.path}/current"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._fd = self._try("opening", "current", os.open, path, flags, 0o744)
        if not os.fstat(self._fd).st_mode & 0o100:  # whoever wrote it has died
            label = tai_label(time.time_ns()).hex()
            self._try("renaming", "current", os.rename, path, f"{self.path}/@{label}.u")
            os.close(self._fd)
            self._fd = self._try("opening", "current", os.open, path, flags, 0o744)
        self._try("marking", "current", os.fchmod, self._fd, 0o644)
        self._at = os.fstat(self._fd).st_size
        last = os.pread(self._fd, 1, self._at - 1) if self._at else b""
        if last:  # an empty file goes on with the line of the one before
            self._state = State(open=0 if last == b"\n" else OUT)

    def _trim(self) -> None:
        """Remove the oldest files as long as all together are too much."""
        files = self._try("scanning", ".", self._files)
        total = sum(size for _name, size in files)
        for name, size in files:
            if total <= self._total or name == "current":
                return
            self._try("removing", name, os.unlink, f"{self.path}/{name}")
            _say(f"removed {self.path}/{name}, {size} bytes")
            total -= size

    def _files(self) -> list[tuple[str, int]]:
        names = [one for one in os.listdir(self.path) if one == "current" or _OLD.fullmatch(one)]
        return [(name, os.stat(f"{self.path}/{name}").st_size) for name in sorted(names)]

    def _try(
        self,
        what: str,
        name: str,
        act: Callable[_Given, _Found],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Found:
        """What `act` returns, as soon as it can be done."""
        while True:
            try:
                return act(*given, **named)
            except OSError as error:
                _say(f"{what} {self.path}/{name}: {error.strerror}; trying again")
                time.sleep(_PAUSE)

    def close(self) -> None:
        """All that was kept is on the disk."""
        self._finish()
        os.close(self._lock)


def _say(text: str) -> None:
    print(f"cyclog: {text}", file=sys.stderr, flush=True)


def main(argv: list[str]) -> int:
    """``cyclog SIZE TOTAL MARGIN DIRECTORY…``: until standard input ends, or a signal comes: 0; 1
    when a directory cannot be used.
    """
    size, total, margin = (int(one) for one in argv[:3])
    kept: list[Cycle] = []
    for path in argv[3:]:
        try:
            kept.append(Cycle(path, size, total, margin))
        except OSError as error:
            _say(f"{path}: {error.strerror}")
            return 1
    bell, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    for number in _SIGNALS:
        signal.signal(number, lambda _number, _frame: None)
    while _turn(kept, bell):
        pass
    for one in kept:
        one.close()
    return 0


def _turn(kept: list[Cycle], bell: int) -> bool:
    """Wait for a signal or for input, and act on it; whether to go on."""
    ready, _, _ = select.select([0, bell], [], [])
    if bell in ready:
        for number in os.read(bell, 64):
            if number == signal.SIGTSTP:
                os.kill(os.getpid(), signal.SIGSTOP)
            elif number != signal.SIGALRM:
                return False
            else:
                for one in kept:
                    one.rotate()
    if 0 not in ready:
        return True
    data = os.read(0, _BLOCK)
    for one in kept if data else ():
        one.keep(data, time.time_ns())
    return bool(data)
