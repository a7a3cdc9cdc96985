"""The recorder as the one writer of repository and history: saves are committed in groups,
history when there is leisure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from stoker.errors import Refused, RepositoryError, StokerError
from stoker.linux import Loop, Timer, faults
from stoker.repository import History, Repository, touches_layer

from .layerfile import Layer

__all__ = ["Ledger"]

QUIET = 50_000_000  # ns without news after which history is written
LATEST = 1_000_000_000  # ns after which it is written in any case
RETRY = 5_000_000_000  # ns between attempts while the disk refuses
MOST_HELD = 50_000  # rows kept in memory while it does

Say = Callable[..., object]


class Ledger:
    """`send` takes a message for the manager, `said` a line for stoker.log.

    Nothing here raises: what the disk refuses is answered (``unsaved``), reported (``trouble``)
    and tried again.
    """

    def __init__(
        self, loop: Loop, repository: str, history: str, life: str, *, send: Say, said: Say
    ) -> None:
        self._loop = loop
        self._paths = (repository, history)
        self._layer = Layer(repository)
        self.life = life
        self._send = send
        self._said = said
        self._repository: Repository | None = None
        self._history: History | None = None
        self._bounds: dict[str, Any] = {}
        self._saves: list[tuple[Any, str, dict[str, Any] | None]] = []
        self._transitions: list[list[Any]] = []
        self._runs: list[tuple[str, int, str, int, int | None, int | None, str | None]] = []
        self._operations: list[list[Any]] = []
        self._first = self._last = 0
        self._timer: Timer | None = None
        self._backup: Timer | None = None
        self._sick: set[str] = set()
        self.dropped = 0

    # -- choices --------------------------------------------------------------------------------

    def intents(self) -> dict[str, dict[str, Any]]:
        """All choices; empty, and said so, if the repository cannot be read."""
        try:
            repository = self._open_repository()
            found = repository.intents()
        except StokerError as error:
            self._trouble("repository", str(error))
            return {}
        if repository.writable:
            self._well("repository")
            self._plan_backup()
            self._catch_up(repository)
        else:
            self._trouble("repository", f"{repository.why_not}; choices can be read, not changed")
        return found

    def _open_repository(self) -> Repository:
        if self._repository is None:
            self._repository = Repository(self._paths[0])
        self._tell(self._repository)
        return self._repository

    def _tell(self, holder: Repository | History) -> None:
        """Damage and what was done about it: in the log and to the manager, once."""
        for notice in holder.notices:
            self._said(notice)
            self._send("trouble", "damaged", None, notice)
        holder.notices.clear()

    def save(self, token: Any, fmri: str, intent: dict[str, Any] | None) -> None:
        """Have a choice made durable with the next `commit`."""
        whole = intent is None or (
            isinstance(intent, dict) and isinstance(intent.get("enabled"), bool)
        )
        if not isinstance(fmri, str) or not whole:
            self._send("unsaved", token, "the choice makes no sense")
            return
        self._saves.append((token, fmri, intent))

    def commit(self) -> None:
        """Make everything durable that was asked for since the last time: one transaction, one
        fsync, then the answers.
        """
        if not self._saves:
            return
        saves, self._saves = self._saves, []
        try:
            repository = self._open_repository()
            repository.save([(fmri, intent) for _, fmri, intent in saves])
        except Exception as error:
            # Whatever it is, each asker must have an answer.
            for token, _, _ in saves:
                self._send("unsaved", token, str(error))
            self._trouble("repository", str(error))
            return
        faults.point("committed")
        for token, _, _ in saves:
            self._send("saved", token)
        self._tell(repository)
        self._well("repository")
        self._plan_backup()

    def change(self, token: Any, path: str, who: str) -> None:
        """Make the change of properties in the file at `path` durable, then say how it went
        (``changed``: token, what hindered it, whether that is a refusal). The file goes.
        """
        try:
            changes, expect = self._layer.take(path)
            repository = self._open_repository()
            repository.change(changes, expect, who, self.life)
            if touches_layer(changes):
                self._layer.write(repository.layer())
        except StokerError as error:
            self._send("changed", token, error.message, error.hint, isinstance(error, Refused))
            if isinstance(error, RepositoryError):
                self._trouble("repository", str(error))
            return
        except Exception as error:
            # Whatever it is, the asker must have an answer.
            self._send("changed", token, f"{type(error).__name__}: {error}", "", False)
            return
        self._send("changed", token, "", "", False)
        self._tell(repository)
        self._well("repository")
        self._plan_backup()

    def _catch_up(self, repository: Repository) -> None:
        """What a predecessor did not come to: volatile rows of another life, the layer's file."""
        try:
            if self.life:
                repository.expire(self.life)
            found = repository.layer()
            if found["count"] and not self._layer.is_of(found["count"]):
                self._layer.write(found)
        except (StokerError, OSError) as error:
            self._trouble("repository", f"the properties are not in effect: {error}")

    def _plan_backup(self) -> None:
        if self._backup is None and self._repository is not None:
            wait = self._repository.backup_in()
            if wait is not None:
                at = time.monotonic_ns() + int(wait * 1e9) + QUIET
                self._backup = self._loop.at(at, self._make_backup)

    def _make_backup(self) -> None:
        self._backup = None
        if self._repository is None:
            return
        try:
            self._repository.backup()
            self._well("backup")
        except StokerError as error:
            self._trouble("backup", str(error))
            self._backup = self._loop.at(time.monotonic_ns() + 600_000_000_000, self._make_backup)

    # -- history --------------------------------------------------------------------------------

    def bound(self, rows: int, age: float) -> None:
        """How much history is kept; see `History`. Until this is said: as much as by default."""
        self._bounds = {"rows": rows, "age": age}
        if self._history is not None:
            self._history.rows, self._history.age = rows, age

    def transitions(self, rows: list[list[Any]]) -> None:
        """Changes of state, as the manager sends them."""
        self._transitions += [row for row in rows if isinstance(row, list) and len(row) == 8]
        self._soon()

    def run(
        self,
        fmri: str,
        run: int,
        event: str,
        at: int,
        pid: int | None,
        status: int | None,
        tail: str | None,
    ) -> None:
        """A run begins or ends."""
        self._runs.append((fmri, run, event, at, pid, status, tail))
        self._soon()

    def operation(self, row: list[Any]) -> None:
        """An operation: number, verb, names, who, wall_ns, outcome, cause."""
        number, verb, names, who, at, outcome, cause = row
        if isinstance(names, list):
            names = " ".join(names)
        self._operations.append([number, verb, names, who, at, outcome, cause])
        self._soon()

    def _soon(self) -> None:
        now = time.monotonic_ns()
        self._last = now
        if self._timer is None:
            self._first = now
            self._timer = self._loop.at(now + QUIET, self._when_quiet)

    def _when_quiet(self) -> None:
        now = time.monotonic_ns()
        if now - self._last < QUIET and now - self._first < LATEST:
            at = min(self._last + QUIET, self._first + LATEST)
            self._timer = self._loop.at(at, self._when_quiet)
            return
        self._timer = None
        self.write_history()

    def write_history(self) -> None:
        """Write what is held. If the disk refuses, it is tried again later."""
        rows = len(self._transitions) + len(self._runs) + len(self._operations)
        if not rows:
            return
        try:
            if self._history is None:
                self._history = History(self._paths[1], self.life, **self._bounds)
            self._tell(self._history)
            self._history.write(self._transitions, self._runs, self._operations)
        except StokerError as error:
            self._trouble("history", str(error))
            if self._history is not None:
                self._tell(self._history)
            self._bound(rows)
            if self._timer is None:
                at = time.monotonic_ns() + RETRY
                self._first = at - LATEST
                self._timer = self._loop.at(at, self._when_quiet)
            return
        except Exception as error:
            # Rows that no table takes: they would be in the way of all that come after them.
            self._said(f"{rows} rows of history were not understood and are dropped: {error}")
            self.dropped += rows
        self._transitions, self._runs, self._operations = [], [], []
        if self.dropped:
            self._said(f"{self.dropped} rows of history are lost")
            self.dropped = 0
        self._well("history")

    def _bound(self, rows: int) -> None:
        if rows > MOST_HELD:
            self.dropped += rows
            self._transitions, self._runs, self._operations = [], [], []

    # -- health ---------------------------------------------------------------------------------

    def _trouble(self, what: str, text: str) -> None:
        if what not in self._sick:
            self._said(text)
            self._sick.add(what)
        self._send("trouble", what, None, text)

    def _well(self, what: str) -> None:
        if what in self._sick:
            self._sick.discard(what)
            self._said(f"{what}: well again")
            self._send("well", what, None)

    def close(self) -> None:
        """Commit and write everything, then close both files."""
        self.commit()
        self.write_history()
        for holder in (self._repository, self._history):
            if holder is not None:
                holder.close()
        self._repository = self._history = None
