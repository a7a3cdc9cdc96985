"""service-is-up, service-is-ok (svok), service-is-enabled: an answer as an exit status.

0 yes, 100 no, 111 there is nothing that could be asked.
"""

from __future__ import annotations

import os

from .bundles import Bundle, asked_for_help, complain
from .supervised import is_supervised, read_status

__all__ = ["is_enabled", "is_ok", "is_up", "svok"]

NO, CANNOT = 100, 111


def is_up(arguments: list[str]) -> int:
    """Whether it runs: by its state, and its process where it has no state."""
    if asked_for_help("service-is-up", arguments, "DIRECTORY"):
        return 0
    directory = _one("service-is-up", arguments)
    if directory is None:
        return 1
    try:
        if not is_supervised(directory):
            return CANNOT
        status = read_status(directory)
    except OSError:  # the answer is the exit status
        return CANNOT
    return 0 if status is not None and status.up else NO


def is_ok(arguments: list[str]) -> int:
    """Whether somebody supervises it."""
    return _is_ok("service-is-ok", arguments)


def svok(arguments: list[str]) -> int:
    """The same by its old name."""
    return _is_ok("svok", arguments)


def _is_ok(program: str, arguments: list[str]) -> int:
    if asked_for_help(program, arguments, "DIRECTORY"):
        return 0
    directory = _one(program, arguments)
    if directory is None:
        return 1
    try:
        return 0 if is_supervised(directory) else NO
    except OSError:  # the answer is the exit status
        return CANNOT


def is_enabled(arguments: list[str]) -> int:
    """Whether it has no file `down`."""
    if asked_for_help("service-is-enabled", arguments, "DIRECTORY"):
        return 0
    if len(arguments) != 1:
        complain("service-is-enabled", "one directory is needed")
        return 1
    if not os.path.isdir(arguments[0]):
        return CANNOT
    return NO if Bundle(arguments[0]).has("down") else 0


def _one(program: str, arguments: list[str]) -> str | None:
    if len(arguments) != 1:
        complain(program, "one directory is needed")
        return None
    return Bundle(arguments[0]).supervise
