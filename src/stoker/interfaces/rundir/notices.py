"""Notices of changes to the directory and to those of the services in it, by inotify(7)."""

from __future__ import annotations

from collections.abc import Callable

from stoker.linux import Loop, inotify
from stoker.linux import loop as epoll

__all__ = ["EVERYTHING", "ITSELF", "Notices"]

EVERYTHING = "*"
"""More has changed than could be told: look at all. No service is called so and shown."""

ITSELF = "/"
"""The directory itself is gone."""

_COME = inotify.CREATE | inotify.MOVED_TO
_GONE = inotify.DELETE | inotify.MOVED_FROM
_LOST = inotify.DELETE_SELF | inotify.MOVE_SELF
_ABOVE = _COME | _GONE | _LOST | inotify.ONLYDIR
_WITHIN = inotify.CLOSE_WRITE | inotify.MOVED_TO | _GONE | inotify.ONLYDIR


class Notices:
    """`changed(names)`: entries of the directory `path` about which something is new. Raises
    OSError when nothing can be watched.
    """

    def __init__(self, loop: Loop, path: str, changed: Callable[[list[str]], object]) -> None:
        self._loop = loop
        self._path = path
        self._changed = changed
        self._watches: dict[int, str] = {}  # to the name; "" is the directory itself
        self._inotify = inotify.Inotify()
        loop.watch(self._inotify.fd, epoll.READ, self._read)

    def begin(self) -> None:
        """Watch the directory, which may have been made anew."""
        watch = self._inotify.add(self._path, _ABOVE)
        if watch is not None:
            self._watches[watch] = ""

    def follow(self, name: str) -> None:
        """Watch the directory of a service, if it is there."""
        watch = self._inotify.add(f"{self._path}/{name}", _WITHIN)
        if watch is not None:
            self._watches[watch] = name

    def _read(self, _events: int) -> None:
        found: dict[str, None] = {}
        for change in self._inotify.read():
            name = self._watches.get(change.watch)
            if change.mask & inotify.OVERFLOW:
                found[EVERYTHING] = None
            elif change.mask & inotify.IGNORED:
                self._watches.pop(change.watch, None)
            elif name:
                found[name] = None
            elif name == "" and change.mask & _LOST:
                self._watches.pop(change.watch, None)
                found[ITSELF] = None
            elif name == "" and not change.name.startswith("."):
                if change.mask & _COME:
                    self.follow(change.name)
                found[change.name] = None
        if found:
            self._changed(list(found))

    def close(self) -> None:
        """Watch nothing any more."""
        self._loop.forget(self._inotify.fd)
        self._inotify.close()
