"""The repository proper: what administrators chose."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stoker.errors import RepositoryError

from . import layers
from .database import (
    Migration,
    backups_of,
    copy_database,
    explain,
    is_damage,
    is_read_only,
    open_sound,
    put_back,
    stamp,
)

__all__ = ["Repository"]

APPLICATION = 0x53746F6B  # "Stok", in the header of the file
BACKUP_EVERY = 3600  # seconds between backups made because something changed


def _first(base: sqlite3.Connection) -> None:
    base.execute(
        "CREATE TABLE choices (fmri TEXT PRIMARY KEY, enabled INTEGER NOT NULL, who TEXT NOT NULL,"
        " at INTEGER NOT NULL, why TEXT NOT NULL, until INTEGER) WITHOUT ROWID"
    )
    # `changes` counts transactions, so that a backup knows whether it is of today.
    base.execute("CREATE TABLE about (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID")
    base.execute("INSERT INTO about VALUES ('changes', 0)")


# Appended to, never edited: a file of any earlier version passes through the rest.
MIGRATIONS: tuple[Migration, ...] = (_first, layers.create)

Intent = Mapping[str, Any]


class Repository:
    """The administrators' choices in one SQLite file; one writer at a time.

    A choice is a mapping with `enabled` (bool), `by`, `when` (wall ns), `why`, `until` (wall ns
    or None), as `model.Intent` is written in JSON. `notices` has sentences about damage found and
    what was done; take them and clear. `writable` is False where the file could be opened for
    reading alone (a read-only root); `why_not` says why.
    """

    def __init__(self, path: str, *, keep: int = 5) -> None:
        """Open or make `path`, keeping `keep` backups. Raises `RepositoryError` if it cannot even
        be read.
        """
        self.path = path
        self.keep = keep
        self.notices: list[str] = []
        self.writable = False
        self.why_not = ""
        self._base: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None
        self._open()

    def _open(self) -> None:
        try:
            self._base, said = open_sound(self.path, APPLICATION, MIGRATIONS, "FULL")
        except RepositoryError as error:
            self.why_not = str(error)
            self._base = self._open_for_reading(error)
            self.writable = False
            return
        self._file = os.stat(self.path)
        self.notices += said
        self.writable = True
        self.why_not = ""
        for name in backups_of(self.path)[self.keep :]:
            _unlink(name)

    def _open_for_reading(self, why: RepositoryError) -> sqlite3.Connection:
        name = self.path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        # A read-only file system has no place for the shared memory that WAL needs: then as
        # immutable, which does not see what is in the write-ahead log alone.
        for how in ("mode=ro", "mode=ro&immutable=1"):
            try:
                base = sqlite3.connect(f"file:{name}?{how}", uri=True)
                base.execute("SELECT count(*) FROM choices").fetchone()
            except sqlite3.Error:
                continue
            return base
        raise why

    def _ready(self) -> sqlite3.Connection:
        if self._base is None:
            raise RepositoryError(f"{self.path}: closed")
        return self._base

    def intents(self) -> dict[str, dict[str, Any]]:
        """Every choice, by FMRI."""
        try:
            rows = self._ready().execute(
                "SELECT fmri, enabled, who, at, why, until FROM choices ORDER BY fmri"
            )
            return {
                fmri: {"enabled": bool(on), "by": who, "when": at, "why": why, "until": until}
                for fmri, on, who, at, why, until in rows
            }
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    def save(self, choices: Iterable[tuple[str, Intent | None]]) -> None:
        """Make choices durable, all of them or none; None forgets one. Returns after fsync;
        raises `RepositoryError`.
        """
        wanted = list(choices)
        self._durably(lambda base: _write_choices(base, wanted))

    def change(
        self,
        changes: list[dict[str, Any]],
        expect: int | None = None,
        who: str = "",
        life: str = "",
    ) -> None:
        """Make a change of properties durable, wholly or not at all (see `layers.apply`).
        Returns after fsync; raises `RepositoryError`, Refused, UsageError.
        """
        self._durably(lambda base: layers.apply(base, changes, expect, who, life))

    def layer(self) -> dict[str, Any]:
        """What is in effect above files (see `layers.layer`). Raises `RepositoryError`."""
        try:
            return layers.layer(self._ready())
        except (sqlite3.Error, ValueError) as error:
            raise explain(error, self.path) from error

    def expire(self, life: str) -> None:
        """Forget what was volatile in another life of the keeper. Raises `RepositoryError`."""
        if self.writable:
            self._durably(lambda base: layers.expire(base, life))

    def _durably(self, write: Callable[[sqlite3.Connection], None]) -> None:
        """Run `write` in a transaction of its own; returns after fsync."""
        if not self.writable:
            # What hindered may be over: a disk is remounted, room is made.
            self.close()
            self._open()
            if not self.writable:
                raise RepositoryError(self.why_not, hint="nothing was changed")
        self._look_for_it()
        try:
            self._write(write)
        except sqlite3.Error as error:
            if not (is_damage(error) or is_read_only(error)):
                raise explain(error, self.path) from error
            # Damage that appears while we run: the file is set aside, the choice goes into what
            # takes its place. One that could not be written when it was opened perhaps can now;
            # SQLite says nothing of it before (sqlite.org/c3ref/open.html).
            self.close()
            self._open()
            if not self.writable:
                raise RepositoryError(self.why_not, hint="nothing was changed") from error
            try:
                self._write(write)
            except sqlite3.Error as again:
                raise explain(again, self.path) from again

    def _look_for_it(self) -> None:
        """What is written into a file that somebody has removed, or replaced, is not remembered: it
        is put back, or the other one counts. Raises `RepositoryError`.
        """
        base = self._ready()
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            try:
                put_back(base, self.path)
            except (sqlite3.Error, OSError) as error:
                raise explain(error, self.path) from error
            text = "was removed while it was in use; it was written again, with all that it had"
        except OSError as error:
            raise explain(error, self.path) from error
        else:
            if self._file is not None and os.path.samestat(there, self._file):
                return
            text = "was replaced by another file, which counts from now on"
        self.close()
        self._open()
        self.notices.append(f"{self.path} {text}")
        if not self.writable:
            raise RepositoryError(self.why_not, hint="nothing was changed")

    def _write(self, write: Callable[[sqlite3.Connection], None]) -> None:
        base = self._ready()
        base.execute("BEGIN IMMEDIATE")
        try:
            write(base)
            base.execute("UPDATE about SET value = value + 1 WHERE key = 'changes'")
            base.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after the graver errors
            # (sqlite.org/lang_transaction.html).
            if base.in_transaction:
                base.execute("ROLLBACK")
            raise

    def backup(self) -> str:
        """Write a backup now and remove those beyond `keep`; its path. Raises `RepositoryError`."""
        target = f"{self.path}.backup-{stamp()}"
        try:
            copy_database(self._ready(), target)
            for name in backups_of(self.path)[self.keep :]:
                _unlink(name)
        except (sqlite3.Error, OSError) as error:
            raise explain(error, self.path) from error
        return target

    def backup_in(self) -> float | None:
        """Seconds until a backup is due (0: now), None while the newest backup has every change."""
        if not self.writable or self._changes(self._ready()) in (0, None):
            return None
        newest = next(iter(backups_of(self.path)), None)
        if newest is None:
            return 0.0
        try:
            base = sqlite3.connect(f"file:{newest}?mode=ro&immutable=1", uri=True)
            try:
                same = self._changes(base) == self._changes(self._ready())
            finally:
                base.close()
            if same:
                return None
            return min(
                max(0.0, os.stat(newest).st_mtime + BACKUP_EVERY - time.time()), BACKUP_EVERY
            )
        except (sqlite3.Error, OSError):
            # A backup that cannot be read is no backup.
            return 0.0

    @staticmethod
    def _changes(base: sqlite3.Connection) -> int | None:
        row = base.execute("SELECT value FROM about WHERE key = 'changes'").fetchone()
        return int(row[0]) if row else None

    def close(self) -> None:
        """Close the file; idempotent."""
        base, self._base = self._base, None
        if base is not None:
            base.close()


def _write_choices(base: sqlite3.Connection, choices: list[tuple[str, Intent | None]]) -> None:
    for fmri, intent in choices:
        if intent is None:
            base.execute("DELETE FROM choices WHERE fmri = ?", (fmri,))
        else:
            base.execute(
                "INSERT OR REPLACE INTO choices VALUES (?, ?, ?, ?, ?, ?)", _row(fmri, intent)
            )


def _row(fmri: str, intent: Intent) -> tuple[str, int, str, int, str, int | None]:
    until = intent.get("until")
    return (
        fmri,
        int(bool(intent["enabled"])),
        str(intent.get("by") or ""),
        int(intent.get("when") or 0),
        str(intent.get("why") or ""),
        None if until is None else int(until),
    )


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        # One backup too many is no reason to refuse anything; the next round tries again.
        pass
