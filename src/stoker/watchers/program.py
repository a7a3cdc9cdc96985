"""The program of all watchers: ``stoker-watcher WHICH``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

__all__ = ["main"]

_WHICH = ("time", "mounts", "network", "sleep")


def main(argv: Sequence[str] | None = None) -> int:
    """Watch what the argument names, until ended. The status is 1 when it cannot be watched."""
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 1 or words[0] not in _WHICH:
        print(f"usage: stoker-watcher {'|'.join(_WHICH)}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"stoker.watchers.{words[0]}")
    try:
        module.run()
    except OSError as error:
        print(f"{words[0]} cannot be watched: {error}", file=sys.stderr)
        return 1
    return 0
