"""The kinds of value that a key may have: each reads one, says what is wrong with it, and describes
itself.

A kind never stops at the first mistake: it tells them all to the `Spot` it was given, and answers
`BAD`. Plain types are converted by msgspec; what people write with units, names and commands is
ours. Every kind also gives the JSON Schema of its values, so that editors, `check` and the
reference cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from stoker.errors import UsageError
from stoker.model import did_you_mean, duration, size

from .positions import Path

__all__ = [
    "BAD",
    "Choice",
    "Duration",
    "Flag",
    "Kind",
    "Number",
    "Size",
    "Spot",
    "Strings",
    "Text",
    "Whole",
    "Words",
    "clean",
    "told",
]

BAD: Final[Any] = object()
"""What a kind answers when the value is wrong (and it has said so)."""


class Spot:
    """Where a value stands, and the ear for what is wrong with it."""

    __slots__ = ("hear", "path")

    def __init__(self, path: Path, hear: Callable[[Path, str, str, str], None]) -> None:
        self.path = path
        self.hear = hear

    def at(self, *below: str | int) -> Spot:
        """A place further inside."""
        return Spot(self.path + below, self.hear)

    def wrong(self, message: str, hint: str = "") -> Any:
        """Tell an error; returns BAD."""
        self.hear(self.path, message, hint, "error")
        return BAD


class Kind:
    """A kind of value. `words` is what people are told it is."""

    words = "a value"
    python: Any = object
    merges = False
    """True where an instance's table adds to the service's instead of replacing it."""

    def read(self, value: Any, spot: Spot) -> Any:
        """The value as the model wants it, or BAD after telling `spot` everything that is wrong."""
        return self.plain(value, spot)

    def plain(self, value: Any, spot: Spot) -> Any:
        """`value` converted by msgspec to `python`."""
        try:
            found = msgspec.convert(value, self.python)
        except (msgspec.ValidationError, RecursionError):
            return spot.wrong(f"expected {self.words}, not {told(value)}", self.advice(value))
        return found

    def advice(self, value: Any) -> str:
        """What to write instead of a value of the wrong type."""
        return ""

    def schema(self) -> dict[str, Any]:
        """JSON Schema of what may be written."""
        return msgspec.json.schema(self.python)


def told(value: Any) -> str:
    """A value as a message shows it: short, and with its type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return "the number " + (str(value) if abs(value) < 10**18 else "given")
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the string "{value[:40]}{"…" if len(value) > 40 else ""}"'
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return f"a {type(value).__name__}"


def clean(text: str, spot: Spot, what: str = "a string") -> str:
    """`text`, unless it holds a NUL, which no argument, path or variable may."""
    if "\0" in text:
        found: str = spot.wrong(f"{what} may not contain a NUL character")
        return found
    return text


class Text(Kind):
    """A string."""

    python = str
    words = "a string"

    def read(self, value: Any, spot: Spot) -> Any:
        found = self.plain(value, spot)
        if found is not BAD:
            found = clean(found, spot)
        return found if found is BAD else self.meaning(found, spot)

    def meaning(self, text: str, spot: Spot) -> Any:
        """What a string comes to; BAD, which is said, where it comes to nothing."""
        return text

    def advice(self, value: Any) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f'write "{value}"' if abs(value) < 10**18 else "put it in quotes"
        return ""


class Flag(Kind):
    """true or false."""

    python = bool
    words = "true or false"

    def advice(self, value: Any) -> str:
        if isinstance(value, str) and value.lower() in ("true", "yes", "on", "1"):
            return "write true, without quotes"
        if isinstance(value, str) and value.lower() in ("false", "no", "off", "0"):
            return "write false, without quotes"
        return ""


class Whole(Kind):
    """A whole number between two bounds."""

    python = int

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        if most >= 2**31:
            self.words = f"a whole number from {least}"
        else:
            self.words = f"a whole number from {least} to {most}"

    def read(self, value: Any, spot: Spot) -> Any:
        found = self.plain(value, spot)
        if found is not BAD and not self.least <= found <= self.most:
            return spot.wrong(f"expected {self.words}, not {told(found)}")
        return found

    def advice(self, value: Any) -> str:
        return "write it without quotes" if isinstance(value, str) and value.isdigit() else ""

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Number(Kind):
    """A number between two bounds."""

    python = float

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most
        self.words = f"a number from {least:g} to {most:g}"

    def read(self, value: Any, spot: Spot) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return spot.wrong(f"expected {self.words}, not {told(value)}")
        if not self.least <= value <= self.most:
            return spot.wrong(f"expected {self.words}, not {told(value)}")
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.least, "maximum": self.most}


