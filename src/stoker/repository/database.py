"""Opening a database file so that what comes back is sound: check, migrate, set aside, restore."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence

from stoker.errors import RepositoryError

__all__ = [
    "Migration",
    "backups_of",
    "copy_database",
    "explain",
    "is_damage",
    "is_read_only",
    "open_sound",
    "put_back",
    "stamp",
]

# One step of a schema's life: from version n to n + 1, inside the transaction that also writes
# the new version.
Migration = Callable[[sqlite3.Connection], None]

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file system or the file is read only",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PERM: "permission denied",
    sqlite3.SQLITE_IOERR: "the disk answers with an error",
    sqlite3.SQLITE_BUSY: "another program has it locked",
    sqlite3.SQLITE_LOCKED: "another program has it locked",
}


_AGAIN = ".again"
"""Behind the name of what is written once more, until it has its name. It is whole."""


def stamp() -> str:
    """The present UTC time as it stands in file names: ``20261120T101112.123456Z``; sorts as time
    does.
    """
    now = time.time_ns()
    second = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 1_000_000_000))
    return f"{second}.{now // 1000 % 1_000_000:06d}Z"


def _code(error: sqlite3.Error) -> int:
    # Extended result codes keep the primary one in the low byte (sqlite.org/rescode.html).
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's content is at fault, rather than the disk or the permissions."""
    return _code(error) in _DAMAGE


def is_read_only(error: sqlite3.Error) -> bool:
    """Whether the file could not be written to, or was opened when it could not."""
    return _code(error) == sqlite3.SQLITE_READONLY


def explain(error: Exception, path: str) -> RepositoryError:
    """A sentence for a person out of what SQLite or the system says."""
    if isinstance(error, sqlite3.Error):
        why = _WORDS.get(_code(error), str(error))
    else:
        why = getattr(error, "strerror", None) or str(error)
    return RepositoryError(
        f"{path}: {why}", hint="make room or make it writable, and do it again; nothing was changed"
    )


def backups_of(path: str) -> list[str]:
    """The backups of a database, newest first."""
    folder, name = os.path.split(path)
    prefix = f"{name}.backup-"
    try:
        found = [one for one in os.listdir(folder or ".") if one.startswith(prefix)]
    except FileNotFoundError:
        return []
    return [
        os.path.join(folder, one) for one in sorted(found, reverse=True) if not one.endswith("~")
    ]


