"""Commands on a terminal of their own, for tests of what a person sees and presses."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator

from stoker.testing import Scenario

__all__ = ["CTRL_C", "PATIENCE", "Terminal", "terminal"]

CTRL_C = b"\x03"
PATIENCE = 60.0
# Takes the terminal on its standard input as its own, so that a Ctrl-C there reaches it.
TAKE = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, place: Scenario, *words: str) -> None:
        self.master, slave = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, *place.command(*words)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**place.environment, "TERM": "xterm"},
        )
        os.close(slave)

    def expect(self, text: str) -> None:
        """Read until `text` was seen."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], end - time.monotonic())
            assert ready, f"{text!r} was not seen in {self.seen!r}"
            try:
                data = os.read(self.master, 65536)
            except OSError:  # every process on the terminal has ended
                data = b""
            assert data, f"it ended without {text!r}: {self.seen!r}"
            self.seen += data.decode("utf-8", "replace")

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def status(self) -> int:
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@contextlib.contextmanager
def terminal(place: Scenario, *words: str) -> Iterator[Terminal]:
    one = Terminal(place, *words)
    try:
        yield one
    finally:
        one.close()
