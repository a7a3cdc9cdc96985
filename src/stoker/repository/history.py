"""What happened: transitions, runs, operations. Written in groups by the recorder, read by anyone
read-only.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .database import Migration, explain, is_damage, open_sound

__all__ = ["History", "open_readonly", "operations", "runs", "transitions"]

APPLICATION = 0x53746F68  # "Stoh"
PRUNE_EVERY = 2000  # rows written between two looks at the bounds
MAKING = 2.0  # seconds that a reader waits for a file that is just being made


def _first(base: sqlite3.Connection) -> None:
    base.execute(
        "CREATE TABLE transitions (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, fmri TEXT NOT NULL,"
        " before TEXT, after TEXT, reason TEXT, cause TEXT, run INTEGER, note TEXT)"
    )
    base.execute("CREATE INDEX transitions_of ON transitions (fmri, id)")
    # A run's number begins again with each life of the keeper; `life` tells them apart.
    base.execute(
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, fmri TEXT NOT NULL, life TEXT NOT NULL,"
        " run INTEGER NOT NULL, at INTEGER NOT NULL, begun INTEGER, ended INTEGER, pid INTEGER,"
        " status INTEGER, tail TEXT, UNIQUE (fmri, life, run))"
    )
    base.execute(
        "CREATE TABLE operations (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, life TEXT NOT NULL,"
        " number INTEGER NOT NULL, verb TEXT, names TEXT, who TEXT, outcome TEXT, cause TEXT,"
        " UNIQUE (life, number))"
    )


MIGRATIONS: tuple[Migration, ...] = (_first,)
Visible = Callable[[str], bool]
# What a manager has told may be told again by the next, which does not know that: the first word
# counts. But another process under a number that has ended is another run: a service that was
# removed and came back begins to count anew.
_OTHER = "(ended IS NOT NULL AND pid <> excluded.pid)"  # NULL, hence no, where a pid is not known
_RUN_BEGINS = f"""
    INSERT INTO runs (fmri, life, run, at, begun, pid)
    VALUES (:fmri, :life, :run, :at, :at, nullif(:pid, 0))
    ON CONFLICT (fmri, life, run) DO UPDATE SET
        begun = iif({_OTHER}, excluded.begun, coalesce(begun, excluded.begun)),
        at = iif({_OTHER}, excluded.at, at),
        ended = iif({_OTHER}, NULL, ended),
        status = iif({_OTHER}, NULL, status),
        tail = iif({_OTHER}, NULL, tail),
        pid = coalesce(excluded.pid, pid)
"""
_RUN_ENDS = """
    INSERT INTO runs (fmri, life, run, at, ended, pid, status, tail)
    VALUES (:fmri, :life, :run, :at, :at, nullif(:pid, 0), :status, :tail)
    ON CONFLICT (fmri, life, run) DO UPDATE SET
        ended = coalesce(ended, excluded.ended), status = coalesce(status, excluded.status),
        tail = coalesce(excluded.tail, tail), pid = coalesce(pid, excluded.pid)
