"""Properties in the repository: imported services, the administrator's layer, snapshots, imports.

- `services`: what an import said of a service (the data of `stoker.formats.Service`), one row each.
- `properties`: what an administrator set, a row for each group of a service or an instance, above
  what files and imports say. A property that is null hides what is below. Rows with a `life` are
  volatile: they go with the life of the keeper that they were made in.
- `snapshots`: by instance and name (running, initial, previous …). `running` is what is in
  effect: the administrator's layer as of the last refresh. `start` is with what a run was started,
  and volatile too.
- `imports`: files that were imported, with their hash.

A change is a list of rows to write, taken as one transaction; `expect` makes it fail if anything
has been changed since it was read. What rows mean is for those who make them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any

from stoker.errors import Refused, UsageError
from stoker.model import MASTER

__all__ = ["LAYER_VERSION", "apply", "create", "expire", "layer", "rows", "touches_layer"]

LAYER_VERSION = 1
MOST_VOLATILE = 10_000

_TABLES = (
    "CREATE TABLE services (fmri TEXT PRIMARY KEY, body TEXT NOT NULL, source TEXT NOT NULL,"
    " at INTEGER NOT NULL, who TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE properties (fmri TEXT, name TEXT, body TEXT NOT NULL, life TEXT NOT NULL,"
    " at INTEGER NOT NULL, who TEXT NOT NULL, PRIMARY KEY (fmri, name)) WITHOUT ROWID",
    "CREATE TABLE snapshots (fmri TEXT, name TEXT, body TEXT NOT NULL, at INTEGER NOT NULL,"
    " who TEXT NOT NULL, PRIMARY KEY (fmri, name)) WITHOUT ROWID",
    "CREATE TABLE imports (file TEXT PRIMARY KEY, hash TEXT NOT NULL, body TEXT NOT NULL,"
    " at INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO about VALUES ('properties', 0)",
)
_KEYS = {
    "service": ("services", ("fmri",)),
    "group": ("properties", ("fmri", "name")),
    "snapshot": ("snapshots", ("fmri", "name")),
    "import": ("imports", ("file",)),
}


def create(base: sqlite3.Connection) -> None:
    """The tables, as a step of the schema's life."""
    for statement in _TABLES:
        base.execute(statement)


def apply(
    base: sqlite3.Connection,
    changes: Sequence[dict[str, Any]],
    expect: int | None,
    who: str,
    life: str,
) -> None:
    """Write the rows of one change, within a transaction of the caller's.

    Each is {"do": "service", "group", "snapshot" or "import", its key, "body": data or null}; a
    group or a snapshot may be "volatile", a service has a "source", an import a "hash". Raises
    Refused when `expect` is not the present count of changes, UsageError for what is no change.
    """
    (count,) = base.execute("SELECT value FROM about WHERE key = 'properties'").fetchone()
    if expect is not None and expect != count:
        raise Refused("the properties were changed meanwhile", hint="look at them, and try again")
    at = time.time_ns()
    for one in changes:
        table, keys = _KEYS.get(str(one.get("do")), ("", ()))
        values = [one.get(key) for key in keys]
        if not table or not all(isinstance(value, str) and value for value in values):
            raise UsageError("a change of properties makes no sense")
        body = one.get("body")
        if body is None:
            where = " AND ".join(f"{key} = ?" for key in keys)
            base.execute(f"DELETE FROM {table} WHERE {where}", values)
            continue
        if not isinstance(body, dict | list):
            raise UsageError("a change of properties makes no sense")
        if table == "snapshots" and one.get("volatile") and isinstance(body, dict):
            body = {**body, "life": life}
        text = json.dumps(body, separators=(",", ":"))
        if table == "services":
            more: list[Any] = [text, str(one.get("source") or ""), at, who]
        elif table == "properties":
            more = [text, life if one.get("volatile") else "", at, who]
        elif table == "snapshots":
            more = [text, at, who]
        else:
            values, more = [values[0], str(one.get("hash") or "")], [text, at]
        marks = ", ".join("?" * (len(values) + len(more)))
        base.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", [*values, *more])
    base.execute("UPDATE about SET value = value + 1 WHERE key = 'properties'")


def expire(base: sqlite3.Connection, life: str) -> None:
    """Forget what was volatile in another life."""
    gone = base.execute("DELETE FROM properties WHERE life NOT IN ('', ?)", [life]).rowcount
    kept = base.execute("SELECT fmri, body FROM snapshots WHERE name = 'start'").fetchall()
    for fmri, body in kept:
        what = json.loads(body)  # a list where another program wrote it
        if not isinstance(what, dict) or what.get("life") != life:
            base.execute("DELETE FROM snapshots WHERE name = 'start' AND fmri = ?", [fmri])
            gone += 1
    if gone:
        base.execute("UPDATE about SET value = value + 1 WHERE key = 'properties'")


def touches_layer(changes: Sequence[dict[str, Any]]) -> bool:
    """Whether a change alters what is in effect."""
    return any(
        one.get("do") == "service"
        or (one.get("do"), one.get("name")) == ("snapshot", "running")
        or (one.get("do"), one.get("fmri")) == ("group", MASTER)
        for one in changes
    )


def layer(base: sqlite3.Connection) -> dict[str, Any]:
    """What is in effect above files: imported services, the running snapshots' layer, and what is
    set of the manager itself (`options`; it needs no refresh).
    """
    (count,) = base.execute("SELECT value FROM about WHERE key = 'properties'").fetchone()
    services = {
        fmri: json.loads(body)
        for fmri, body in base.execute("SELECT fmri, body FROM services ORDER BY fmri")
    }
    running = {
        fmri: json.loads(body)
        for fmri, body in base.execute(
            "SELECT fmri, body FROM snapshots WHERE name = 'running' ORDER BY fmri"
        )
    }
    options = {
        name: json.loads(body)
        for name, body in base.execute(
            "SELECT name, body FROM properties WHERE fmri = ? ORDER BY name", [MASTER]
        )
    }
    found = {"version": LAYER_VERSION, "count": count, "services": services, "running": running}
    return found | {"options": options}


def rows(base: sqlite3.Connection, names: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Everything, for those who look: one object a row, and the count of changes first.

    `names`: FMRIs of services; what is of others is left out.
    """
    wanted = set(names)

    def of(fmri: str) -> bool:
        return not wanted or "svc:/" + fmri.removeprefix("svc:/").partition(":")[0] in wanted

    (count,) = base.execute("SELECT value FROM about WHERE key = 'properties'").fetchone()
    yield {"count": count}
    for fmri, body, source, at, who in base.execute("SELECT * FROM services ORDER BY fmri"):
        if of(fmri):
            yield {"service": fmri, "body": json.loads(body), "source": source, "at": at,
                   "who": who}  # fmt: skip
    for fmri, name, body, life, at, who in base.execute("SELECT * FROM properties ORDER BY fmri"):
        if of(fmri):
            yield {"group": fmri, "name": name, "body": json.loads(body), "volatile": bool(life),
                   "at": at, "who": who}  # fmt: skip
    for fmri, name, body, at, who in base.execute("SELECT * FROM snapshots ORDER BY fmri, at"):
        if of(fmri):
            yield {"snapshot": fmri, "name": name, "body": json.loads(body), "at": at, "who": who}
    for file, mark, body, at in base.execute("SELECT * FROM imports ORDER BY file"):
        yield {"import": file, "hash": mark, "body": json.loads(body), "at": at}
