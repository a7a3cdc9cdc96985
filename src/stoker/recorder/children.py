"""The recorder's short-lived children: compression (one at a time) and readers (one for each
question).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

__all__ = ["Children"]

MOST_READERS = 32
MOST_OF_ONE = 8
"""Readers for one account that is neither root's nor ours: one of them never holds up the rest."""


class Children:
    """Starts programs of this package in processes of their own and reaps them.

    `said(text)` is told when one could not be started.
    """

    def __init__(self, said: Callable[[str], object]) -> None:
        self._said = said
        self._waiting: dict[str, None] = {}
        self._compressing: dict[int, str] = {}
        self._readers: dict[int, int] = {}  # pid to the uid that is served

    def compress(self, path: str) -> None:
        """Compress a closed log file when its turn comes."""
        if path not in self._compressing.values():
            self._waiting[path] = None
        self._next()

    def _next(self) -> None:
        while self._waiting and not self._compressing:
            path = next(iter(self._waiting))
            del self._waiting[path]
            pid = self._start("compress", [path], ())
            if pid:
                self._compressing[pid] = path

    def read(self, connection: int, arguments: list[str], uid: int) -> bool:
        """Serve one question of `uid` on `connection`, which the caller closes afterwards. False:
        too many are being served.
        """
        others = [one for one in self._readers.values() if one not in (0, os.getuid())]
        strange = uid not in (0, os.getuid())
        if len(self._readers) >= MOST_READERS:
            return False
        if strange and (others.count(uid) >= MOST_OF_ONE or len(others) >= MOST_READERS // 2):
            return False
        # Through a high number first: `connection` itself may be 0 or 1 only in a broken start.
        actions = ((os.POSIX_SPAWN_DUP2, connection, 0), (os.POSIX_SPAWN_DUP2, connection, 1))
        pid = self._start("read", arguments, actions)
        if pid:
            self._readers[pid] = uid
        return bool(pid)

    def _start(
        self, program: str, arguments: list[str], actions: tuple[tuple[int, int, int], ...]
    ) -> int:
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        code = (
            f"import sys; sys.path.insert(0, {root!r}); "
            f"from stoker.recorder.{program} import main; sys.exit(main(sys.argv[1:]))"
        )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STOKER_")}
        try:
            return os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-c", code, *arguments],
                environment,
                file_actions=actions,
                setsigmask=(),
            )
        except OSError as error:
            self._said(f"cannot start a child: {error.strerror}")
            return 0

    def reap(self) -> None:
        """Take leave of those that have ended (at SIGCHLD)."""
        for pid in (*self._compressing, *self._readers):
            try:
                done, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                done = pid  # somebody else has reaped it
            if done:
                self._compressing.pop(pid, None)
                self._readers.pop(pid, None)
        self._next()
