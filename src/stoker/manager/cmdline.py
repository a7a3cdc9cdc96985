"""How the keeper was started: read while it lives, for the day that it is lost."""

from __future__ import annotations

import os

__all__ = ["keeper_command"]


def keeper_command(pid: int) -> list[str]:
    """The command of the running keeper, without a handover of its own; empty when it cannot be
    read.
    """
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    except OSError:  # it is gone already
        return []
    if "--take" in words:
        at = words.index("--take")
        del words[at : at + 2]
    return words
