"""What is right as it stands in the files, and will all the same not work here, or should not be
run here: unknown accounts, files and programs that are not there, files that others can change.

Only `check` asks: it looks at every file and account that is named, which a start need not wait
for. What is found are warnings; the machine that is looked at may not be the one that will run it,
and what is missing may come.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator

from stoker.model import Definition, Mistaken, Place

from .entry import readable

__all__ = ["advise"]

_LISTED = 20  # files of one directory that are named one by one
_STEPS = {
    "prepare": "exec_start_pre",
    "start": "exec_start",
    "stop": "exec_stop",
    "refresh": "exec_refresh",
    "cleanup": "exec_stop_post",
}


def advise(definitions: Iterable[Definition], place: Place, path: str) -> list[Mistaken]:
    """Warnings about what the definitions of `place` name, where they name it. `path`: the PATH
    that services get there. Reads the disk and the system's accounts; raises nothing.
    """
    look = _Look(place, path)
    for one in definitions:
        if os.path.dirname(one.source) in place.directories:
            look.at(one)
    for directory in place.directories:
        look.directory(directory)
    return list(look.found.values())


class _Look:
    def __init__(self, place: Place, path: str) -> None:
        self.place = place
        self.path = path
        self.found: dict[tuple[str, int | None, str], Mistaken] = {}
        self.open: dict[str, list[str]] = {}  # directory to what in it others can change
        self.known: dict[str, str] = {}

    def warn(self, one: Definition, key: str, message: str, hint: str) -> None:
        """Note a warning at a key of a definition's file; "" is the file itself."""
        file, _, line = one.origins.get(key, "").rpartition(":")
        number = int(line) if file and line.isdecimal() else None
        where = file if number is not None else readable(one.source)
        found = Mistaken(message, where, number, key or None, hint, "warning")
        self.found.setdefault((where, number, message), found)

    # -- one definition

    def at(self, one: Definition) -> None:
        self.accounts(one)
        self.files(one)
        for key, argv in _commands(one):
            self.program(one, key, argv)
        self.guarded(one.source)

    def accounts(self, one: Definition) -> None:
        context = one.context
        uid = _uid(context.user) if context.user else self.place.uid
        if uid is None:
            self.warn(one, "user", f'there is no user "{context.user}"', "it could not be started")
        elif uid != self.place.uid != 0:
            what = f"cannot run as {context.user}: the manager here is not root's"
            self.warn(one, "user", what, f"leave it out: it runs as {_name(self.place.uid)}")
        for key, names in (
            ("group", (context.group,)),
            ("supplementary_groups", context.supplementary_groups or ()),
        ):
            for name in names:
                if name and _gid(name) is None:
                    self.warn(one, key, f'there is no group "{name}"', "it could not be started")

    def files(self, one: Definition) -> None:
        if one.context.tokens:
            return  # a path may only come to be at its start
        for path in one.context.environment_files:
            if not path.startswith("-") and not os.path.exists(path):
                hint = 'it could not be started; write "-" before a path that may be missing'
                self.warn(one, "environment_files", f"there is no {readable(path)}", hint)
        directory = one.context.working_directory
        if directory and not os.path.isdir(directory):
            what = f"there is no directory {readable(directory)}"
            self.warn(one, "working_directory", what, "it could not be started")

    def program(self, one: Definition, key: str, argv: tuple[str, ...]) -> None:
        name = argv[0]
        if one.context.tokens and "%" in name:
            return
        if "/" not in name:
            path = one.context.environment.get("PATH", self.path)
            candidates = [f"{folder or '.'}/{name}" for folder in path.split(":")]
            there = next((one for one in candidates if _runs(one) == ""), "")
            if not there and not one.context.environment_files:  # they may set another PATH
                hint = f"is it installed? PATH is {path}"
                self.warn(one, key, f"there is no {readable(name)} in PATH", hint)
        else:
            base = one.context.working_directory or self.place.working_directory
            there = os.path.join(base, name)
            why = _runs(there)
            # An absolute path that is not there was told when the file was read.
            if why and not (name.startswith("/") and why == "is not there"):
                self.warn(one, key, f"{readable(there)} {why}", "it could not be started")
        if there and os.path.exists(there):
            why = self.changed_by(there, _uid(one.context.user) if one.context.user else None)
            if why:
                hint = f"it runs as {one.context.user or _name(self.place.uid)}: {_REMEDY}"
                self.warn(one, key, f"{readable(there)} {why}", hint)

    # -- who can change it

    def guarded(self, path: str) -> None:
        """Whoever can change a definition decides what is run, and as whom."""
        why = self.changed_by(path)
        if why:
            self.open.setdefault(os.path.dirname(path), []).append(f"{path}\0{why}")

    def directory(self, directory: str) -> None:
        """Whoever can put a file into a directory of definitions, or replace one, too."""
        files = self.open.get(directory, [])
        why = self.changed_by(directory)
        if why:
            self.note(directory, why)
        if why and len(files) > _LISTED:
            return  # a whole tree of another's: said once
        for text in files[:_LISTED]:
            path, _, what = text.partition("\0")
            self.note(path, what)
        if len(files) > _LISTED:
            self.note(directory, f"{len(files) - _LISTED} more files in it: {why or 'the same'}")

    def note(self, path: str, why: str) -> None:
        hint = f"it decides what runs as {_name(self.place.uid)}: {_REMEDY}"
        self.found[readable(path), None, why] = Mistaken(
            why, readable(path), hint=hint, level="warning"
        )

    def changed_by(self, path: str, also: int | None = None) -> str:
        """Who else can change a file: a sentence, or "". `also`: an account that may."""
        try:
            status = os.stat(path)
        except OSError:
            return ""  # what is not there is told elsewhere
        if status.st_mode & 0o002 and not status.st_mode & stat.S_ISVTX:
            return f"can be changed by everybody (mode {stat.S_IMODE(status.st_mode):04o})"
        if status.st_uid not in (0, self.place.uid, also):
            return f"belongs to {_name(status.st_uid)}, who can change it"
        return ""


_REMEDY = "chown and chmod it, or let it run as its owner"


def _commands(one: Definition) -> Iterator[tuple[str, tuple[str, ...]]]:
    for field, key in _STEPS.items():
        for step in getattr(one, field):
            if step.argv and step.argv[0] != one.source:
                yield key, step.argv
    if one.ready.probe is not None and one.ready.probe.argv:
        yield "ready.exec", one.ready.probe.argv
    for health in one.health:
        if health.probe.argv:
            yield "health", health.probe.argv


def _runs(path: str) -> str:
    """Why a program cannot be executed; "" if it can."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "is not there"
    if stat.S_ISDIR(mode):
        return "is a directory"
    return "" if mode & 0o111 else "is not executable"


def _uid(name: str) -> int | None:
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _gid(name: str) -> int | None:
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
