"""The script format: an executable regular file is a service. Model child, restarted always
(sysmgr's way).
"""

from __future__ import annotations

import os

from stoker.errors import UsageError
from stoker.model import Definition, Mistaken, Step, fmri, of_name

from .entry import Entry, Reading, Surroundings, readable, slurp

__all__ = ["Script"]

_ELF = b"\x7fELF"
_FIRST = 512  # bytes that are looked at; the kernel reads 256 for the interpreter's line


class Script:
    """The format of an executable file."""

    name = "script"

    def claims(self, entry: Entry) -> bool:
        return entry.is_file and entry.is_executable

    def read(self, entry: Entry, surroundings: Surroundings) -> Reading:
        path = entry.path
        try:
            service, instance = of_name(entry.name)
            name = fmri(service, instance)
        except UsageError as wrong:
            return _refused(path, [], wrong.message, wrong.hint)
        if not path.isascii() and readable(path) != path:
            # Commands are kept as UTF-8 text on their way to the manager.
            return _refused(path, [name], "its path is not UTF-8", "rename it")
        try:
            head = slurp(path, _FIRST)
        except OSError as wrong:
            if not surroundings.execvp:
                why = f"cannot be read: {wrong.strerror or wrong}"
                return _refused(path, [name], why, "a script must be readable to be run")
            head = _ELF  # a program can be executed all the same
        reading = Reading(claims=[name], path=path)
        shell = surroundings.execvp and _is_unknown(head)
        if head[:4] != _ELF and head not in surroundings.known:
            _look(head, path, surroundings, reading)
            if not reading.mistakes:
                surroundings.known.add(head)
        if reading.good:
            reading.definitions.append(
                Definition(
                    name,
                    format=self.name,
                    source=path,
                    start=(Step(("/bin/sh", path) if shell else (path,)),),
                    restart=surroundings.restart,
                    log=surroundings.log,
                )
            )
        return reading


def _refused(path: str, claims: list[str], message: str, hint: str) -> Reading:
    return Reading([], [Mistaken(message, readable(path), hint=hint)], claims, path)


def _is_unknown(head: bytes) -> bool:
    """Whether execve(2) answers ENOEXEC for a text that begins so, which execvp(3) gives to sh."""
    line = head.partition(b"\n")[0]
    return b"\0" not in head and not (line.startswith(b"#!") and line[2:].strip(b" \t"))


def _look(head: bytes, path: str, surroundings: Surroundings, reading: Reading) -> None:
    """Judge a first line as execve(2) will."""
    refused = "warning" if surroundings.execvp else "error"  # it is run, or tried again

    def tell(message: str, hint: str, level: str = "error") -> None:
        reading.mistakes.append(Mistaken(message, path, 1, None, hint, level))

    if not head:
        tell("is empty", "a script begins with #!/bin/sh", refused)
        return
    if not head.startswith(b"#!"):
        if b"\0" in head:
            tell("is neither a script nor an ELF program", "the kernel may refuse it", "warning")
        elif head.startswith(b"\xef\xbb\xbf#!"):
            tell("begins with a byte order mark", "save it without: #! must come first", refused)
        else:
            tell("has no #! line", "a script begins with #!/bin/sh", refused)
        return
    line = head.partition(b"\n")[0][2:]
    words = os.fsdecode(line).strip(" \t").split(None, 1)
    if not words:
        tell("names no interpreter after #!", "write #!/bin/sh", refused)
        return
    program = words[0]
    shown = readable(program)[:200]
    if "\r" in line.decode("latin-1"):
        tell("its first line ends with a carriage return", "save it with unix line ends")
    elif not program.startswith("/"):
        tell(f"the interpreter {shown} is not an absolute path", "write #!/bin/sh", "warning")
    elif not surroundings.exists(program):
        tell(f"there is no interpreter {shown}", "is it installed?", refused)
    elif program.rpartition("/")[2] == "env" and len(words) > 1:
        wanted = words[1].strip().split()[-1] if words[1].startswith("-S") else words[1].strip()
        if (
            wanted
            and "=" not in wanted
            and "/" not in wanted
            and not _on_path(wanted, surroundings)
        ):
            tell(f"env may not find {readable(wanted)[:80]}", "is it installed?", "warning")


def _on_path(program: str, surroundings: Surroundings) -> bool:
    path = os.environ.get("PATH") or os.defpath
    return any(surroundings.exists(f"{folder}/{program}") for folder in path.split(":") if folder)
