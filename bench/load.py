"""Requests at a fixed rate, and followers of events, beside whatever else is measured.

What offers them is a small program of its own, compiled here: one in Python takes more of the two
cores than the manager that it asks, and offers a fraction of what it was told to. Where there is no
compiler there is no such load, and nothing is measured beside it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from .service import compiled

__all__ = ["Load", "Offered", "make"]

_ASKERS = 64
"""Connections. A client of ours waits for its answer before it asks again."""


class Offered(NamedTuple):
    """What a load came to: requests that were due, and answered; seconds; an answer's median, 99th
    percentile and longest time in milliseconds, from when its request was due; bytes that followers
    were sent.
    """

    due: int
    answered: int
    seconds: float
    p50: float
    p99: float
    longest: float
    bytes: int


def make(directory: Path) -> Path | None:
    """The program, made in a directory; None where it cannot be."""
    program = directory / "load"
    return program if program.exists() or compiled("load.c", program, "-O2") else None


class Load:
    """So many requests a second for one target, and so many followers, until `end`; gone in any
    case when its block is left.
    """

    def __init__(self, program: Path, socket: Path, target: str, rate: int, followers: int) -> None:
        words = map(str, (program, socket, target, rate, _ASKERS if rate else 0, followers))
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([*words], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self.end()

    def end(self) -> Offered:
        """Stop; the figures. Raises OSError when it could not be kept up."""
        said, complaint = self._process.communicate(timeout=60)
        if self._process.returncode:
            raise OSError(f"the load ended by itself: {complaint.strip()}")
        due, answered, seconds, p50, p99, longest, size = map(float, said.split())
        return Offered(int(due), int(answered), seconds, p50, p99, longest, int(size))

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.__exit__(None, None, None)
