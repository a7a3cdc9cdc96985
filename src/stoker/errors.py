"""Every exception that stoker raises on purpose: one tree.

An error says what is wrong, where (a `Place`: file, line, key), and the one thing to do about it
(`hint`). Each class has the exit status that a command ends with when the error reaches a person.
Library code raises these and never prints; only the command line and the manager write messages.
"""

from __future__ import annotations

__all__ = [
    "Busy",
    "DefinitionError",
    "Failed",
    "Mistake",
    "NoManager",
    "NoSuchService",
    "NotYet",
    "Place",
    "ProtocolError",
    "Refused",
    "RepositoryError",
    "StokerError",
    "UsageError",
]


class Place:
    """Where something stands: file, line counted from 1, key. Each part may be unknown.

    A value: compared by its parts, never changed. (Written out, because importing dataclasses
    takes longer than a fast command may.)
    """

    __slots__ = ("file", "key", "line")

    def __init__(
        self, file: str | None = None, line: int | None = None, key: str | None = None
    ) -> None:
        self.file = file
        self.line = line
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"Place(file={self.file!r}, line={self.line!r}, key={self.key!r})"

    def __str__(self) -> str:
        spot = self.file or ""
        if self.line is not None:
            spot = f"{spot}:{self.line}" if spot else f"line {self.line}"
        if self.key:
            spot = f"{spot}: {self.key}" if spot else self.key
        return spot


class Mistake:
    """One thing wrong (or doubtful) in one definition or settings file. A value, as Place is.

    `level` is "error" (the definition is not loaded) or "warning" (it is, but look at it).
    """

    __slots__ = ("hint", "level", "message", "place")

    def __init__(
        self, message: str, place: Place | None = None, hint: str = "", level: str = "error"
    ) -> None:
        self.message = message
        self.place = place or Place()
        self.hint = hint
        self.level = level

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mistake) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"Mistake({self.message!r}, {self.place!r}, {self.hint!r}, {self.level!r})"

    def __str__(self) -> str:
        text = f"{self.place}: {self.level}: {self.message}" if str(self.place) else self.message
        return f"{text} ({self.hint})" if self.hint else text


class StokerError(Exception):
    """Root of the tree. `exit_status` is what a command that meets it ends with."""

    exit_status = 1

    def __init__(self, message: str, *, place: Place | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        spot = f"{self.place}: " if self.place is not None and str(self.place) else ""
        return f"{spot}{self.message}"


class Failed(StokerError):
    """What was asked for was tried, and did not come about."""


class UsageError(StokerError):
    """The words of a command, or a value in them, are not understood."""

    exit_status = 2


class NoManager(StokerError):
    """No manager runs for this place."""

    exit_status = 3


class NoSuchService(StokerError):
    """A name that a person gave matches no service, or more than one where one is needed.

    `candidates`: the names it may stand for.
    """

    exit_status = 4

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        hint: str = "",
        candidates: list[str] | None = None,
    ) -> None:
        super().__init__(message, place=place, hint=hint)
        self.candidates = candidates or []


class NotYet(StokerError):
    """The time given was over before the thing came about; it may still."""

    exit_status = 5


class Refused(StokerError):
    """The asker's role does not allow this, or the request contradicts itself; nothing was
    changed."""


class Busy(StokerError):
    """Another manager has this place."""


class ProtocolError(StokerError):
    """The other side of a channel speaks another version, or no sense at all."""


class RepositoryError(StokerError):
    """The repository could not be read or written; what was asked is not remembered."""


class DefinitionError(StokerError):
    """One or more mistakes in definitions. `mistakes` has them all."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        first = mistakes[0] if mistakes else Mistake("no mistake was given")
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        super().__init__(first.message + more, place=first.place, hint=first.hint)
        self.mistakes = mistakes
