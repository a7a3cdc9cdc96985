"""Write a commented definition."""

from __future__ import annotations

import os
import sys

from stoker.errors import Failed, UsageError

from ..call import Call
from ..say import dump

__all__ = ["run"]


def run(call: Call) -> int:
    """NAME.toml in the project's directory (or on standard output)."""
    from stoker.formats import file_name, new_definition

    name, command = call.arguments["name"], call.arguments["command"]
    if not command:
        raise UsageError("what should it execute?", hint=f"usage: {call.verb.usage}")
    text = new_definition(name, command)
    if call.get("stdout"):
        if call.json:
            dump({"version": 1, "path": None, "text": text})
        else:
            sys.stdout.write(text)
        return 0
    path = os.path.join(_directory(call), file_name(name))
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise Failed(f"{path} is there already", hint="nothing was written") from None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
    if call.json:
        dump({"version": 1, "path": path, "text": text})
    else:
        print(f"wrote {path}")
        print(f"  look at it, then: stoker check {os.path.dirname(path)}")
    return 0


def _directory(call: Call) -> str:
    """Where a new definition goes: the place's first directory; here, where there is no place."""
    if call.get("project") is None and not call.get("user") and not call.get("system"):
        place = call.place()
        if place.kind != "project":
            return os.getcwd()
    return call.place().directories[0]
