"""A TOML file and all that is wrong with it: shared by definitions and our own settings."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from stoker.model import Mistaken

from .entry import LARGEST, readable, slurp
from .kinds import Spot
from .positions import Path, line_of, lines

__all__ = ["Toml", "dotted"]

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class Toml:
    """One file. After `load`, `data` has its tables, or is None when it is not valid TOML.

    Mistakes are kept once each, whatever number of instances they concern.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.text = ""
        self.data: dict[str, Any] | None = None
        self.found: dict[tuple[Path, str], Mistaken] = {}
        self._lines: dict[Path, int] | None = None

    @property
    def mistakes(self) -> list[Mistaken]:
        """Everything that was heard, in the order of lines."""
        return sorted(self.found.values(), key=lambda one: one.line or 0)

    @property
    def lines(self) -> dict[Path, int]:
        """Where each key stands."""
        if self._lines is None:
            self._lines = lines(self.text)
        return self._lines

    def spot(self) -> Spot:
        """The top of the file."""
        return Spot((), self.hear)

    def hear(self, path: Path, message: str, hint: str = "", level: str = "error") -> None:
        """Note a mistake at `path`."""
        if (path, message) not in self.found:
            line = line_of(self.lines, path) if path else None
            self.note(message, line=line, key=dotted(path), hint=hint, level=level, path=path)

    def note(
        self,
        message: str,
        *,
        line: int | None = None,
        key: str | None = None,
        hint: str = "",
        level: str = "error",
        path: Path = (),
    ) -> None:
        """Note a mistake whose line is known."""
        one = Mistaken(message, readable(self.path), line, key or None, hint, level)
        self.found.setdefault((path, message), one)

    def load(self) -> bool:
        """Read and parse; false after noting why that was not possible."""
        try:
            raw = slurp(self.path)
        except OSError as wrong:
            self.note(
                f"cannot be read: {wrong.strerror or wrong}", hint="look at its mode and owner"
            )
            return False
        if len(raw) > LARGEST:
            self.note(f"larger than {LARGEST // 1024 // 1024} MB: not a definition")
            return False
        return self.parse(raw)

    def parse(self, raw: bytes) -> bool:
        """Parse the bytes of the file; false after noting why that was not possible."""
        try:
            self.text = raw.decode()
        except UnicodeDecodeError as wrong:
            line = raw.count(b"\n", 0, wrong.start) + 1
            self.note(
                f"not UTF-8: byte 0x{raw[wrong.start]:02x}", line=line, hint="save it as UTF-8"
            )
            return False
        try:
            self.data = tomllib.loads(self.text)
        except RecursionError:
            self.note("nested too deeply")
        except ValueError as wrong:
            self._invalid(str(wrong))
        return self.data is not None

    def _invalid(self, message: str) -> None:
        """tomllib's sentence, with the line taken out of it and the usual reason guessed."""
        part = _AT.search(message)
        text = message[: part.start()] if part else message
        last = self.text.count("\n") + (not self.text.endswith("\n"))
        line = int(part[1]) if part and part[1] else max(last, 1)
        hint = ""
        if self.text.startswith("\ufeff"):
            hint = "the file begins with a byte order mark: save it without"
        elif "\0" in self.text:
            hint = "the file has NUL characters: it was not written to its end"
        elif part and not part[1]:
            hint = "the file ends in the middle of something: is it still being written?"
        elif "Invalid value" in text:
            hint = "strings stand in quotes"
        self.note(f"not valid TOML: {text[:1].lower()}{text[1:]}", line=line, hint=hint)


def dotted(path: Path) -> str:
    """A path as people write it: dependency[0].targets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            shown = part[:60] if plain else '"' + part[:60].encode("unicode_escape").decode() + '"'
            text += f".{shown}" if text else shown
    return text
