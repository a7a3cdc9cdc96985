"""enable, disable and preset: links, and the file `down` (nosh.md 5.5); nothing else changes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from stoker.errors import Failed

from .bundles import Bundle
from .escaping import unescape

__all__ = ["Presets", "disable", "enable"]

_MADE = (
    ("wanted-by", "wants"),
    ("stopped-by", "conflicts"),
    ("stopped-by", "after"),
    ("requires", "required-by"),
)
"""A relation of the bundle, and the directory of the other one that it is put into."""
_TRUE = ("true", "1", "yes", "on")


def enable(bundle: Bundle) -> None:
    """Put it into what it names, and take `down` away. Raises Failed."""
    for folder in _folders(bundle, make=True):
        link = f"{folder}/{bundle.name}"
        try:
            if os.path.islink(link):
                os.unlink(link)
            os.symlink(_lasting(bundle.path), link)
        except OSError as error:
            raise Failed(f"{link}: {error.strerror}") from None
    _unlink(f"{bundle.service}/down")


def disable(bundle: Bundle) -> None:
    """Take it out of what it names, and put `down` there. Raises Failed."""
    for folder in _folders(bundle, make=False):
        if os.path.islink(f"{folder}/{bundle.name}"):
            _unlink(f"{folder}/{bundle.name}")
    path = f"{bundle.service}/down"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o400))
    except PermissionError:
        if not os.path.lexists(path):
            raise Failed(f"{path}: not allowed") from None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None


def _lasting(path: str) -> str:
    """A path that means the same from anywhere. (nosh writes a relative one as it was given.)"""
    return os.path.abspath(path)


def _folders(bundle: Bundle, *, make: bool) -> list[str]:
    found = []
    for relation, into in _MADE:
        for other in bundle.links(relation):
            if not os.path.isdir(other):
                raise Failed(f"{other}: leads to no bundle")
            folder = f"{other}/{into}"
            if make:
                try:
                    os.makedirs(folder, 0o755, exist_ok=True)
                except OSError as error:
                    raise Failed(f"{folder}: {error.strerror}") from None
            found.append(folder)
    return found


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # as it should be
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None


_PLACES = (
    "/usr/local/etc/system-control/{ours}",
    "/etc/system-control/{ours}",
    "/etc/systemd/{theirs}",
    "{home}/.config/system-control/presets",
    "/usr/local/share/system-control/{ours}",
    "/usr/local/lib/systemd/{theirs}",
    "/usr/share/system-control/{ours}",
    "/usr/lib/systemd/{theirs}",
    "/lib/systemd/{theirs}",
)


class Presets:
    """What preset files and rc.conf say. `rc`: the rc.conf to read instead of the usual ones."""

    def __init__(self, user: bool, environ: Mapping[str, str], rc: str = "") -> None:
        home = environ.get("HOME", "/")
        words = {
            "ours": "user-presets" if user else "presets",
            "theirs": "user-preset" if user else "system-preset",
            "home": home,
        }
        self.directories = [
            one.format(**words) for one in _PLACES if user or not one.startswith("{home}")
        ]
        usual = ("/etc/rc.conf.local", "/etc/rc.conf", "/etc/defaults/rc.conf")
        self.ttys = "/etc/ttys"
        self.rc_files = [rc] if rc else [f"{home}/.config/rc.conf"] if user else list(usual)

    def decide(
        self,
        bundle: Bundle,
        *,
        prefix: str = "",
        files: bool = True,
        rc: bool = True,
        ttys: bool = False,
        fstab: bool = False,
    ) -> bool:
        """Whether it is to be enabled. Files come first, then rc.conf, ttys and fstab; where
        nothing is said of it, no, except where none but files are asked.
        """
        name = bundle.name.removeprefix(prefix)
        said = self._by_files(bundle) if files else None
        if said is None and rc:
            said = self._by_rc(name)
        if said is None and ttys:
            said = self._by_ttys(name)
        if said is None and fstab:
            said = _by_fstab(name)
        return not (rc or ttys or fstab) if said is None else said

    def _by_files(self, bundle: Bundle) -> bool | None:
        """By the file with the lowest name, of all directories, that has a line about it."""
        files: dict[str, str] = {}
        for directory in reversed(self.directories):
            try:
                names = os.listdir(directory)
            except OSError:  # most of them are not there
                continue
            files.update({name: f"{directory}/{name}" for name in names if name[0] != "."})
        for name in sorted(files):
            said = _said(_lines(files[name]), bundle)
            if said is not None:
                return said
        return None

    def _by_rc(self, name: str) -> bool | None:
        wanted = re.compile(rf"\s*{re.escape(name)}_enable\s*=\s*[\"']?([^\"'#\s]*)", re.IGNORECASE)
        for path in self.rc_files:
            for line in _lines(path):
                if found := wanted.match(line):
                    return found[1].lower() in _TRUE
        return None

    def _by_ttys(self, name: str) -> bool | None:
        """By the words on and off of the terminal's line (ttys(5)); BSD has such a file."""
        for line in _lines(self.ttys):
            words = re.findall(r'"[^"]*"|[^\s"#]+', line.partition("#")[0])
            if words and words[0] == unescape(name):
                return "on" in words[3:] and "off" not in words[3:]
        return None


def _by_fstab(name: str) -> bool | None:
    """By the option noauto of what is mounted there, or of that device."""
    from .volumes import entry_for, is_automatic

    line = entry_for(unescape(name))
    return None if line is None else is_automatic(line)


def _said(lines: Iterable[str], bundle: Bundle) -> bool | None:
    """What the first matching line says."""
    for line in lines:
        words = line.split()
        if len(words) < 2 or words[0] not in ("enable", "disable") or line.lstrip()[0] in "#;":
            continue
        pattern = words[1].removesuffix(bundle.ending) if bundle.ending else words[1]
        if _matches(pattern, bundle.name):
            return words[0] == "enable"
    return None


def _matches(pattern: str, name: str) -> bool:
    """`*`, `?`, sets in brackets, and a backslash before what is meant itself."""
    text = ""
    rest = pattern
    while rest:
        char, rest = rest[0], rest[1:]
        closing = rest.find("]", 1)
        if char == "\\" and rest:
            text, rest = text + re.escape(rest[0]), rest[1:]
        elif char == "*":
            text += ".*"
        elif char == "?":
            text += "."
        elif char == "[" and closing > 0:
            inner = rest[:closing].replace("\\", "\\\\")
            inner = f"^{inner[1:]}" if inner[0] in "!^" else inner
            text, rest = f"{text}[{inner}]", rest[closing + 1 :]
        else:
            text += re.escape(char)
    return re.fullmatch(text, name, re.DOTALL) is not None


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:  # it says nothing
        return []
