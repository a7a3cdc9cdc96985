"""Names as systemd escapes them, and nosh with it (systemd.unit(5), "String escaping"); and nosh's
other way, which leaves slashes and hyphens recognizable (nosh.md 9a).
"""

from __future__ import annotations

import re

__all__ = ["escape", "escape_otherwise", "unescape", "unescape_otherwise"]

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")


def escape(text: str) -> str:
    """`/` becomes `-`, and what is not plain `\\xNN`, so a dot at the beginning."""
    found = ""
    for at, byte in enumerate(text.encode("utf-8", "surrogateescape")):
        char = chr(byte)
        if char == "/":
            found += "-"
        elif char in _PLAIN and not (char == "." and at == 0):
            found += char
        else:
            found += f"\\x{byte:02x}"
    return found


_SHORT = {"\\": "\\", ":": "c", ",": "v", "+": "p", "@": "a"}


def escape_otherwise(text: str, short: bool = True) -> str:
    """White space and ``\\ / @ : , +`` are escaped, and nothing else. `short`: in a letter where
    there is one.
    """
    found = ""
    for char in text:
        if not char.isspace() and char not in "\\/@:,+":
            found += char
        elif short and char in _SHORT:
            found += f"\\{_SHORT[char]}"
        else:
            found += f"\\x{ord(char):02x}"
    return found


def unescape(text: str) -> str:
    """The inverse."""
    out = bytearray()
    rest = text.encode("utf-8", "surrogateescape")
    while rest:
        if rest[:2] == b"\\x" and len(rest) >= 4:
            try:
                out.append(int(rest[2:4], 16))
                rest = rest[4:]
                continue
            except ValueError:  # no escape: the backslash is itself
                pass
        out += b"/" if rest[:1] == b"-" else rest[:1]
        rest = rest[1:]
    return out.decode("utf-8", "surrogateescape")


_LONG = {letter: char for char, letter in _SHORT.items()} | {"d": ".", "m": "-", "h": ";"}


def unescape_otherwise(text: str) -> str:
    """The inverse of that. Letters count that only others write, too: `\\d`, `\\m`, `\\h`, and
    `\\u` before what becomes upper case.
    """

    def plain(found: re.Match[str]) -> str:
        code, letter = found[1], found[2]
        if code:
            return chr(int(code, 16))
        return letter[1:].upper() if letter[0] == "u" else _LONG.get(letter, found[0])

    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|(u.|.))", plain, text, flags=re.DOTALL)
