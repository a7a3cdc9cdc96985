"""How many sessions a user has, as pam_exec(8) tells of them one by one."""

from __future__ import annotations

import fcntl
import os

__all__ = ["Sessions"]


class Sessions:
    """The number of one user's sessions, in a file of the runtime directory `run`: gone with the
    boot, as they are.
    """

    def __init__(self, run: str, name: str) -> None:
        self._path = os.path.join(run, "sessions", name)

    def more(self) -> int:
        """One more; how many there are then."""
        return self._change(1)

    def less(self) -> int:
        """One less; how many there are then."""
        return self._change(-1)

    def count(self) -> int:
        """How many there are."""
        return self._change(0)

    def _change(self, by: int) -> int:
        os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
        with open(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = file.read().strip()
            count = max(0, (int(text) if text.isdigit() else 0) + by)
            file.seek(0)
            file.truncate()
            file.write(f"{count}\n")
        return count
