"""What the formats are given and what they answer: an entry of a directory, its surroundings, a
reading.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from stoker.model import Definition, Dependency, LogSettings, Mistaken, Restart

__all__ = [
    "Entry",
    "Format",
    "Known",
    "Reading",
    "Reference",
    "Surroundings",
    "readable",
    "slurp",
    "unforeseen",
]

LARGEST = 4 * 1024 * 1024  # bytes of a definition; more is a mistake, not a service


class Entry(msgspec.Struct):
    """One entry of a directory, looked at once (links followed). `stem`: the name without its
    ending.
    """

    directory: str
    name: str
    mode: int

    @property
    def path(self) -> str:
        return f"{self.directory}/{self.name}"

    @property
    def stem(self) -> str:
        return self.name.removesuffix(".toml").removesuffix(".xml")

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_executable(self) -> bool:
        return bool(self.mode & 0o111)


class Known:
    """The bundles of a place by device and inode, so that two names of one directory are one
    instance (nosh.md 1.4). `names` is filled when the first is asked for.
    """

    def __init__(
        self,
        directories: Iterable[str] = (),
        kinds: Mapping[str, str] | None = None,
        passive: Collection[str] = (),
        searched: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.directories = tuple(directories)
        self.kinds = dict(kinds or {})
        """Which of them hold "targets", and which "services", of a tree of bundles."""
        self.passive = frozenset(passive)
        """Those whose bundles come up only when something wants them."""
        self.searched = dict(searched or {})
        """The roots in which bundles are looked for by name."""
        self.names: dict[tuple[int, int], str] | None = None
        self.roots: dict[tuple[int, int], str] | None = None
        """Likewise the bundles in the search path, looked for when one is asked for."""
        self.taken: set[str] = set()
        """The names of what is no directory in the place."""
        self.elsewhere: dict[str, str] = {}
        """Bundles outside the place that some link leads to: FMRI to path."""

    def prefix(self, directory: str) -> str:
        """What stands before the names of bundles in a directory."""
        return "target/" if self.kinds.get(directory) == "targets" else ""


class Surroundings(msgspec.Struct):
    """What a definition inherits from its place.

    `exists` asks the disk once for each path. `known`: beginnings of scripts that are known to be
    right. `every_name`: names that editors and packages leave behind are as good as others.
    `execvp`: executables are run as execvp(3) does, hence by sysmgr: what the kernel does not know
    is the shell's. `restart`: the policy of scripts. `layer`: what is imported and set above the
    files, where there is any. `bundles`: which directory is which bundle.
    """

    working_directory: str = "/"
    log: LogSettings = LogSettings()
    exists: Callable[[str], bool] = os.path.exists
    known: set[bytes] = set()
    every_name: bool = False
    execvp: bool = False
    restart: Restart = Restart()
    layer: Any = None  # a Layer; typed so that a directory of scripts does not pay for it
    bundles: Known = msgspec.field(default_factory=Known)


class Reference(msgspec.Struct, frozen=True):
    """A target that a definition names, and where."""

    target: str
    file: str
    line: int | None
    key: str


class Reading(msgspec.Struct):
    """What one entry came to. `claims`: the FMRIs that it stands for, right or wrong. `dependents`:
    dependencies that it puts upon others, each with the target (a service means all instances).
    `same_as`: it is only another name of that service.
    """

    definitions: list[Definition] = []
    mistakes: list[Mistaken] = []
    claims: list[str] = []
    path: str = ""
    references: list[Reference] = []
    dependents: list[tuple[str, Dependency]] = []
    same_as: str = ""

    @property
    def good(self) -> bool:
        """No error; warnings do not count."""
        return not any(one.level == "error" for one in self.mistakes)


class Format(Protocol):
    """One way to write definitions."""

    name: str

    def claims(self, entry: Entry) -> bool:
        """True when the entry is of this format, whether it is right or not."""

    def read(self, entry: Entry, surroundings: Surroundings) -> Reading:
        """Read it; every problem becomes a mistake in the answer."""


def readable(path: str) -> str:
    """A path as a message can hold it: bytes that are no UTF-8 as \\xNN."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def unforeseen(path: str, wrong: Exception) -> Mistaken:
    """What we overlooked in one definition, which must never keep the others from being read."""
    text = f"cannot be understood: {type(wrong).__name__}: {wrong}"
    return Mistaken(readable(text)[:300], readable(path))


def slurp(path: str, most: int = LARGEST + 1) -> bytes:
    """The first `most` bytes of a file. Never waits, as on a FIFO that came in its place. Raises
    OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        parts, left = [], most
        while left > 0 and (block := os.read(descriptor, min(left, 1 << 20))):
            parts.append(block)
            left -= len(block)
            if len(block) < 4096 and most <= 4096:
                break
        return b"".join(parts)
    finally:
        os.close(descriptor)
