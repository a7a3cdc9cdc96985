"""MOUNTS: every automatic entry of fstab(5) is mounted. Woken by the kernel when the mount table
changes (poll(2) on mountinfo, proc(5)), and by a change of fstab.
"""

from __future__ import annotations

import os
import select

from stoker.linux import inotify, mounts

from .telling import Sight, watch

__all__ = ["Mounts", "run"]

_MASK = inotify.CLOSE_WRITE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.DELETE
_SLOW = 30.0  # seconds between looks at an fstab that cannot be watched


class Mounts:
    """`fstab` against `table`, the two files' paths."""

    gives = "MOUNTS"

    def __init__(self, fstab: str = "/etc/fstab", table: str = "/proc/self/mountinfo") -> None:
        self._fstab = fstab
        self._table = os.open(table, os.O_RDONLY | os.O_CLOEXEC)
        self._inotify: inotify.Inotify | None = None
        try:
            self._inotify = inotify.Inotify()
            self._inotify.add(os.path.dirname(fstab) or "/", _MASK)
        except OSError:  # the user's limit of watches: by the clock then
            self.close_watch()

    def close_watch(self) -> None:
        """No word of changes of fstab any more."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def look(self) -> Sight:
        """What is missing now."""
        missing = mounts.missing(self._fstab)
        if not missing:
            return Sight(True, "all of fstab is mounted")
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        verb = "is" if len(missing) == 1 else "are"
        return Sight(False, f"{', '.join(missing[:3])}{more} {verb} not mounted")

    def descriptors(self) -> dict[int, int]:
        """The mount table, which has urgent news when it changed, and fstab's directory."""
        found = {self._table: select.POLLERR | select.POLLPRI}
        if self._inotify is not None:
            found[self._inotify.fd] = select.POLLIN
        return found

    def heard(self, fd: int) -> None:
        """The news are heard; poll(2) itself has taken note of the table's."""
        if self._inotify is not None and fd == self._inotify.fd:
            self._inotify.read()

    def patience(self) -> float | None:
        """None, unless fstab cannot be watched."""
        return None if self._inotify is not None else _SLOW

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._table)
        self.close_watch()


def run() -> None:
    """Watch for ever."""
    watch(Mounts())
