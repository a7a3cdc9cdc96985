"""Make the commands of other systems reachable under their own names."""

from __future__ import annotations

import os
import shlex

from stoker.errors import Failed, Refused, UsageError

from ..call import Call
from ..say import clean, dump

__all__ = ["run"]

_SIGN = "# A command of stoker's.\n"


def run(call: Call) -> int:
    """Make one link for each command; what is there and not ours is left, and said before anything
    is done.
    """
    from stoker.compat import COMMANDS

    directory = os.path.abspath(call.arguments["dir"])
    names = _chosen(list(call.arguments.get("command") or ()))
    target = _program()
    foreign = [name for name in names if not _ours(os.path.join(directory, name))]
    if foreign:
        raise Failed(
            f"{os.path.join(directory, foreign[0])} is there and is not ours",
            hint="remove it, or name the commands that you want",
        )
    dry = bool(call.get("dry_run"))
    if not dry:
        for name in names:
            _make(directory, name, target)
    if call.json:
        rows = [{"name": name, "system": COMMANDS[name][0]} for name in names]
        dump({"version": 1, "directory": directory, "dry_run": dry, "commands": rows})
        return 0
    for name in names:
        print(f"{clean(os.path.join(directory, name))}  {COMMANDS[name][2]}")
    return 0


def _chosen(words: list[str]) -> list[str]:
    """Commands, and all commands of a system, by name; without one all but those that must be
    asked for.
    """
    from stoker.compat import ASKED_FOR, COMMANDS, SYSTEMS
    from stoker.model import did_you_mean

    found: dict[str, None] = {}
    for word in words:
        of_system = [name for name, row in COMMANDS.items() if row[0] == word]
        if of_system:  # sysmgr is a command, too: with the whole of its system
            found.update(dict.fromkeys(of_system))
        elif word in COMMANDS:
            found[word] = None
        else:
            near = did_you_mean(word, [*COMMANDS, *SYSTEMS])
            hint = f"did you mean {near}?" if near else f"one of {', '.join(COMMANDS)}"
            raise UsageError(f"there is no command {word}", hint=hint)
    return list(found) or [name for name, row in COMMANDS.items() if row[0] not in ASKED_FOR]


def _program() -> list[str]:
    from ..inits import program

    return program()


def _ours(path: str) -> bool:
    """Nothing is there, or what we made."""
    if not os.path.lexists(path):
        return True
    if os.path.islink(path):
        return os.path.basename(os.readlink(path)) == "stoker"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return _SIGN in file.read(200)
    except OSError:
        return False  # a directory, or not for us to read


def _make(directory: str, name: str, target: list[str]) -> None:
    """A link to the program; a few lines of shell where the program is not one file."""
    path = os.path.join(directory, name)
    fresh = f"{path}.{os.getpid()}"
    try:
        os.makedirs(directory, exist_ok=True)
        if len(target) == 1:
            os.symlink(target[0], fresh)
        else:
            text = f'#!/bin/sh\n{_SIGN}exec {shlex.join([*target, name])} "$@"\n'
            with open(fresh, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(fresh, 0o755)
        os.rename(fresh, path)
    except OSError as error:
        raise Refused(f"{error.filename or path}: {error.strerror}") from None
