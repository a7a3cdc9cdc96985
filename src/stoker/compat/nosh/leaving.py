"""What has left a scanned directory is stopped and unloaded, where that is asked for; nosh's
scanner never does so.

The control FIFO of each entry is held from when it was seen: when the entry has gone, its path may
lead nowhere, and the file itself may be gone from its directory. A FIFO is known by its inode, and
one without a reader has no manager: ENXIO. So nothing need be asked of the manager.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Collection

from .bundles import complain

__all__ = ["Leaving"]

Key = tuple[int, int]
_STOP_AND_UNLOAD = b"dx"
_PATIENCE = 60.0  # seconds for a manager that has died to have a successor


class Leaving:
    """Keeps an eye on entries, each with its own FIFO and that of its log. `program`: who complains
    of those that cannot be told.
    """

    def __init__(self, program: str = "") -> None:
        self._program = program
        self._entries: dict[str, tuple[Key, ...]] = {}
        self._controls: dict[Key, tuple[int, str]] = {}  # descriptors by O_PATH, and their paths
        self._writers: dict[Key, set[Key]] = {}  # whose output each log has had
        self._ending: dict[Key, float] = {}  # until when each may be told to; 0: it was told

    @property
    def busy(self) -> bool:
        """Whether something is to end yet: then `advance` is to be called from time to time."""
        return bool(self._ending)

    def seen(self, name: str, supervise: str, log: str = "") -> None:
        """An entry is there: its supervise directory, and its log's. What is not loaded is not
        held, and in whose place it came stays. Raises OSError when there are too few descriptors.
        """
        main = self._hold(f"{supervise}/control")
        before = self._entries.get(name)
        if main is None and before is not None:
            return
        keys = () if main is None else (main,)
        # If its log cannot be held now, neither it nor the log of before is taken for gone.
        self._entries[name] = tuple(dict.fromkeys((*keys, *(before or ()))))
        fed = self._hold(f"{log}/control") if log else None
        self._entries[name] = keys if fed is None else (*keys, fed)
        if main is not None and fed is not None:
            self._writers.setdefault(fed, set()).add(main)

    def _hold(self, path: str) -> Key | None:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        found = os.fstat(fd)
        key = found.st_dev, found.st_ino
        if key in self._controls or not stat.S_ISFIFO(found.st_mode):
            os.close(fd)
        else:
            self._controls[key] = fd, path
        return key if key in self._controls else None

    def left(self, names: Collection[str]) -> None:
        """Only these entries are there. What no entry leads to any more is to end."""
        for name in [one for one in self._entries if one not in names]:
            del self._entries[name]
        there = {key for keys in self._entries.values() for key in keys}
        for key in self._controls.keys() - there - self._ending.keys():
            self._ending[key] = time.monotonic() + _PATIENCE

    def advance(self) -> bool:
        """Tell those that have not been told, logs after who writes to them. Whether something has
        ended, in whose place something else may be loaded now.
        """
        before = len(self._ending)
        fed = {key for key in self._ending if self._writers.get(key, set()) & self._ending.keys()}
        if len(fed) == before:  # they write to each other, or to themselves
            fed.clear()
        for key, until in [one for one in self._ending.items() if one[0] not in fed]:
            try:
                is_read = self._tell(key, b"" if until == 0 else _STOP_AND_UNLOAD)
            except BlockingIOError:  # who reads it is behind: another time
                continue
            except OSError as error:
                path = self._controls[key][1]
                complain(self._program, f"{path}: cannot be unloaded: {error.strerror}")
                self._forget(key)
                continue
            if is_read:
                self._ending[key] = 0
            elif time.monotonic() > until:
                self._forget(key)
        return len(self._ending) < before

    def _tell(self, key: Key, letters: bytes) -> bool:
        """Write commands; whether somebody reads them."""
        try:
            path = f"/proc/self/fd/{self._controls[key][0]}"
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return False
            raise
        try:
            os.write(fd, letters)
        finally:
            os.close(fd)
        return True

    def _forget(self, key: Key) -> None:
        os.close(self._controls.pop(key)[0])
        del self._ending[key]
        self._writers.pop(key, None)
        for writers in self._writers.values():
            writers.discard(key)
