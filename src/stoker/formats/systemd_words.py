"""Parts of systemd's values: command lines for the shell, spans of time, limits
(systemd.service(5), systemd.time(7)).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from stoker.errors import Failed

from .systemd_unit import Unit, split_words

__all__ = ["command_lines", "commands_of", "limit", "native", "shell", "span"]


def commands_of(value: str) -> Iterable[str]:
    """The commands of one line: they are separated by a semicolon that stands alone."""
    return [one.strip() for one in f" {value} ".split(" ; ") if one.strip()]


def native(line: tuple[str, list[str]], *, main: bool) -> list[str] | str:
    """A command as it is, or for the shell, where it has variables or may fail."""
    prefixes, words = line
    forgiven = "-" in prefixes and not main
    if not forgiven and not any("$" in word for word in words):
        return words
    if words[0].endswith("/kill") or forgiven or not main:
        return shell(line)
    return f"set -f; exec {shell(('', words))}"


def shell(line: tuple[str, list[str]]) -> str:
    """A command for the shell: a word $X becomes several, ${X} inside one stays one."""
    prefixes, words = line
    text = " ".join(_shell_word(word, ":" not in prefixes) for word in words)
    return f"{{ {text} || :; }}" if "-" in prefixes else text


def _shell_word(word: str, variables: bool) -> str:
    if not variables or "$" not in word:
        return shlex.quote(word.replace("$$", "$"))
    if word.startswith("$") and word[1:].isidentifier():
        return word
    quoted = word.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")
    return f'"{quoted.replace("$$", chr(92) + "$")}"'


_PART = re.compile(r"([0-9.]+)\s*([a-zA-Zµ]*)")
_UNITS = {
    "us": 1e-6, "µs": 1e-6, "ms": 1e-3,
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0,
    "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0,
    "w": 604800.0, "week": 604800.0, "weeks": 604800.0, "M": 2629800.0, "month": 2629800.0,
    "months": 2629800.0, "y": 31557600.0, "year": 31557600.0, "years": 31557600.0,
}  # fmt: skip


def span(text: str) -> float:
    """A span of time: "5min 20s" (systemd.time(7)). Raises Failed."""
    parts = _PART.findall(text)
    try:
        if parts and not _PART.sub("", text).strip():
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
    except (KeyError, ValueError):
        pass  # a unit that there is not, or a number with two points
    raise Failed(f"{text!r} is no span of time")


def limit(text: str) -> int | str:
    return "unlimited" if text == "infinity" else int(text) if text.isdecimal() else text


def command_lines(unit: Unit, key: str, who: str = "") -> list[str]:
    """The command lines of a key, each for the shell. `who`: what stands before those that are not
    to run with all rights ("+" and "!" before them say so). Raises Failed.
    """
    found = []
    for value in unit.all("Service", key):
        for one in commands_of(value):
            prefixes = one[: len(one) - len(one.lstrip("-@:+!|"))]
            words = split_words(one[len(prefixes) :])
            if "@" in prefixes and len(words) > 1:
                del words[1]
            if words:
                as_he = "" if "+" in prefixes or "!" in prefixes else who
                text = as_he + shell((prefixes.replace("-", ""), words))
                found.append(f"{{ {text} || :; }}" if "-" in prefixes else text)
    return found