"""
_TABLES = ("transitions", "runs", "operations")


class History:
    """The history file's one writer. Everything added is kept together until `commit`.

    `life` names this life of the keeper. At most `rows` rows of each kind, none older than `age`
    seconds.
    """

    def __init__(
        self, path: str, life: str, *, rows: int = 1_000_000, age: float = 90 * 86400.0
    ) -> None:
        """Open or make `path`. Raises `RepositoryError`."""
        self.path = path
        self.life = life
        self.rows = rows
        self.age = age
        self._written = PRUNE_EVERY  # so that the first commit looks
        self._base, self.notices = open_sound(path, APPLICATION, MIGRATIONS, "NORMAL")

    def write(
        self,
        transitions: Sequence[Sequence[Any]] = (),
        runs: Iterable[tuple[str, int, str, int, int | None, int | None, str | None]] = (),
        operations: Sequence[Sequence[Any]] = (),
    ) -> None:
        """Write one group, whole or not at all.

        transitions: (wall_ns, fmri, from, to, reason, cause, run, note). runs: (fmri, run,
        "begin" or "end", wall_ns, pid, status, last lines). operations: (number, verb, names
        joined by blanks, who, wall_ns, outcome, cause). Raises `RepositoryError`; a damaged file
        is set aside first, and a new one begun (see `notices`).
        """
        try:
            self._write(transitions, list(runs), operations)
        except sqlite3.Error as error:
            if is_damage(error):
                self._base.close()
                self._base, said = open_sound(self.path, APPLICATION, MIGRATIONS, "NORMAL")
                self.notices += said
            raise explain(error, self.path) from error

    def _write(
        self,
        transitions: Sequence[Sequence[Any]],
        runs: list[tuple[str, int, str, int, int | None, int | None, str | None]],
        operations: Sequence[Sequence[Any]],
    ) -> None:
        base = self._base
        newest = 0
        base.execute("BEGIN IMMEDIATE")
        try:
            base.executemany(
                "INSERT INTO transitions (at, fmri, before, after, reason, cause, run, note)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                transitions,
            )
            for fmri, run, event, at, pid, status, tail in runs:
                newest = max(newest, at)
                base.execute(
                    _RUN_BEGINS if event == "begin" else _RUN_ENDS,
                    {
                        "fmri": fmri,
                        "life": self.life,
                        "run": run,
                        "at": at,
                        "pid": pid,
                        "status": status,
                        "tail": tail,
                    },
                )
            base.executemany(
                "INSERT INTO operations (life, number, verb, names, who, at, outcome, cause)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (life, number) DO UPDATE SET"
                " outcome = excluded.outcome, cause = excluded.cause",
                [(self.life, *one) for one in operations],
            )
            self._written += len(transitions) + len(runs) + len(operations)
            if self._written >= PRUNE_EVERY:
                newest = max(
                    [newest, *(one[0] for one in transitions), *(one[4] for one in operations)]
                )
                self._prune(newest)
                self._written = 0
            base.execute("COMMIT")
        except BaseException:
            if base.in_transaction:
                base.execute("ROLLBACK")
            raise

    def _prune(self, now: int) -> None:
        oldest = now - int(self.age * 1e9)
        for table in _TABLES:
            self._base.execute(
                f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ? OR at < ?",
                (self.rows, oldest),
            )

    def close(self) -> None:
        """Close the file; the last connection folds the write-ahead log into it."""
        self._base.close()


def open_readonly(path: str) -> sqlite3.Connection:
    """Open a history (or repository) for reading, beside its writer. Raises `RepositoryError`."""
    name = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    end = time.monotonic() + MAKING
    while True:
        try:
            base = sqlite3.connect(f"file:{name}?mode=ro", uri=True, timeout=5.0)
            base.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            # In the moment in which it is made, or its writer goes, it cannot be opened.
            if time.monotonic() > end:
                raise explain(error, path) from error
            time.sleep(0.01)
        except sqlite3.Error as error:
            raise explain(error, path) from error
        else:
            return base


def _where(
    names: Sequence[str], since: int | None, until: int | None, column: str
) -> tuple[str, list[Any]]:
    terms: list[str] = []
    values: list[Any] = []
    if names:
        terms.append(f"fmri IN ({', '.join('?' * len(names))})")
        values += names
    if since is not None:
        terms.append(f"coalesce({column}) >= ?" if "," in column else f"{column} >= ?")
        values.append(since)
    if until is not None:
        terms.append("at < ?")
        values.append(until)
    return (f" WHERE {' AND '.join(terms)}" if terms else ""), values


def _newest(
    base: sqlite3.Connection,
    columns: str,
    table: str,
    where: tuple[str, list[Any]],
    limit: int,
    visible: Visible | None,
) -> Iterator[dict[str, Any]]:
    text, values = where
    if visible is not None:
        # In the query, so that the newest `limit` are those of what may be seen.
        base.create_function("visible", 1, lambda of: all(map(visible, (of or "").split())))
        column = "names" if "names" in columns else "fmri"
        text += f"{' AND' if text else ' WHERE'} visible({column})"
    names = columns.split(", ")
    there = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    if not base.execute(there, [table]).fetchone()[0]:
        return  # it is just being made: nothing has happened yet
    newest = f"SELECT id, {columns} FROM {table}{text} ORDER BY id DESC LIMIT ?"
    rows = base.execute(f"SELECT * FROM ({newest}) ORDER BY id", [*values, limit])
    for row in rows:
        yield dict(zip(names, row[1:], strict=True))


def runs(
    base: sqlite3.Connection,
    names: Sequence[str] = (),
    since: int | None = None,
    until: int | None = None,
    limit: int = 1000,
    visible: Visible | None = None,
) -> Iterator[dict[str, Any]]:
    """Runs, oldest first, the newest `limit`: fmri, life, run, begun, ended, pid, status (minus the
    signal, as subprocess has it), tail. `visible`: only of FMRIs for which it is true.

    With `since`, those that ended after it or have not ended; with `until`, those that were begun
    before it.
    """
    where = _where(names, since, until, "ended, 9223372036854775807")
    return _newest(
        base, "fmri, life, run, begun, ended, pid, status, tail", "runs", where, limit, visible
    )


def transitions(
    base: sqlite3.Connection,
    names: Sequence[str] = (),
    since: int | None = None,
    until: int | None = None,
    limit: int = 1000,
    visible: Visible | None = None,
) -> Iterator[dict[str, Any]]:
    """Changes of state, oldest first: at, fmri, before, after, reason, cause, run, note."""
    where = _where(names, since, until, "at")
    columns = "at, fmri, before, after, reason, cause, run, note"
    return _newest(base, columns, "transitions", where, limit, visible)


def operations(
    base: sqlite3.Connection,
    names: Sequence[str] = (),
    since: int | None = None,
    until: int | None = None,
    limit: int = 1000,
    visible: Visible | None = None,
) -> Iterator[dict[str, Any]]:
    """Operations, oldest first: at, number, verb, names (blank-separated), who, outcome, cause.
    `names` chooses members.
    """
    text, values = _where((), since, until, "at")
    for name in names:
        text += (" AND " if text else " WHERE ") + "instr(' ' || names || ' ', ?)"
        values.append(f" {name} ")
    columns = "at, life, number, verb, names, who, outcome, cause"
    return _newest(base, columns, "operations", (text, values), limit, visible)
