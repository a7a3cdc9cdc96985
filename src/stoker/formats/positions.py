"""Finds the line on which a key stands. tomllib decides what is valid and what it means; this only
looks.

`lines` never raises: on a text that tomllib refuses it returns whatever it understood up to there.
It keeps a stack of its own, so that no nesting is too deep for it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

__all__ = ["Path", "line_of", "lines"]

_DEEPEST = 64  # nobody writes deeper; the paths of a million brackets would fill the memory

Path = tuple[str | int, ...]
"""Keys and, in arrays, indexes: ("dependency", 0, "targets")."""

_TOKEN = re.compile(
    r"""
    (?P<skip>[ \t\r]+|\#[^\n]*)
    |(?P<newline>\n)
    |(?P<quote>\"\"\"|'''|"|')
    |(?P<word>[^\s\[\]{}=,.#"']+)
    |(?P<mark>.)
    """,
    re.VERBOSE,
)

# What matters inside each kind of string: escapes, and its end.
_INSIDE = {
    '"""': re.compile(r'\\[\s\S]|"{3,5}'),
    "'''": re.compile(r"'{3,5}"),
    '"': re.compile(r'\\.|"|\n'),
    "'": re.compile(r"'|\n"),
}


def lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every key, table header and array element of a TOML text."""
    return _Scanner(text).found


def line_of(found: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest thing around it that has one."""
    while path:
        if path in found:
            return found[path]
        path = path[:-1]
    return None


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each token: newline, string, word, mark. A string never closed is a mark."""
    at = 0
    while token := _TOKEN.match(text, at):
        at = token.end()
        kind = token.lastgroup or "mark"
        if kind == "quote":
            end = _end(text, at, token[0])
            yield ("string", text[token.start() : end]) if end else ("mark", token[0])
            at = end or at
        elif kind != "skip":
            yield kind, token[0]


def _end(text: str, at: int, quote: str) -> int:
    """Where the string ends that began with `quote` before `at`; 0 when it does not."""
    for inside in _INSIDE[quote].finditer(text, at):
        if inside[0] == "\n":
            return 0
        if inside[0][0] != "\\":
            return inside.end()
    return 0


class _Scanner:
    """One pass over the tokens. `stack` holds what is open inside a value: [path, index or None for
    a table].
    """

    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}
        self.table: Path = ()
        self.stack: list[tuple[Path, int | None]] = []
        self.key: list[str] = []
        self.mode = "statement"
        self.path: Path = ()
        self.line = 1
        for kind, token in _tokens(text):
            self.take(kind, token)
            if kind in ("newline", "string"):
                self.line += token.count("\n")

    def take(self, kind: str, text: str) -> None:
        if self.mode == "value":
            self.value(kind, text)
        elif self.mode == "key":
            self.part(kind, text)
        elif self.mode in ("header", "array"):
            self.header(kind, text)
        elif kind == "mark" and text == "[":
            self.mode, self.key = "header", []
        elif kind in ("word", "string"):
            self.mode, self.key = "key", []
            self.part(kind, text)

    def header(self, kind: str, text: str) -> None:
        if kind in ("word", "string"):
            self.key.append(_plain(kind, text))
        elif kind == "newline":
            self.mode = "statement"
        elif text == "[" and not self.key:
            self.mode = "array"
        elif text == "]" and self.key:
            self.open_table(self.mode == "array")
            self.key = []
            self.mode = "statement"

    def open_table(self, array: bool) -> None:
        path: Path = ()
        last = len(self.key) - 1
        for at, part in enumerate(self.key):
            path += (part,)
            if array and at == last:
                self.arrays[path] = self.arrays.get(path, -1) + 1
            self.found.setdefault(path, self.line)
            if path in self.arrays:
                path += (self.arrays[path],)
                self.found.setdefault(path, self.line)
        self.table = path
        if not array:
            self.found[path] = min(self.line, self.found.get(path, self.line))

    def part(self, kind: str, text: str) -> None:
        """A piece of a dotted key, up to its "="."""
        if kind in ("word", "string"):
            self.key.append(_plain(kind, text))
        elif text == "=":
            path = self.stack[-1][0] if self.stack else self.table
            for piece in self.key:
                path += (piece,)
                self.found.setdefault(path, self.line)
            self.key, self.mode, self.path = [], "value", path
        elif kind == "newline" and not self.stack:
            self.mode = "statement"
        elif text == "}" and self.stack:
            self.close()

    def value(self, kind: str, text: str) -> None:
        if kind == "newline":
            if not self.stack:
                self.mode = "statement"
            return
        inside = 0 < len(self.stack) < _DEEPEST
        if inside and self.stack[-1][1] is not None and text not in ("]", ","):
            self.path = (*self.stack[-1][0], self.stack[-1][1])
            self.found.setdefault(self.path, self.line)
        if kind != "mark":
            return
        if text == "[":
            self.stack.append((self.path, 0))
        elif text == "{":
            self.stack.append((self.path, None))
            self.mode, self.key = "key", []
        elif text == "," and self.stack:
            path, index = self.stack[-1]
            if index is None:
                self.mode, self.key = "key", []
            else:
                self.stack[-1] = (path, index + 1)
        elif text in ("]", "}") and self.stack:
            self.close()

    def close(self) -> None:
        self.stack.pop()
        self.mode, self.key = "value", []


def _plain(kind: str, text: str) -> str:
    """A part of a key without its quotes."""
    if kind == "word":
        return text
    if "\\" not in text:
        return text[1:-1]
    try:
        return str(tomllib.loads(f"k = {text}")["k"])
    except ValueError:
        # Only a text that tomllib refuses as a whole comes here.
        return text[1:-1]
