"""The service that everybody runs, compiled here; a script where there is no compiler.

The script appends its pid to a file and executes `sleep infinity`: dearer and less exact (starts
are then seen when we look), but the same for all in a run; the report says which one it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Protocol

from .page import ROOM, Late, Page

__all__ = ["Service", "Stamps", "compiled", "make"]


class Stamps(Protocol):
    """Where starts are seen; `page.Page` is the exact one."""

    @property
    def taken(self) -> int:
        """How many starts there were."""

    def pids(self, first: int = 0) -> list[int]:
        """Who started, from a start's number on."""

    def slot(self, number: int) -> tuple[int, int]:
        """(stamp in ns, pid) of a start."""

    def wait(self, count: int, timeout: float) -> int:
        """Wait for `count` starts; the latest stamp. Raises Late."""

    def clear(self) -> None:
        """Forget all starts."""


class Service:
    """`program`: the executable; `kind`: what it is, in words; `stamps`: where it tells its starts.

    `speaks`: whether it can say that it is ready (argv[1] "fd3" or "notify").
    """

    def __init__(self, program: Path, kind: str, stamps: Stamps, speaks: bool) -> None:
        self.program = program
        self.kind = kind
        self.stamps = stamps
        self.speaks = speaks

    def put(self, path: Path) -> None:
        """Make `path` the service's executable: another name of it."""
        try:
            os.link(self.program, path)
        except OSError:  # another file system, or too many names
            shutil.copy2(self.program, path)


class _Lines:
    """Starts as lines of a file, each a pid. A stamp is the moment at which we saw the line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        path.chmod(0o666)
        self._seen: list[tuple[int, int]] = []

    @property
    def taken(self) -> int:
        words = self.path.read_bytes().rpartition(b"\n")[0].split()
        now = time.monotonic_ns()
        self._seen += [(now, int(word)) for word in words[len(self._seen) :]]
        return len(self._seen)

    def pids(self, first: int = 0) -> list[int]:
        return [pid for _, pid in self._seen[first : self.taken]]

    def slot(self, number: int) -> tuple[int, int]:
        return self._seen[number] if number < self.taken else (0, 0)

    def wait(self, count: int, timeout: float) -> int:
        end = time.monotonic() + timeout
        while self.taken < count:
            if time.monotonic() > end:
                raise Late(f"{self.taken} of {count} have started after {timeout:.0f} s")
            time.sleep(0.002)
        return self._seen[count - 1][0]

    def clear(self) -> None:
        os.truncate(self.path, 0)
        self._seen.clear()


def compiled(name: str, program: Path, *words: str) -> bool:
    """Compile a source of ours; False where there is no compiler, or none that can."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    source = str(Path(__file__).with_name(name))
    argv = [compiler or "", *words, "-o", str(program), source]
    return bool(compiler) and subprocess.run(argv, capture_output=True).returncode == 0


def make(base: Path) -> Service:
    """Make the service in a directory, compiled if that can be."""
    program, page = base / "service", base / "page"
    words = ["-Os", "-static", "-nostdlib", "-fno-stack-protector", "-fno-pic", "-no-pie"]
    words += ["-fno-asynchronous-unwind-tables", "-Wl,--build-id=none", "-s"]
    if compiled("service.c", program, *words, f'-DPAGE="{page}"', f"-DROOM={ROOM}"):
        return Service(program, "a static program without libc", Page(page), True)
    program.write_text(f"#!/bin/sh\necho $$ >>{page}\nexec sleep infinity\n")
    program.chmod(0o755)
    return Service(program, "a script that executes sleep", _Lines(page), False)
