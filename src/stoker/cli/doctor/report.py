"""What is known of the place under examination, and what has been found."""

from __future__ import annotations

import hashlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.client import Client
    from stoker.model import Compiled, Place

__all__ = ["Finding", "Patient", "read"]


class Finding:
    """One thing that is wrong. `level`: "error" (something does not work) or "warning" (it will
    not, or not as one would think). `remedy`: the one thing to do.
    """

    __slots__ = ("level", "remedy", "subject", "text")

    def __init__(self, subject: str, level: str, text: str, remedy: str) -> None:
        self.subject, self.level, self.text, self.remedy = subject, level, text, remedy

    def as_dict(self) -> dict[str, str]:
        """For --json."""
        return {name: getattr(self, name) for name in self.__slots__}


class Patient:
    """A place, its manager's answers where one runs, its definitions; and the report on it.

    `about`: GET /v1, empty while no manager answers. `rows`: instances. `pids`: of "keeper",
    "manager" and "recorder", as far as they live. `command`: how one for this place begins.
    """

    def __init__(self, place: Place, command: str) -> None:
        self.place = place
        self.command = command
        self.client: Client | None = None
        self.about: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.pids: dict[str, int] = {}
        self.findings: list[Finding] = []
        self.facts: list[tuple[str, str]] = []
        self._compiled: Compiled | None = None

    @property
    def compiled(self) -> Compiled:
        """The definitions as the files say now."""
        if self._compiled is None:
            from stoker.formats import compile_place

            self._compiled = compile_place(self.place)
        return self._compiled

    @property
    def mark(self) -> str:
        """The short name of the place in cgroups and markers, as the manager makes it."""
        return hashlib.blake2b(os.fsencode(self.place.runtime), digest_size=6).hexdigest()

    @property
    def owner(self) -> int:
        """Whose place it is: whoever made it (root may be asking about another's)."""
        try:
            return os.stat(self.place.state).st_uid
        except OSError:  # not made yet, or not ours to see
            return self.place.uid

    @property
    def ours(self) -> bool:
        """Whether the place belongs to whoever asks."""
        return self.owner == os.getuid()

    def error(self, subject: str, text: str, remedy: str) -> None:
        """Something does not work."""
        self.findings.append(Finding(subject, "error", text, remedy))

    def warning(self, subject: str, text: str, remedy: str) -> None:
        """Something will not work, or not as one would think."""
        self.findings.append(Finding(subject, "warning", text, remedy))

    def fact(self, subject: str, text: str) -> None:
        """Something that was looked at and is in order."""
        self.facts.append((subject, text))


def read(path: str, limit: int = 1 << 20) -> str | None:
    """A small file's text; None when it is not there or not ours to read."""
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return None
