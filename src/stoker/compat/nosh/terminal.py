"""A terminal that is filled whole, with control sequences that every one has understood for long.

Keys are words ("up", "page-down"), or the character itself; whichever way a terminal spells them.
What was on the screen is there again afterwards, also after a signal.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterable
from types import TracebackType

__all__ = ["Terminal", "split_keys"]

_ESC = b"\x1b"
_KEYS = {
    **{
        _ESC + lead + final: word
        for lead in (b"[", b"O")
        for final, word in (
            *((b"A", "up"), (b"B", "down"), (b"C", "right"), (b"D", "left")),
            *((b"H", "home"), (b"F", "end")),
        )
    },
    **{
        _ESC + b"[" + number + b"~": word
        for number, word in (
            *((b"1", "home"), (b"7", "home"), (b"4", "end"), (b"8", "end")),
            *((b"5", "page-up"), (b"6", "page-down")),
        )
    },
}
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def split_keys(data: bytes) -> tuple[list[str], bytes]:
    """The keys of what was read, and what may be the beginning of one more. A sequence that is not
    known is passed over.
    """
    found: list[str] = []
    while data:
        if data[:1] != _ESC:
            found.append(data[:1].decode("latin-1"))
            data = data[1:]
            continue
        length = _length(data)
        if not length:
            break
        if word := _KEYS.get(data[:length]):
            found.append(word)
        data = data[length:]
    return found, data


def _length(data: bytes) -> int:
    """Of the sequence that data begins with; 0: it is not whole."""
    if len(data) < 2:
        return 0
    if data[1:2] == b"O":
        return 3 if len(data) > 2 else 0
    if data[1:2] != b"[":
        return 1
    for at in range(2, len(data)):
        if 0x40 <= data[at] <= 0x7E:
            return at + 1
    return 0


class Terminal:
    """The terminal of standard input and output, while it is entered. `apart`: on a screen of its
    own.
    """

    def __init__(self, *, apart: bool = True) -> None:
        self._enter = b"\x1b[?1049h" * apart + b"\x1b[?25l"
        self._leave = b"\x1b[?25h" + (b"\x1b[?1049l" if apart else b"\n")
        self._rest = b""
        self._bell, self._ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before: dict[int, object] = {}

    def __enter__(self) -> Terminal:
        sys.stdout.flush()
        self._modes = termios.tcgetattr(0)
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        for number in (*_SIGNALS, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT):
            self._before[number] = signal.signal(number, lambda _number, _frame: None)
        self._begin()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._end()
        os.close(self._bell)
        os.close(self._ring)

    def _begin(self) -> None:
        tty.setcbreak(0)
        self._write(self._enter)

    def _end(self) -> None:
        self._write(self._leave)
        termios.tcsetattr(0, termios.TCSADRAIN, self._modes)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        found = os.get_terminal_size(1)
        return max(1, found.columns), max(1, found.lines)

    def show(self, lines: Iterable[str], marked: int) -> None:
        """Fill the screen; the line with that number stands out."""
        columns, height = self.size
        text = "\x1b[H"
        shown = list(lines)[:height]
        for number, line in enumerate(shown):
            plain = "".join(one if one.isprintable() else "?" for one in line)[:columns]
            if number == marked:
                plain = f"\x1b[7m{plain.ljust(columns)}\x1b[m"
            text += plain + "\x1b[K" + ("\r\n" if number + 1 < len(shown) else "")
        self._write((text + "\x1b[J").encode("utf-8", "replace"))

    def keys(self) -> list[str] | None:
        """The keys that are pressed next; [] when the screen is to be shown again; None when it is
        time to end.
        """
        ready, _, _ = select.select([0, self._bell], [], [])
        if self._bell in ready:
            for number in os.read(self._bell, 64):
                if number in _SIGNALS:
                    return None
                if number == signal.SIGTSTP:
                    self._end()
                    os.kill(os.getpid(), signal.SIGSTOP)
                    self._begin()
            return []
        data = os.read(0, 1024)
        if not data:
            return None
        found, self._rest = split_keys(self._rest + data)
        return found

    @staticmethod
    def _write(data: bytes) -> None:
        while data:
            data = data[os.write(1, data) :]
