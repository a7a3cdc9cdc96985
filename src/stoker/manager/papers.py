"""What `up` and reloads have written into the runtime directory. The keeper holds it too, so that
a successor begins though the directory is gone, or what stands there is not whole.

What is held are the files themselves, not copies: each is replaced by another of its name, never
written to. Beside them the control socket's own, by which a manager can be reached whose directory
was removed (proc(5)).

Nothing is made here: what cannot be read at all is for `reload` to have compiled again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import msgspec

from stoker.errors import Failed, StokerError
from stoker.linux import files
from stoker.model import Compiled, Place, decode_compiled

__all__ = ["PREFIX", "Papers"]

PREFIX = "file/"
"""What the keeper's names of them begin with."""

_FILES = ("place.json", "definitions", "environment", "mark")
_SOCKET = "control"


def _nobody(_there: Mapping[str, int]) -> None:
    """Nobody holds them."""


class Papers:
    """Those of the runtime directory `run`. `held`: what the keeper has of them, by name; `put` has
    it take more.
    """

    def __init__(
        self,
        run: str,
        held: Mapping[str, int] | None = None,
        put: Callable[[Mapping[str, int]], object] = _nobody,
    ) -> None:
        self._run = run
        self._put = put
        self._useless: list[os.stat_result] = []  # files that said nothing to whoever read them
        self.held = dict(held or {})

    # -- what they say

    def read(self, name: str) -> Iterator[bytes]:
        """What the file says; after that, for whom it says nothing, what the held one does, where
        that is another.
        """
        seen = None
        path = os.path.join(self._run, name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = files.contents(fd)
                seen = os.fstat(fd)
            finally:
                os.close(fd)
        except OSError:  # gone, or not to be read: what is held has to do
            pass
        else:
            yield data
            self._useless.append(seen)
        held = self.held.get(PREFIX + name)
        if held is not None and (seen is None or not os.path.samestat(seen, os.fstat(held))):
            try:
                data = files.contents(held)
            except OSError:  # a disk that fails, say: there is no more
                return
            yield data

    def place(self) -> Place:
        """What the place is. Raises FileNotFoundError, StokerError, DecodeError when nothing says
        so.
        """
        wrong: Exception = FileNotFoundError(f"there is no {self._run}/place.json")
        for data in self.read("place.json"):
            try:
                return Place.of(msgspec.json.decode(data))
            except (StokerError, msgspec.DecodeError) as error:
                wrong = error
        raise wrong

    def definitions(self) -> Compiled:
        """The compiled definitions. Raises StokerError when nothing has them."""
        wrong: StokerError = Failed(
            f"there are no compiled definitions in {self._run}",
            hint="`stoker reload` writes them again",
        )
        for data in self.read("definitions"):
            try:
                return decode_compiled(data)
            except StokerError as error:
                wrong = error
        raise wrong

    def mark(self) -> str:
        """What stands in output between runs; "" where none was made: then they are told by
        message. The recorder reads it likewise.
        """
        for data in self.read("mark"):
            text = data.strip()
            if len(text) == 16 and not text.strip(b"0123456789abcdef"):
                return text.decode()
        return ""

    # -- that they stay

    def keep(self) -> None:
        """Have the keeper hold them as they are now. Raises OSError."""
        fresh: dict[str, int] = {}
        for name in _FILES:
            self._look(name, os.O_RDONLY, fresh)
        if PREFIX + _SOCKET not in self.held:
            self._look(_SOCKET, os.O_PATH, fresh)
        self._hold(fresh)

    def replace(self, name: str, path: str) -> None:
        """The file at `path` is the one of this name from now on. Raises OSError."""
        fresh = {PREFIX + name: os.open(path, os.O_RDONLY | os.O_CLOEXEC)}
        try:
            os.replace(path, os.path.join(self._run, name))
        except OSError:  # the directory is gone: what is held has to do
            pass
        self._hold(fresh)

    def _look(self, name: str, access: int, fresh: dict[str, int]) -> None:
        """The file of that name is among the fresh ones if it is another than what is held, and
        whoever read it could do so.
        """
        held = self.held.get(PREFIX + name)
        try:
            fd = os.open(os.path.join(self._run, name), access | os.O_CLOEXEC)
        except OSError:  # gone: what is held is what there is
            return
        found = os.fstat(fd)
        known = self._useless if held is None else [*self._useless, os.fstat(held)]
        if any(_same(found, one) for one in known):
            os.close(fd)
        else:
            fresh[PREFIX + name] = fd

    def _hold(self, fresh: Mapping[str, int]) -> None:
        if not fresh:
            return
        try:
            self._put(fresh)
        except OSError:
            for fd in fresh.values():
                os.close(fd)
            raise
        old = [self.held[name] for name in fresh if name in self.held]
        self.held |= fresh
        for fd in old:
            os.close(fd)


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether they are of one file, as it was: a number is given anew when a file has gone."""
    return os.path.samestat(one, other) and one.st_mtime_ns == other.st_mtime_ns
