"""The files of the directory, read and written. Numbers in decimal, each with a newline."""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

__all__ = ["NOTHING", "PARTS", "Files", "Shown"]

PARTS = ("syspid", "pid", "lock")
_NEW = ".new"
_LARGEST = 64
_TRIES = 100
_TERM = 15


class Shown(NamedTuple):
    """What the files of one service say; 0 and None where there is none."""

    syspid: int = 0
    pid: int = 0
    lock: int | None = None


NOTHING = Shown()


class Files:
    """The directory `path`. All methods raise OSError when it cannot be written."""

    def __init__(self, path: str) -> None:
        self.path = path

    def make(self) -> None:
        """Have the directory itself."""
        os.makedirs(self.path, 0o755, exist_ok=True)

    def names(self) -> list[str]:
        """The services that have files there."""
        with os.scandir(self.path) as found:
            return sorted(
                one.name
                for one in found
                if not one.name.startswith(".") and one.is_dir(follow_symlinks=False)
            )

    def there(self, name: str) -> bool:
        """Whether NAME is a directory there."""
        try:
            return stat.S_ISDIR(os.lstat(f"{self.path}/{name}").st_mode)
        except OSError:  # not there, or not to be looked at
            return False

    def read(self, name: str) -> Shown:
        """What the files of NAME say now. A lock that is no number is one all the same."""
        lock = self._word(name, "lock")
        number = _number(lock)
        if lock is not None and number is None:
            number = _TERM
        syspid, pid = _number(self._word(name, "syspid")), _number(self._word(name, "pid"))
        return Shown(syspid or 0, pid or 0, number)

    def owner(self, name: str) -> int | None:
        """Who wrote the lock of NAME."""
        try:
            return os.lstat(f"{self.path}/{name}/lock").st_uid
        except OSError:  # gone by now
            return None

    def _word(self, name: str, part: str) -> str | None:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(f"{self.path}/{name}/{part}", flags)
        except OSError:  # not there
            return None
        try:
            return os.read(fd, _LARGEST).decode("ascii", "replace").strip()
        except OSError:  # a directory of that name: as though it were empty
            return ""
        finally:
            os.close(fd)

    def write(self, name: str, new: Shown, old: Shown) -> bool:
        """Bring the files of NAME from `old` to `new`: what goes goes last, a lock comes first.

        False where somebody has removed NAME meanwhile: that is not undone, it means something.
        """
        if new == NOTHING:
            self.remove(name)
            return True
        folder = f"{self.path}/{name}"
        if old == NOTHING:
            self._make(name)
        elif not os.path.lexists(folder):
            return False
        try:
            self._bring(folder, new, old)
        except FileNotFoundError:
            if os.path.lexists(folder):
                raise
            return False
        return True

    def _make(self, name: str) -> None:
        try:
            os.mkdir(f"{self.path}/{name}", 0o755)
        except FileExistsError:
            if not self.there(name):  # a link, say: what it leads to is not ours
                raise NotADirectoryError(errno.ENOTDIR, f"{name} is no directory") from None

    def _bring(self, folder: str, new: Shown, old: Shown) -> None:
        if new.lock is not None and new.lock != old.lock:
            self._put(f"{folder}/lock", new.lock)
        if new.pid and new.pid != old.pid:
            self._put(f"{folder}/pid", new.pid)
        if new.syspid and new.syspid != old.syspid:
            self._put(f"{folder}/syspid", new.syspid)
        if not new.syspid:
            _unlink(f"{folder}/syspid")
        if not new.pid:
            _unlink(f"{folder}/pid")
        if new.lock is None:
            _unlink(f"{folder}/lock")

    def publish_pid(self, pid: int) -> None:
        """RUNDIR/pid."""
        self._put(f"{self.path}/pid", pid)

    def keep_pid(self, pid: int) -> None:
        """RUNDIR/pid again, if somebody has changed or removed it."""
        try:
            with open(f"{self.path}/pid", "rb") as file:
                same = file.read(_LARGEST) == b"%d\n" % pid
        except OSError:
            same = False  # it is not there
        if not same:
            self.publish_pid(pid)

    def _put(self, path: str, number: int) -> None:
        """Whole, or not at all: nobody reads half a number."""
        fresh = f"{self.path}/{_NEW}"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC,
                     0o644)  # fmt: skip
        try:
            os.write(fd, b"%d\n" % number)
        finally:
            os.close(fd)
        os.rename(fresh, path)

    def remove(self, name: str) -> None:
        """Remove NAME, as far as it is ours."""
        if not self.there(name):
            return
        for part in PARTS:
            _unlink(f"{self.path}/{name}/{part}")
        try:
            os.rmdir(f"{self.path}/{name}")
        except FileNotFoundError:
            pass  # as it should be
        except OSError:
            if not os.listdir(f"{self.path}/{name}"):
                raise

    def end(self, place: str) -> list[str]:
        """Remove everything, `place` (our own directory) too when it lies there; what is left."""
        for name in self.names():
            self.remove(name)
        _unlink(f"{self.path}/pid")
        _unlink(f"{self.path}/{_NEW}")
        if os.path.dirname(place) == self.path:
            _remove_tree(place)
        try:
            os.rmdir(self.path)
        except FileNotFoundError:
            pass  # somebody was faster
        except OSError:
            return sorted(os.listdir(self.path))
        return []


def _remove_tree(path: str) -> None:
    """Remove a directory into which others may be writing: what they add meanwhile goes too, and
    once it is gone they cannot.
    """
    for left in reversed(range(_TRIES)):
        try:
            _remove_once(path)
            return
        except FileNotFoundError:
            continue  # one of them has tidied up after itself
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or not left:
                raise


def _remove_once(path: str) -> None:
    for folder, folders, files in os.walk(path, topdown=False):
        for name in files:
            _unlink(f"{folder}/{name}")
        for name in folders:
            below = f"{folder}/{name}"
            _unlink(below) if os.path.islink(below) else os.rmdir(below)
    if os.path.lexists(path):
        os.rmdir(path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # as it should be


def _number(word: str | None) -> int | None:
    return int(word) if word and word.isascii() and word.isdigit() else None
