"""systemd's unit files as text: sections, drop-ins, list resets, specifiers, words
(systemd.unit(5), systemd.syntax(7), systemd.service(5) "Command lines").
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stoker.errors import Failed, NoSuchService

__all__ = [
    "SEARCHED",
    "Setting",
    "Unit",
    "find_unit",
    "home_of",
    "read_unit",
    "split_words",
    "unit_names",
]

SEARCHED = (
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}


class Setting(NamedTuple):
    """One line of a unit: the section, the key, the value as it stands there, and where."""

    section: str
    key: str
    value: str
    file: str
    line: int


class Unit:
    """A unit with its drop-ins. `name`: "web@blue.service"; `settings` in the order in which they
    count, list resets applied. `wanted`: whether a link in some `.wants` or `.requires` enables it.
    `specifiers`: letters that are to mean something else than the name has it.
    """

    def __init__(
        self, name: str, file: str, settings: Sequence[Setting], wanted: bool = False
    ) -> None:
        self.wanted = wanted
        self.name = name
        self.file = file
        self.settings = list(settings)
        stem, _, self.kind = name.rpartition(".")
        self.prefix, at, self.instance = stem.partition("@")
        self.stem = stem
        self.template = bool(at) and not self.instance
        self.specifiers: dict[str, str] = {}

    def all(self, section: str, key: str) -> list[str]:
        """The values of a key, specifiers expanded."""
        found = [one for one in self.settings if (one.section, one.key) == (section, key)]
        return [self.expand(one.value) for one in found]

    def last(self, section: str, key: str, default: str = "") -> str:
        """The value that counts of a key that has one."""
        found = self.all(section, key)
        return found[-1] if found else default

    def names(self, section: str, key: str) -> list[str]:
        """The words of all values of a key."""
        return [word for value in self.all(section, key) for word in value.split()]

    def flag(self, section: str, key: str, default: bool = False) -> bool:
        """A boolean."""
        value = self.last(section, key).lower()
        return value in ("1", "yes", "y", "true", "t", "on") if value else default

    def expand(self, text: str) -> str:
        """With its specifiers replaced; one that is not known stays."""
        if "%" not in text:
            return text
        parts = text.split("%")
        found, at = parts[0], 1
        while at < len(parts):
            part = parts[at]
            if not part:  # "%%"
                found += "%" + (parts[at + 1] if at + 1 < len(parts) else "")
                at += 2
                continue
            value = self._specifier(part[0])
            found += f"%{part}" if value is None else value + part[1:]
            at += 1
        return found

    def _specifier(self, letter: str) -> str | None:
        plain = {
            "n": self.name,
            "N": self.stem,
            "p": self.prefix,
            "P": _unescape(self.prefix),
            "i": self.instance,
            "I": _unescape(self.instance),
            "j": self.prefix.rpartition("-")[2],
            "J": _unescape(self.prefix.rpartition("-")[2]),
            "f": "/" + _unescape(self.instance or self.prefix).lstrip("/"),
            "t": "/run",
            "S": "/var/lib",
            "C": "/var/cache",
            "L": "/var/log",
            "E": "/etc",
            "T": "/tmp",
            "V": "/var/tmp",
            "u": "root",
            "U": "0",
            "g": "root",
            "G": "0",
            "h": "/root",
            "s": "/bin/sh",
            "d": f"/run/credentials/{self.name}",
        }
        if letter in self.specifiers or letter in plain:
            return self.specifiers.get(letter, plain.get(letter))
        if letter in ("H", "l"):
            host = os.uname().nodename
            return host.partition(".")[0] if letter == "l" else host
        if letter == "v":
            return os.uname().release
        if letter == "a":
            return os.uname().machine.replace("_", "-")
        if letter == "m":
            return _first_line("/etc/machine-id")
        if letter == "b":
            return _first_line("/proc/sys/kernel/random/boot_id").replace("-", "")
        return None


def unit_names(name: str) -> list[str]:
    """The file names under which a unit may be found: its own, then its template's."""
    stem, dot, kind = name.rpartition(".")
    if not dot:
        stem, kind = name, "service"
    prefix, at, instance = stem.partition("@")
    names = [f"{stem}.{kind}"]
    return [*names, f"{prefix}@.{kind}"] if at and instance else names


