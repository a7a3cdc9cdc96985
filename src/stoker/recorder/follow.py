"""Following logs as they grow: across rotation, compression and removal, told by inotify."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator

from stoker.linux import inotify

from .logfile import LogFile, Record, all_of
from .names import CURRENT, closed_files, fmri_of
from .ownlog import OWN_FOLDER

__all__ = ["Follower", "Watch"]

WITHOUT_INOTIFY = 0.5  # seconds between two looks where the user's watches are used up
_MASK = inotify.MODIFY | inotify.CREATE | inotify.MOVED_TO


class Follower:
    """One instance's log from now on. `begin` first; then `more` gives what has come since the
    last call.
    """

    def __init__(self, folder: str, fmri: str, *, own: str = "") -> None:
        self.folder = folder
        self.fmri = fmri
        self._path = own or os.path.join(folder, CURRENT)
        self._own = bool(own)
        self._file: LogFile | None = None
        self._closed: set[str] = set()

    def begin(self) -> list[str]:
        """Open the file in use at its beginning; the closed files before it, oldest first."""
        while True:
            before = closed_files(self.folder)
            self._open()
            after = closed_files(self.folder)
            if [_stem(name) for name in before] == [_stem(name) for name in after]:
                self._closed = {_stem(name) for name in after}
                return [os.path.join(self.folder, name) for name in after]
            self.close()

    def _open(self) -> None:
        try:
            self._file = LogFile(self._path, self.fmri, own=self._own)
        except FileNotFoundError:
            self._file = None  # nothing was written yet

    def more(self) -> Iterator[Record]:
        """Whole lines that were not given yet."""
        if self._file is not None:
            yield from self._file.lines()
            try:
                if os.stat(self._path).st_ino == self._file.inode:
                    return
            except FileNotFoundError:
                return  # between the rename and the first byte of the next
            # Renamed since; nothing is written to it any more, so this is its end.
            yield from self._file.lines()
            yield from self._file.rest()
        ours = self._file is not None
        self.close()
        while True:
            closed = self._new_closed()
            # The first of them is the one that was open here; more, if files fill faster than we
            # read.
            for name in closed[1:] if ours else closed:
                yield from all_of(os.path.join(self.folder, name), self.fmri, own=self._own)
            ours = ours and not closed
            self._closed |= {_stem(name) for name in closed}
            self._open()
            if not self._new_closed():
                break
            self.close()  # it may be the second one since: those between come first
        if self._file is not None:
            yield from self._file.lines()

    def _new_closed(self) -> list[str]:
        return [name for name in closed_files(self.folder) if _stem(name) not in self._closed]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None


def _stem(name: str) -> str:
    return name.removesuffix(".gz")


class Watch:
    """Waits until one of the followed logs may have grown, or whoever listens has gone.

    `newcomers`: logs of instances that appear later are followed too, if it is true of their FMRI.
    """

    def __init__(
        self,
        root: str,
        followers: list[Follower],
        output: int,
        newcomers: Callable[[str], bool] | None,
    ) -> None:
        self._root = root
        self.followers = {follower.folder: follower for follower in followers}
        self._wanted = newcomers
        self._output = output
        self._poll = select.poll()
        self._poll.register(output, select.POLLRDHUP)
        self._notify: inotify.Inotify | None = None
        self._by_watch: dict[int, Follower | None] = {}
        try:
            self._notify = inotify.Inotify()
            self._poll.register(self._notify.fd, select.POLLIN)
            for follower in followers:
                self._add(follower)
            self._add_root()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        # The user's watches are used up: looking now and then does as well.
        if self._notify is not None:
            if self._notify.fd >= 0:
                self._poll.unregister(self._notify.fd)
            self._notify.close()
        self._notify = None

    def _add(self, follower: Follower) -> None:
        assert self._notify is not None
        watch = self._notify.add(follower.folder, _MASK)
        if watch is not None:
            self._by_watch[watch] = follower

    def _add_root(self) -> None:
        assert self._notify is not None
        watch = self._notify.add(self._root, inotify.CREATE | inotify.MOVED_TO)
        if watch is not None:
            self._by_watch.setdefault(watch, None)

    def wait(self) -> list[Follower] | None:
        """Those that may have something new; None when nobody listens any more."""
        timeout = None if self._notify is not None else WITHOUT_INOTIFY * 1000
        for fd, _ in self._poll.poll(timeout):
            if fd == self._output:
                return None
        if self._notify is None:
            self._newcomers()
            return list(self.followers.values())
        changed: dict[str, Follower] = {}
        for change in self._notify.read():
            if change.mask & inotify.OVERFLOW:
                return list(self.followers.values())
            follower = self._by_watch.get(change.watch)
            if follower is not None:
                changed[follower.folder] = follower
            else:
                changed |= {one.folder: one for one in self._newcomers()}
                known = self.followers.get(os.path.join(self._root, change.name))
                if known is not None:
                    # Its folder is there now.
                    self._watch_late(known)
                    changed[known.folder] = known
        return list(changed.values())

    def _watch_late(self, follower: Follower) -> None:
        if self._notify is not None:
            try:
                self._add(follower)
            except OSError:
                self._give_up()

    def _newcomers(self) -> list[Follower]:
        if self._wanted is None:
            return []
        found = []
        for name in folders(self._root):
            path = os.path.join(self._root, name)
            if path not in self.followers and self._wanted(fmri_of(name)):
                follower = Follower(path, fmri_of(name))
                # Watched before it is read, so that nothing falls between.
                self._watch_late(follower)
                self.followers[path] = follower
                found.append(follower)
        return found


def folders(root: str) -> list[str]:
    """The names of the instances' folders below the log directory, sorted."""
    try:
        with os.scandir(root) as entries:
            return sorted(one.name for one in entries if one.is_dir() and one.name != OWN_FOLDER)
    except FileNotFoundError:
        return []