class Choice(Kind):
    """One of a few words."""

    python = str

    def __init__(
        self, *words: str, what: str = "word", convert: Callable[[str], Any] = str
    ) -> None:
        self.choices = words
        self.what = what
        self.convert = convert
        self.words = "one of " + ", ".join(f'"{word}"' for word in words)

    def read(self, value: Any, spot: Spot) -> Any:
        found = self.plain(value, spot)
        if found is BAD:
            return BAD
        if found not in self.choices:
            near = did_you_mean(found[:60], self.choices)
            hint = f'did you mean "{near}"?' if near else f"it is {self.words}"
            return spot.wrong(f'unknown {self.what} "{found[:60]}"', hint)
        return self.convert(found)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.choices)}


class Strings(Kind):
    """A list of strings."""

    python: Any = list[str]
    words = "a list of strings"

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, list):
            return spot.wrong(f"expected {self.words}, not {told(value)}", self.advice(value))
        found = [self.one(item, spot.at(at)) for at, item in enumerate(value)]
        return BAD if any(item is BAD for item in found) else tuple(found)

    def one(self, item: Any, spot: Spot) -> Any:
        """Read one element."""
        if not isinstance(item, str):
            return spot.wrong(f"expected a string, not {told(item)}", Text().advice(item))
        found = clean(item, spot)
        return found if found is BAD else self.meaning(found, spot)

    def meaning(self, text: str, spot: Spot) -> Any:
        """What an element comes to; BAD, which is said, where it comes to nothing."""
        return text

    def advice(self, value: Any) -> str:
        return f'write ["{value}"]' if isinstance(value, str) and len(value) < 60 else ""


class Words(Strings):
    """A list out of a few words."""

    def __init__(self, *words: str, what: str = "word") -> None:
        self.choice = Choice(*words, what=what)
        self.words = "a list out of " + ", ".join(f'"{word}"' for word in words)

    def one(self, item: Any, spot: Spot) -> Any:
        return self.choice.read(item, spot)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.choice.schema()}


class Duration(Kind):
    """A time with its unit: "10s", "1m30s"."""

    python = str
    words = 'a duration such as "10s"'

    def __init__(self, least: float = 0.0, never: bool = False) -> None:
        self.least = least
        self.never = never

    def read(self, value: Any, spot: Spot) -> Any:
        found = self.plain(value, spot)
        if found is BAD:
            return BAD
        if self.never and found == "never":
            return None
        try:
            seconds = duration(found)
        except UsageError as wrong:
            return spot.wrong(wrong.message, wrong.hint)
        if seconds < self.least:
            return spot.wrong(f'"{found}" is too short', f"{self.least:g}s is the least")
        return seconds

    def advice(self, value: Any) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**9:
            return f'write the unit: "{value:g}s"'
        return 'write "10s", "100ms" or "1m30s"'

    def schema(self) -> dict[str, Any]:
        never = "|never" if self.never else ""
        return {"type": "string", "pattern": r"^(\s*[0-9]+(\.[0-9]+)?\s*[a-zA-Zµ]+)+\s*$" + never}


class Size(Kind):
    """Bytes: a number, or a string such as "10M"."""

    python = int | str
    words = 'a size such as "10M"'

    def __init__(self, least: int = 0) -> None:
        self.least = least

    def read(self, value: Any, spot: Spot) -> Any:
        found = self.plain(value, spot)
        if found is BAD:
            return BAD
        try:
            count = found if isinstance(found, int) else size(found)
        except UsageError as wrong:
            return spot.wrong(wrong.message, wrong.hint)
        if not self.least <= count < 2**62:
            return spot.wrong(f"{told(found)} is out of range", f"at least {self.least} bytes")
        return count

    def schema(self) -> dict[str, Any]:
        return {
            "oneOf": [
                {"type": "integer", "minimum": self.least},
                {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[kKmMgGtT]?(i?[bB])?\s*$"},
            ]
        }
