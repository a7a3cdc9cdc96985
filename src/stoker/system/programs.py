"""The commands by which the programs of a machine are run. Each finds its packages as we did."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

__all__ = ["keeper_argv", "program"]

_TEXT = (
    "{first}import sys; sys.modules['typing_extensions'] = None; sys.path[:0] = {path!r}; "
    "from {module} import main; sys.exit(main(sys.argv[1:]))"
)


def program(module: str, first: str = "") -> list[str]:
    """The command that runs the `main` of a module of ours with the words that follow it, after
    the statements in `first`.
    """
    text = _TEXT.format(first=first, path=_path(), module=module)
    return [sys.executable or "/usr/bin/python3", "-I", "-S", "-c", text]


def keeper_argv(run: str, log: str, events: Iterable[str]) -> list[str]:
    """The keeper of the machine, with all that it keeps."""
    programs = (
        [*program("stoker.daemon", "import gc; gc.disable(); "), run],
        [*program("stoker.recorder"), run],
        [*program("stoker.system.shell"), "emergency"],
        [*program("stoker.system.director"), run, *events],
        [*program("stoker.system.finish"), run],
    )
    words: list[str] = []
    for one in programs:
        words += [";", *one] if words else one
    options = ["--pid1", "--run", run, "--socket", f"{run}/control", "--log", log]
    return [*program("stoker.keeper"), *options, "--", *words]


def _path() -> list[str]:
    """Where we and the libraries that we use were found, and nothing else."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = {here: None}
    for folder in sys.path:
        if any(os.path.isdir(f"{folder}/{name}") for name in ("msgspec", "h11")):
            found[os.path.abspath(folder)] = None
    return list(found)
