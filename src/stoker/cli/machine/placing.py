"""Bringing files into a root file system, all or none, and taking them out again.

What was placed stands in a list there, with a digest of each file: so what is ours is known, and
what somebody has changed since.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from stoker.errors import Failed

__all__ = ["LIST", "Act", "File", "Placing"]

LIST = "/usr/lib/stoker/installed.json"
"""The list, below the root."""

_NEW = ".stoker-new"


class File(NamedTuple):
    """One to be there: its content, or where it leads (`target`). A `mild` one gives way to what is
    there already; another one that is not ours there is a mistake.
    """

    path: str
    data: bytes = b""
    mode: int = 0o644
    target: str = ""
    mild: bool = False

    @property
    def digest(self) -> str:
        """What the list says of it."""
        return f"→ {self.target}" if self.target else hashlib.sha256(self.data).hexdigest()


class Act(NamedTuple):
    """What is done with one path: write, link, remove, none (it is so already), kept (`why`)."""

    kind: str
    path: str
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {"do": self.kind, "path": self.path, "why": self.why or None}


class Placing:
    """One root. Raises Failed for what is there and not ours, and where it may not write."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self.known = self._list()

    def install(self, files: Iterable[File], *, dry: bool = False) -> list[Act]:
        """Have exactly these there, besides what others put there; returns what was done."""
        wanted = {one.path: one for one in files}
        acts = [self._planned(one) for one in wanted.values()]
        kept = {act.path for act in acts if act.kind == "kept"}
        gone = [path for path in self.known if path not in wanted]
        acts += [self._removal(path) for path in gone]
        if dry:
            return acts
        listed = {path: one.digest for path, one in wanted.items() if path not in kept}
        listed |= {path: self.known[path] for path in kept if path in self.known}
        todo = [wanted[act.path] for act in acts if act.kind in ("write", "link")]
        if listed != self.known:
            todo.append(_listing(listed))
        self._write(todo)
        for act in acts:
            if act.kind == "remove":
                self._remove(act.path)
        return acts

    def uninstall(self, *, dry: bool = False) -> list[Act]:
        """Take away what the list has; [] where there is none."""
        acts = [self._removal(path) for path in self.known]
        if self.known and not dry:
            for act in acts:
                if act.kind == "remove":
                    self._remove(act.path)
            self._remove(LIST)
        return acts

    # -- looking

    def real(self, path: str) -> str:
        """Where a path of the root is for us. Links in it are the root's: they do not lead out."""
        found = self.root
        for part in os.path.dirname(path).split("/"):
            found = self._followed(os.path.join(found, part)) if part else found
        return os.path.join(found, os.path.basename(path))

    def _followed(self, path: str) -> str:
        for _ in range(40):  # as many as the kernel follows (path_resolution(7))
            if not os.path.islink(path):
                return path
            above = os.path.dirname(path)[len(self.root.rstrip("/")) :] or "/"
            target = os.path.normpath(os.path.join(above, os.readlink(path)))
            path = self.root.rstrip("/") + target
        raise Failed(f"{path}: too many links")

    def _list(self) -> dict[str, str]:
        try:
            with open(self.real(LIST), encoding="utf-8") as file:
                files = json.load(file)["files"]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError) as error:
            raise Failed(f"{self.real(LIST)} cannot be read: {error}") from None
        return {str(path): str(digest) for path, digest in files.items()}

    def _digest(self, path: str) -> str:
        """Of what is there: "" for nothing. Raises Failed for what is neither file nor link."""
        real = self.real(path)
        try:
            mode = os.lstat(real).st_mode
            if stat.S_ISLNK(mode):
                return f"→ {os.readlink(real)}"
            if stat.S_ISREG(mode):
                with open(real, "rb") as file:
                    return hashlib.sha256(file.read()).hexdigest()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise Failed(f"{real}: {error.strerror}") from None
        return "something else"

    def _planned(self, one: File) -> Act:
        there = self._digest(one.path)
        kind = "link" if one.target else "write"
        if there == one.digest and (one.target or self._mode(one.path) == one.mode):
            return Act("none", one.path)
        if not there or there == self.known.get(one.path) or there == one.digest:
            return Act(kind, one.path)
        if one.path in self.known:
            return Act("kept", one.path, "it was changed since it was put there")
        if one.mild:
            return Act("kept", one.path, "it is there, and not ours")
        raise Failed(
            f"{self.real(one.path)} is there, and was not put there by stoker",
            hint="move it away, and do it again; nothing was changed",
        )

    def _mode(self, path: str) -> int:
        return stat.S_IMODE(os.lstat(self.real(path)).st_mode)

    def _removal(self, path: str) -> Act:
        there = self._digest(path)
        if not there:
            return Act("none", path, "it is gone already")
        if there != self.known[path]:
            return Act("kept", path, "it was changed since it was put there")
        return Act("remove", path)

    # -- acting

    def _write(self, files: list[File]) -> None:
        """All of them or none: first beside their places, then each into its place."""
        made: list[str] = []
        try:
            for one in files:
                made += self._directories(os.path.dirname(self.real(one.path)))
                fresh = self.real(one.path) + _NEW
                made.append(fresh)
                _put(fresh, one)
            for one in files:
                os.rename(self.real(one.path) + _NEW, self.real(one.path))
        except OSError as error:
            for path in reversed(made):
                _drop(path)
            hint = "as root" if isinstance(error, PermissionError) else "nothing was changed"
            raise Failed(f"{error.filename}: {error.strerror}", hint=hint) from None

    def _directories(self, path: str) -> Iterator[str]:
        """Make a directory and those above it; yields those that were not there."""
        missing = []
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for one in reversed(missing):
            os.mkdir(one, 0o755)
            yield one

    def _remove(self, path: str) -> None:
        real = self.real(path)
        try:
            os.unlink(real)
        except OSError as error:
            raise Failed(f"{real}: {error.strerror}") from None
        while (real := os.path.dirname(real)).startswith(self.root + "/"):
            if "stoker" not in real[len(self.root) :]:
                return  # not a directory of ours
            try:
                os.rmdir(real)
            except OSError:  # something is left in it
                return


def _listing(files: dict[str, str]) -> File:
    text = json.dumps({"version": 1, "files": files}, indent=1, sort_keys=True)
    return File(LIST, text.encode() + b"\n")


def _put(path: str, one: File) -> None:
    _drop(path)
    if one.target:
        os.symlink(one.target, path)
        return
    with open(path, "xb") as file:
        os.fchmod(file.fileno(), one.mode)
        file.write(one.data)


def _drop(path: str) -> None:
    try:
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    except OSError:
        pass  # not there, or a directory that somebody else uses meanwhile
