"""File targets: facts about whether paths exist, told at once and whenever it changes (inotify(7)).

A path that is not there is watched by the nearest directory above it that is. Every change in a
watched directory makes the targets that depend on it be looked at again: what counts is what
stat(2) says then, not what the change said.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from stoker.linux import Loop, inotify
from stoker.linux import loop as epoll

__all__ = ["FileWatches"]

_MASK = (
    inotify.CREATE
    | inotify.DELETE
    | inotify.MOVED_FROM
    | inotify.MOVED_TO
    | inotify.ATTRIB
    | inotify.DELETE_SELF
    | inotify.MOVE_SELF
    | inotify.ONLYDIR
)
_SLOW = 2_000_000_000  # between looks when the kernel gives us no watch, in nanoseconds
_PREFIX = "file://"


class FileWatches:
    """All file targets. `tell(target, value)` for each fact."""

    def __init__(self, loop: Loop, tell: Callable[[str, bool], object]) -> None:
        self._loop = loop
        self._tell = tell
        self._inotify: inotify.Inotify | None = None
        self._values: dict[str, bool] = {}
        self._places: dict[int, set[str]] = {}  # watch -> targets
        self._watch_of: dict[str, int] = {}
        self._unwatched: set[str] = set()  # those that need looking at by the clock
        self._ticking = False

    def add(self, target: str) -> None:
        """Begin to watch "file:///path"; its value is told at once."""
        self._arm(target)
        value = self._exists(target)
        self._values[target] = value
        self._tell(target, value)

    def remove(self, target: str) -> None:
        """Nobody needs it any more."""
        self._values.pop(target, None)
        self._unwatched.discard(target)
        self._disarm(target)

    def close(self) -> None:
        """End all watches."""
        self._values.clear()
        self._unwatched.clear()
        if self._inotify is not None:
            self._loop.forget(self._inotify.fd)
            self._inotify.close()
            self._inotify = None

    # -- inside

    @staticmethod
    def _path(target: str) -> str:
        path = target.removeprefix(_PREFIX)
        return "/" + path.removeprefix("localhost").lstrip("/")

    def _exists(self, target: str) -> bool:
        return os.path.exists(self._path(target))

    def _arm(self, target: str) -> None:
        """Watch the nearest directory above the target that exists."""
        self._disarm(target)
        try:
            if self._inotify is None:
                self._inotify = inotify.Inotify()
                self._loop.watch(self._inotify.fd, epoll.READ, self._changed)
            watch, _ = self._inotify.add_nearest(os.path.dirname(self._path(target)), _MASK)
        except OSError:  # no watch to be had (the user's limit): by the clock then
            watch = None
        if watch is None:
            self._unwatched.add(target)
            self._tick()
            return
        self._unwatched.discard(target)
        self._places.setdefault(watch, set()).add(target)
        self._watch_of[target] = watch

    def _disarm(self, target: str) -> None:
        watch = self._watch_of.pop(target, None)
        if watch is None:
            return
        targets = self._places[watch]
        targets.discard(target)
        if not targets:
            del self._places[watch]
            if self._inotify is not None:
                self._inotify.remove(watch)

    def _changed(self, _events: int) -> None:
        if self._inotify is None:
            return
        touched: dict[str, None] = {}
        for change in self._inotify.read():
            if change.mask & inotify.OVERFLOW:
                touched |= dict.fromkeys(self._values)
            for target in sorted(self._places.get(change.watch, ())):
                touched[target] = None
        for target in touched:
            self._look(target)

    def _look(self, target: str) -> None:
        if target not in self._values:
            return
        # Armed first, then looked at: what changes in between is seen as a change.
        self._arm(target)
        value = self._exists(target)
        if value != self._values[target]:
            self._values[target] = value
            self._tell(target, value)

    def _tick(self) -> None:
        if not self._ticking and self._unwatched:
            self._ticking = True
            self._loop.at(time.monotonic_ns() + _SLOW, self._ticked)

    def _ticked(self) -> None:
        self._ticking = False
        for target in sorted(self._unwatched):
            self._look(target)
        self._tick()
