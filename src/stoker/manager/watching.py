"""`watch = true` in the settings: definitions are read again by themselves when files change.

The directories of definitions and of settings are watched, by inotify(7); one that is not there is
watched for by the nearest directory above it. After the last change a quiet time passes, so that
files which are written together are read together. What counts is decided generously: a reading
that finds nothing new changes nothing. Only what services write beside definitions must not cause
one. Not seen: a change behind a symbolic link, or made by another machine on a network's disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from stoker.linux import Loop, Timer, inotify
from stoker.linux import loop as epoll
from stoker.model import Compiled, Place

__all__ = ["Watching"]

_MASK = (
    inotify.CLOSE_WRITE
    | inotify.CREATE
    | inotify.DELETE
    | inotify.MOVED_FROM
    | inotify.MOVED_TO
    | inotify.ATTRIB
    | inotify.DELETE_SELF
    | inotify.MOVE_SELF
    | inotify.ONLYDIR
)
_ENDING = ".toml"  # saves readings, no more: what an entry is, the formats say
_LONGEST = 10  # quiet times that changes without end can hold a reading off


class Watching:
    """`changed()` when definitions are to be read again; `trouble(text)` when they cannot be
    watched, with "" when they can.
    """

    def __init__(
        self,
        loop: Loop,
        place: Place,
        changed: Callable[[], object],
        trouble: Callable[[str], object],
    ) -> None:
        self._loop = loop
        self._place = place
        self._changed = changed
        self._trouble = trouble
        self._inotify: inotify.Inotify | None = None
        self._names: dict[int, set[str] | None] = {}  # entries that count; None: definitions
        self._paths: dict[int, str] = {}
        self._known: frozenset[str] = frozenset()
        self._directories: list[str] = []
        self._delay = 0
        self._first = 0
        self._timer: Timer | None = None

    def follow(self, compiled: Compiled) -> None:
        """Do as these settings say, knowing these definitions."""
        settings = compiled.settings
        if not settings.watch:
            self.close()
            return
        self._delay = int(settings.watch_delay * 1e9)
        self._known = frozenset(one.source for one in compiled.definitions)
        directories = [*self._place.directories, *settings.directories, *settings.manifests]
        if directories != self._directories:
            self._directories = directories
            self.close()
        if self._inotify is None:
            self._arm()
            if self._inotify is not None:
                self._wait()  # for what has changed since the definitions were read

    def close(self) -> None:
        """Watch nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._inotify is not None:
            self._loop.forget(self._inotify.fd)
            self._inotify.close()
            self._inotify = None

    # -- inside

    def _arm(self) -> None:
        """Watch everything anew."""
        self.close()
        self._names, self._paths = {}, {}
        try:
            self._inotify = inotify.Inotify()
            for directory in self._directories:
                self._add(directory, None)
            for path in self._place.settings:
                self._add(os.path.dirname(path), os.path.basename(path))
            self._loop.watch(self._inotify.fd, epoll.READ, self._read)
        except OSError as error:
            self.close()
            self._trouble(
                f"definitions cannot be watched: {error.strerror or error}; `stoker reload` reads "
                "them again"
            )
        else:
            self._trouble("")

    def _add(self, directory: str, name: str | None) -> None:
        assert self._inotify is not None
        watch, found = self._inotify.add_nearest(directory, _MASK)
        if watch is None:
            return
        if found != directory:
            name = os.path.relpath(directory, found).split("/")[0]
        self._paths[watch] = found
        names = self._names.setdefault(watch, set())
        if name is None:
            self._names[watch] = None
        elif names is not None:
            names.add(name)

    def _read(self, _events: int) -> None:
        assert self._inotify is not None
        if any(self._counts(change) for change in self._inotify.read()):
            self._wait()

    def _counts(self, change: inotify.Change) -> bool:
        if not change.name:  # the directory itself, or more than the kernel could tell of
            return not change.mask & inotify.IGNORED
        names = self._names.get(change.watch, set())
        if names is not None:
            return change.name in names
        path = os.path.join(self._paths[change.watch], change.name)
        if path in self._place.settings or path in self._known or path.endswith(_ENDING):
            return True
        if change.name.startswith("."):
            return False
        return bool(change.mask & inotify.ISDIR) or os.access(path, os.X_OK)

    def _wait(self) -> None:
        now = time.monotonic_ns()
        if self._timer is None:
            self._first = now
        else:
            self._timer.cancel()
        at = min(now + self._delay, self._first + _LONGEST * self._delay)
        self._timer = self._loop.at(at, self._over)

    def _over(self) -> None:
        """It is quiet. Watched anew first: a change from now on is seen as one."""
        self._arm()
        self._changed()
