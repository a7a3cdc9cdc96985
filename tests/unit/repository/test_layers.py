"""Properties in the repository: one transaction or nothing, and what is in effect."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from stoker.errors import Refused, StokerError, UsageError
from stoker.repository import Repository, open_readonly, properties, touches_layer

GROUP = {"type": "application", "properties": {"mode": ["astring", ["fast"]]}}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "repository.db")


def stored(path: str, *names: str) -> list[dict[str, Any]]:
    base = open_readonly(path)
    try:
        return list(properties(base, names))
    finally:
        base.close()


def group(fmri: str, name: str, body: Any, **more: Any) -> dict[str, Any]:
    return {"do": "group", "fmri": fmri, "name": name, "body": body, **more}


def test_what_was_written_is_there_again(path: str) -> None:
    repository = Repository(path)
    repository.change(
        [
            {"do": "service", "fmri": "svc:/a", "body": {"fmri": "svc:/a"}, "source": "/a.xml"},
            group("svc:/a:x", "config", GROUP),
            {"do": "snapshot", "fmri": "svc:/a:x", "name": "running", "body": {"instance": {}}},
            {"do": "import", "file": "/a.xml", "hash": "12", "body": ["svc:/a"]},
        ],
        who="root",
    )
    repository.close()
    count, service, one, snapshot, imported = stored(path)
    assert count == {"count": 1}
    assert (service["service"], service["source"], service["who"]) == ("svc:/a", "/a.xml", "root")
    assert (one["group"], one["name"], one["body"]) == ("svc:/a:x", "config", GROUP)
    assert (snapshot["snapshot"], snapshot["name"]) == ("svc:/a:x", "running")
    assert (imported["import"], imported["hash"], imported["body"]) == ("/a.xml", "12", ["svc:/a"])


def test_null_removes(path: str) -> None:
    repository = Repository(path)
    repository.change([group("svc:/a", "config", GROUP)])
    repository.change([group("svc:/a", "config", None)])
    repository.close()
    assert stored(path) == [{"count": 2}]


def test_all_of_a_change_or_nothing(path: str) -> None:
    repository = Repository(path)
    with pytest.raises(UsageError):
        repository.change([group("svc:/a", "config", GROUP), {"do": "dance"}])
    with pytest.raises(UsageError):
        repository.change([group("svc:/a", "config", GROUP), group("svc:/a", "", GROUP)])
    repository.close()
    assert stored(path) == [{"count": 0}]


def test_who_has_not_seen_the_last_change_is_refused(path: str) -> None:
    repository = Repository(path)
    repository.change([group("svc:/a", "one", GROUP)], expect=0)
    with pytest.raises(Refused):
        repository.change([group("svc:/a", "two", GROUP)], expect=0)
    repository.change([group("svc:/a", "two", GROUP)], expect=1)
    repository.close()
    assert [row["name"] for row in stored(path)[1:]] == ["one", "two"]


def test_only_what_is_of_the_named_services(path: str) -> None:
    repository = Repository(path)
    for name in ("svc:/a", "svc:/a:x", "svc:/ab", "svc:/b:x"):
        repository.change([group(name, "config", GROUP)])
    repository.close()
    found = [row["group"] for row in stored(path, "svc:/a", "svc:/b")[1:]]
    assert found == ["svc:/a", "svc:/a:x", "svc:/b:x"]


def test_what_is_in_effect_are_services_and_running_snapshots(path: str) -> None:
    repository = Repository(path)
    overlay = {"instance": {"config": GROUP}}
    repository.change([group("svc:/a:x", "config", GROUP)])
    assert repository.layer()["running"] == {}
    changes = [{"do": "snapshot", "fmri": "svc:/a:x", "name": "running", "body": overlay}]
    assert touches_layer(changes)
    repository.change(changes)
    assert not touches_layer([group("svc:/a:x", "config", GROUP)])
    assert repository.layer() == {
        "version": 1,
        "count": 2,
        "services": {},
        "running": {"svc:/a:x": overlay},
        "options": {},
    }
    repository.close()


def test_options_of_the_manager_are_in_effect_at_once(path: str) -> None:
    repository = Repository(path)
    master = "svc:/system/svc/restarter:default"
    change = [group(master, "options", GROUP), group(master, "options_ovr", GROUP, volatile=True)]
    assert touches_layer(change)
    repository.change(change, life="one")
    assert repository.layer()["options"] == {"options": GROUP, "options_ovr": GROUP}
    before = repository.layer()["count"]
    repository.expire("two")
    after = repository.layer()
    assert after["options"] == {"options": GROUP}
    assert after["count"] != before, "whoever has what was in effect before would not look again"
    repository.close()


def test_what_is_volatile_goes_with_its_life(path: str) -> None:
    repository = Repository(path)
    repository.change([group("svc:/a", "kept", GROUP)], life="one")
    repository.change([group("svc:/a", "lost", GROUP, volatile=True)], life="one")
    repository.expire("one")
    assert [row["name"] for row in stored(path)[1:]] == ["kept", "lost"]
    repository.expire("two")
    assert [row["name"] for row in stored(path)[1:]] == ["kept"]
    repository.close()


@pytest.mark.parametrize("body", [{}, [], {"life": "one"}])
def test_with_what_something_was_started_counts_in_that_life_alone(path: str, body: Any) -> None:
    repository = Repository(path)
    repository.change([{"do": "snapshot", "fmri": "svc:/a:x", "name": "start", "body": body}])
    repository.expire("two")
    assert stored(path)[1:] == []
    repository.close()


def test_a_repository_of_choices_alone_gets_its_tables(path: str) -> None:
    base = sqlite3.connect(path, isolation_level=None)
    base.execute(
        "CREATE TABLE choices (fmri TEXT PRIMARY KEY, enabled INTEGER NOT NULL, who TEXT NOT NULL,"
        " at INTEGER NOT NULL, why TEXT NOT NULL, until INTEGER) WITHOUT ROWID"
    )
    base.execute("CREATE TABLE about (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID")
    base.execute("INSERT INTO about VALUES ('changes', 7)")
    base.execute("INSERT INTO choices VALUES ('svc:/a:default', 0, 'root', 1, 'why', NULL)")
    base.execute(f"PRAGMA application_id={0x53746F6B}")
    base.execute("PRAGMA user_version=1")
    base.close()
    repository = Repository(path)
    repository.change([group("svc:/a", "config", GROUP)])
    assert repository.intents()["svc:/a:default"]["enabled"] is False
    repository.close()
    assert [row["group"] for row in stored(path)[1:]] == ["svc:/a"]


def test_what_cannot_be_written_changes_nothing(path: str) -> None:
    repository = Repository(path)
    repository.change([group("svc:/a", "config", GROUP)])
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    repository._ready().execute("PRAGMA busy_timeout=10")
    with pytest.raises(StokerError):
        repository.change([group("svc:/a", "other", GROUP)])
    blocker.execute("ROLLBACK")
    blocker.close()
    repository.close()
    assert [row["name"] for row in stored(path)[1:]] == ["config"]