def _sync_folder(path: str) -> None:
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def copy_database(source: sqlite3.Connection, target: str) -> None:
    """Write a sound copy of an open database, whole or not at all."""
    unfinished = f"{target}~"
    try:
        os.unlink(unfinished)
    except FileNotFoundError:
        pass
    copy = sqlite3.connect(unfinished, isolation_level=None)
    try:
        os.chmod(unfinished, 0o600)
        source.backup(copy)
        # The copy is one file: no write-ahead log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
    except BaseException:
        copy.close()
        _remove(unfinished)
        raise
    copy.close()
    handle = os.open(unfinished, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    os.rename(unfinished, target)
    _sync_folder(target)


def put_back(base: sqlite3.Connection, path: str) -> None:
    """The file of an open database was removed: write it again, with all that is in it. `base` is
    of no use afterwards, but to be closed.
    """
    copy_database(base, path + _AGAIN)
    _take_its_place(path)


def _take_its_place(path: str) -> None:
    _remove(path)  # a write-ahead log that was left is of the file before
    os.rename(path + _AGAIN, path)
    _sync_folder(path)


def _left_half_put_back(path: str) -> list[str]:
    """Whoever put a file back died before it had its name: it gets that now. Where another file has
    the name, that one counts. Returns what a person should be told.
    """
    if not os.path.lexists(path + _AGAIN):
        return []
    if os.path.lexists(path):
        _remove(path + _AGAIN)
        return []
    _take_its_place(path)
    return [f"{path} was removed while it was in use; it stands there again, with all that it had"]


def _remove(path: str) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        try:
            os.unlink(path + suffix)
        except FileNotFoundError:
            pass  # not every database has one of each


def _connect(path: str) -> sqlite3.Connection:
    # Transactions are ours alone (isolation_level=None); statements are few, so the cache may be
    # small.
    base = sqlite3.connect(path, isolation_level=None, timeout=5.0, cached_statements=32)
    base.execute("PRAGMA cache_size=-256")
    return base


def _check(base: sqlite3.Connection, application: int) -> None:
    """Raise `sqlite3.DatabaseError` (damage) unless this is a sound database of ours or an empty
    file.
    """
    verdict = base.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _damage(verdict)
    owner = base.execute("PRAGMA application_id").fetchone()[0]
    if owner != application and base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise _damage("it is another program's database")


def _damage(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _migrate(
    base: sqlite3.Connection, path: str, application: int, migrations: Sequence[Migration]
) -> None:
    version = base.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise RepositoryError(
            f"{path}: written by a newer stoker (schema {version}, known here: {len(migrations)})",
            hint="use that stoker, or move the file away",
        )
    if version == len(migrations):
        return
    base.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[version:]:
            step(base)
        base.execute(f"PRAGMA application_id={application}")
        base.execute(f"PRAGMA user_version={len(migrations)}")
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:
            base.execute("ROLLBACK")
        raise


def _set_aside(path: str) -> str:
    """Its new name; "" where there was nothing to be moved."""
    aside = f"{path}.damaged-{stamp()}"
    for suffix in ("-wal", "-shm", "-journal"):
        try:
            os.rename(path + suffix, aside + suffix)
        except FileNotFoundError:
            pass
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        aside = ""
    _sync_folder(path)
    return aside


def _restore(path: str, application: int) -> tuple[str | None, list[str]]:
    """Put the newest sound backup in the place of `path`: its name, and the names of those that
    were not sound.
    """
    bad = []
    for backup in backups_of(path):
        try:
            # A read-only URI, so that looking at a backup never changes it.
            base = sqlite3.connect(f"file:{_quoted(backup)}?mode=ro&immutable=1", uri=True)
            try:
                _check(base, application)
                copy_database(base, path)
            finally:
                base.close()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            bad.append(backup)
            continue
        return backup, bad
    return None, bad


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _lost_everything(path: str) -> str:
    """What is wrong with an empty file, or none, where there once was a repository: only damage
    makes that, or a death between the two steps of setting one aside and restoring it. "": nothing.
    """
    try:
        wrong = "" if os.stat(path).st_size else "the file is empty"
    except FileNotFoundError:
        wrong = "the file is missing"
    return wrong if wrong and backups_of(path) else ""


def open_sound(
    path: str, application: int, migrations: Sequence[Migration], synchronous: str
) -> tuple[sqlite3.Connection, list[str]]:
    """Open (or make) the database at `path` for writing; returns it and what a person should be
    told. Its directory is not made: whoever removed that meant it.

    A damaged file is moved aside and the newest sound backup takes its place, else a new file.
    Raises `RepositoryError` when the disk does not let us (full, read only, no permission) or
    when a newer stoker wrote it.
    """
    notices: list[str] = []
    try:
        notices += _left_half_put_back(path)
        for _ in range(3):
            base = None
            try:
                if wrong := _lost_everything(path):
                    raise _damage(wrong)
                base = _connect(path)
                # Now, because -wal and -shm get the mode that it has when they are made.
                os.chmod(path, 0o600)
                _check(base, application)
                if base.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
                    raise RepositoryError(f"{path}: this file system allows no write-ahead log")
                base.execute(f"PRAGMA synchronous={synchronous}")
                _migrate(base, path, application, migrations)
                return base, notices
            except BaseException as error:
                if base is not None:
                    base.close()
                if not (isinstance(error, sqlite3.Error) and is_damage(error)):
                    raise
                notices += _recover(path, application, str(error))
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error
    raise RepositoryError(f"{path}: damaged again as soon as it was restored")


def _recover(path: str, application: int, why: str) -> list[str]:
    aside = _set_aside(path)
    if aside:
        said = [f"{path} is damaged ({why}); it was moved to {aside}"]
    else:
        said = [f"{path} is missing (whoever means to forget removes its backups too)"]
    backup, bad = _restore(path, application)
    said += [f"the backup {one} is damaged too" for one in bad]
    if backup is not None:
        said.append(f"{path} was restored from {backup}; what was chosen after that backup is lost")
    else:
        said.append(f"there is no sound backup of {path}; it begins anew, empty")
    return said