def find_unit(name: str, searched: Iterable[str] = SEARCHED) -> str:
    """The path of a unit by its name, or by its path. Raises NoSuchService; Failed for one that is
    masked.
    """
    if "/" in name:
        directory, own = os.path.split(name)
        for one in (own, *unit_names(own)):
            if os.path.isfile(f"{directory}/{one}"):
                return f"{directory}/{one}"
        raise NoSuchService(f"{name}: there is no such file")
    for directory in searched:
        for one in unit_names(name):
            path = f"{directory}/{one}"
            if os.path.realpath(path) == os.devnull:
                raise Failed(f"{one} is masked", hint=f"by {path}; name the file that is meant")
            if os.path.isfile(path):
                return path
    raise NoSuchService(
        f"there is no unit {unit_names(name)[0]}", hint="give its file, or look in " + SEARCHED[0]
    )


def read_unit(name: str, searched: Sequence[str] = SEARCHED) -> Unit:
    """A unit with its drop-ins: those of all directories of the search path and beside the file, in
    the order of their names. Raises NoSuchService, Failed.
    """
    path = find_unit(name, searched)
    own = os.path.basename(name)
    if "." not in own:
        own += ".service"
    rows = _read(path)
    drops: dict[str, str] = {}
    for directory in reversed([os.path.dirname(path), *searched]):
        for one in reversed(unit_names(own)):
            folder = f"{directory}/{one}.d"
            if os.path.isdir(folder):
                names = [file for file in os.listdir(folder) if file.endswith(".conf")]
                drops.update({file: f"{folder}/{file}" for file in names})
    for file in sorted(drops):
        rows += _read(drops[file])
    wanted = any(_is_wanted(one, own) for one in [os.path.dirname(path), *searched])
    return Unit(own, path, _reset(rows), wanted)


def _is_wanted(directory: str, name: str) -> bool:
    """Whether it is linked into what some unit of that directory wants."""
    try:
        folders = [one for one in os.listdir(directory) if one.endswith((".wants", ".requires"))]
    except OSError:  # there is none
        return False
    return any(os.path.lexists(f"{directory}/{folder}/{name}") for folder in folders)


def _reset(rows: list[Setting]) -> list[Setting]:
    """An empty value forgets what stood before it."""
    found: list[Setting] = []
    for one in rows:
        if one.value:
            found.append(one)
        else:
            same = (one.section, one.key)
            found = [other for other in found if (other.section, other.key) != same]
    return found


def _read(path: str) -> list[Setting]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None
    found: list[Setting] = []
    section, begun, text = "", 0, ""
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if bare.startswith(("#", ";")) or (not bare and not text):
            continue  # in the middle of a continued line, too
        if not text:
            begun = number
        if line.endswith("\\"):
            text += line[:-1] + " "
            continue
        text, whole = "", text + line
        whole = whole.strip()
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
            continue
        key, sign, value = whole.partition("=")
        if sign and section:
            found.append(Setting(section, key.strip(), value.strip(), path, begun))
    return found


def split_words(text: str) -> list[str]:
    """The words of a value: quotes of both kinds, escapes as in C. Raises Failed."""
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        word, at = _word(text, at)
        words.append(word)
    return words


def _word(text: str, at: int) -> tuple[str, int]:
    word, quote = "", ""
    while at < len(text) and (quote or not text[at].isspace()):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            piece, at = _escaped(text, at + 1)
            word += piece
        elif quote and char == quote:
            quote, at = "", at + 1
        elif not quote and char in "\"'":
            quote, at = char, at + 1
        else:
            word += char
            at += 1
    if quote:
        raise Failed(f"a quotation mark is not closed: {text}")
    return word, at


def _escaped(text: str, at: int) -> tuple[str, int]:
    """What stands behind a backslash, and where it goes on."""
    char = text[at]
    if char in _ESCAPES:
        return _ESCAPES[char], at + 1
    digits = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}.get(char)
    if digits is not None:
        length, base = digits
        number = text[at + 1 : at + 1 + length]
        try:
            return chr(int(number, base)), at + 1 + length
        except (ValueError, OverflowError):  # no number, or of no character: the letter itself
            return char, at + 1
    return char, at + 1


def _unescape(text: str) -> str:
    """As systemd-escape --unescape."""
    found, at = bytearray(), 0
    data = text.encode("utf-8", "surrogateescape")
    while at < len(data):
        if data[at : at + 2] == b"\\x":
            try:
                found.append(int(data[at + 2 : at + 4], 16))
                at += 4
                continue
            except ValueError:  # no escape: the backslash is itself
                pass
        found += b"/" if data[at : at + 1] == b"-" else data[at : at + 1]
        at += 1
    return found.decode("utf-8", "surrogateescape")


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:  # this machine has none
        return ""


def home_of(user: str) -> str:
    """A user's home directory; "/" where there is no such user here."""
    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return "/"
