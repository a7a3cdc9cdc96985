"""What `up` and reloads have written into the runtime directory. The keeper holds it too, so that
a successor begins though the directory is gone, or what stands there is not whole.

What is held are the files themselves, not copies: each is replaced by another of its name, never
written to. Beside them the control socket's own, by which a manager can be reached whose directory
was removed (proc(5)).

Definitions that cannot be read, from a disk that failed or of another version of ours, are compiled
again before anything else is done: without them nobody would know what the records are about.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator, Mapping

import msgspec

from stoker.errors import Failed, StokerError
from stoker.linux import files
from stoker.model import Compiled, Place, decode_compiled

from .reload import compile_argv

__all__ = ["PREFIX", "Papers"]

PREFIX = "file/"
"""What the keeper's names of them begin with."""

_FILES = ("place.json", "definitions", "environment", "mark")
_SOCKET = "control"
_PATIENCE = 120.0  # seconds that definitions may take to be compiled


class Papers:
    """Those of the runtime directory `run`. `held`: what the keeper has of them, by name; `put` has
    it take more.
    """

    def __init__(
        self, run: str, held: Mapping[str, int], put: Callable[[Mapping[str, int]], object]
    ) -> None:
        self._run = run
        self._put = put
        self.held = dict(held)

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

    def compiled(self, said: Callable[[str], object]) -> Compiled:
        """The definitions. Raises StokerError when there are none, and cannot be."""
        try:
            return self._decoded()
        except StokerError as error:
            said(f"{error}; they are compiled again")
        _compile(self._run)
        return self._decoded()

    def _decoded(self) -> Compiled:
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

    def keep(self) -> None:
        """Have the keeper hold them as they are now. Raises OSError."""
        fresh: dict[str, int] = {}
        for name in _FILES:
            self._look(name, os.O_RDONLY, fresh)
        if PREFIX + _SOCKET not in self.held:
            self._look(_SOCKET, os.O_PATH, fresh)
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

    def _look(self, name: str, access: int, fresh: dict[str, int]) -> None:
        """The file of that name is among the fresh ones if it is another than what is held."""
        held = self.held.get(PREFIX + name)
        try:
            fd = os.open(os.path.join(self._run, name), access | os.O_CLOEXEC)
        except OSError:  # gone: what is held is what there is
            return
        if held is not None and os.path.samestat(os.fstat(fd), os.fstat(held)):
            os.close(fd)
        else:
            fresh[PREFIX + name] = fd


def _compile(run: str) -> None:
    """Have the definitions written anew, and wait for it: nothing can be done before. Raises
    Failed.
    """
    argv = compile_argv(run)
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
    environment |= {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
    try:
        pid = os.posix_spawn(argv[0], argv, environment, setsigmask=())
        fd = os.pidfd_open(pid)
    except OSError as error:
        raise Failed(f"the definitions cannot be read again: {error.strerror}") from None
    try:
        waiting = select.poll()
        waiting.register(fd, select.POLLIN)
        if not waiting.poll(_PATIENCE * 1000):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    finally:
        os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        raise Failed(f"the definitions cannot be read again: the compile step ended with {status}")
