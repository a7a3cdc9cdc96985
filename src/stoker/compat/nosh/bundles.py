"""Bundles as the commands see them: a path, its parts, its flags, and how they are found."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from stoker.errors import NoSuchService, UsageError
from stoker.formats import find_bundle, roots

__all__ = ["Bundle", "Searching", "asked_for_help", "complain", "options"]


class Bundle:
    """The bundle at `path`. `ending`: what its name said of its kind (".target"), or ""."""

    def __init__(self, path: str, ending: str = "") -> None:
        self.path = path
        self.ending = ending

    @property
    def name(self) -> str:
        """Its name in its directory."""
        last = os.path.basename(self.path.rstrip("/"))
        return os.path.basename(os.path.abspath(self.path)) if last in ("", ".", "..") else last

    @property
    def service(self) -> str:
        """Where its programs and flags are."""
        inner = f"{self.path}/service"
        return inner if os.path.isdir(inner) else self.path

    @property
    def supervise(self) -> str:
        """Its supervise directory."""
        inner = f"{self.path}/supervise"
        return inner if os.path.isdir(inner) else self.path

    def has(self, flag: str) -> bool:
        """Present unless it is surely not there."""
        try:
            os.lstat(f"{self.service}/{flag}")
        except FileNotFoundError:
            return False
        except OSError:  # there, or not to be told: it counts as present
            return True
        return True

    def links(self, relation: str) -> list[str]:
        """The paths of the entries of one of its directories of links."""
        try:
            names = sorted(os.listdir(f"{self.path}/{relation}"))
        except OSError:  # it has none
            return []
        return [f"{self.path}/{relation}/{name}" for name in names if not name.startswith(".")]

    def identity(self) -> tuple[int, int]:
        """By which it is known. Raises OSError."""
        found = os.stat(self.path)
        return found.st_dev, found.st_ino


class Searching:
    """Finds bundles by name."""

    def __init__(self, user: bool = False, environ: Mapping[str, str] | None = None) -> None:
        self._roots = roots(user, environ)

    def find(self, name: str, prefix: str = "") -> Bundle:
        """The bundle of that name. Raises NoSuchService."""
        found = find_bundle(name, self._roots, prefix)
        if found is None:
            raise NoSuchService(f"{prefix}{name}: there is no such bundle")
        return Bundle(*found)

    def all(self, names: Sequence[str], prefix: str = "") -> list[Bundle]:
        """All of them. Raises NoSuchService for the first that is not there."""
        return [self.find(name, prefix) for name in names]


def asked_for_help(program: str, arguments: Sequence[str], text: str) -> bool:
    """Whether help alone was asked for; then it is given."""
    if len(arguments) != 1 or arguments[0] not in ("-h", "--help", "--usage", "-?"):
        return False
    print(f"usage: {program} {text}")
    return True


def complain(program: str, text: object) -> None:
    """A message of a command."""
    print(f"{program}: {text}", file=sys.stderr)


def options(
    words: list[str], switches: Mapping[str, str], valued: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Take the options off the front of `words`: {name: value or "yes"}. `switches` and `valued`
    are the spellings with the name of each. Raises UsageError.
    """
    found: dict[str, str] = {}
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word = words.pop(0)
        if word == "--":
            break
        spelt, sign, value = word.partition("=")
        if valued and spelt in valued:
            if not sign:
                if not words:
                    raise UsageError(f"{spelt} needs a value")
                value = words.pop(0)
            found[valued[spelt]] = value
        elif word in switches:
            found[switches[word]] = "yes"
        elif word[1] != "-" and len(word) > 2 and all(f"-{c}" in switches for c in word[1:]):
            found.update({switches[f"-{letter}"]: "yes" for letter in word[1:]})
        else:
            raise UsageError(f"{word}: unrecognized option")
    return found
