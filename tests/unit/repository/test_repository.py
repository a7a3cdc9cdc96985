"""Choices and history on disk: durable, checked, backed up, restored, bounded."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

from stoker.errors import RepositoryError
from stoker.repository import (
    History,
    Repository,
    open_readonly,
    operations,
    runs,
    transitions,
)

WEB, DB = "svc:/web:default", "svc:/db:default"
OFF = {"enabled": False, "by": "root", "when": 1, "why": "rest", "until": None}
ON = {"enabled": True, "by": "uid 1000", "when": 2, "why": "", "until": 99}


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "state").mkdir()
    return str(tmp_path / "state" / "repository.db")


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        Repository(str(tmp_path / "state" / "repository.db")).intents()
    assert not (tmp_path / "state").exists()


def beside(path: str, word: str) -> list[str]:
    return sorted(n for n in os.listdir(os.path.dirname(path)) if f".{word}-" in n)


def test_the_files_are_the_owner_s_alone_from_the_first_moment(path: str) -> None:
    before = os.umask(0)
    try:
        one = Repository(path)
        one.save([(WEB, OFF)])
        history = History(str(Path(path).with_name("history.db")), "life")
        history.write(transitions=[(1, WEB, "offline", "online", "none", "", 1, "")])
        modes = {
            entry.name: entry.stat().st_mode & 0o777
            for entry in os.scandir(os.path.dirname(path))
            if entry.is_file()
        }
        history.close()
        one.close()
    finally:
        os.umask(before)
    assert {"repository.db-wal", "repository.db-shm", "history.db-wal"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_choices_come_back(path: str) -> None:
    one = Repository(path)
    assert one.intents() == {}
    one.save([(WEB, OFF), (DB, ON)])
    one.close()
    two = Repository(path)
    assert two.intents() == {WEB: OFF, DB: ON}
    two.save([(WEB, None), (DB, OFF)])
    assert two.intents() == {DB: OFF}
    assert two.notices == []
    two.close()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_group_is_kept_whole_or_not_at_all(path: str) -> None:
    one = Repository(path)
    with pytest.raises(KeyError):
        one.save([(WEB, OFF), (DB, {"by": "nobody"})])
    assert one.intents() == {}
    one.save([(DB, ON)])
    assert one.intents() == {DB: ON}
    one.close()


def test_every_commit_is_synced(path: str) -> None:
    one = Repository(path)
    base = one._base
    assert base is not None
    assert base.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    one.close()


def test_a_full_disk_refuses_and_changes_nothing(path: str) -> None:
    one = Repository(path)
    one.save([(WEB, OFF)])
    base = one._base
    assert base is not None
    pages = base.execute("PRAGMA page_count").fetchone()[0]
    base.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(RepositoryError, match="the disk is full"):
        one.save([(f"svc:/s{n}:default", {**ON, "why": "x" * 1000}) for n in range(1000)])
    assert one.intents() == {WEB: OFF}
    base.execute("PRAGMA max_page_count=100000")
    one.save([(DB, ON)])
    assert one.intents() == {WEB: OFF, DB: ON}
    one.close()


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RepositoryError, match=r"file/repository\.db"):
        Repository(str(tmp_path / "file" / "repository.db"))


def test_backups_are_kept_and_old_ones_go(path: str) -> None:
    one = Repository(path, keep=3)
    assert one.backup_in() is None  # nothing was chosen yet
    for number in range(5):
        one.save([(f"svc:/s{number}:default", ON)])
        made = one.backup()
        assert os.path.basename(made) in beside(path, "backup")
    assert len(beside(path, "backup")) == 3
    assert one.backup_in() is None
    one.save([(WEB, OFF)])
    wait = one.backup_in()
    assert wait is not None and 0 < wait <= 3600
    newest = os.path.join(os.path.dirname(path), beside(path, "backup")[-1])
    os.utime(newest, (time.time() - 4000,) * 2)
    assert one.backup_in() == 0
    one.close()


@pytest.mark.parametrize("damage", ["scribble", "header", "empty", "text"])
def test_a_damaged_file_is_set_aside_and_restored(path: str, damage: str) -> None:
    one = Repository(path)
    one.save([(f"svc:/s{n}:default", {**ON, "why": "y" * 500}) for n in range(100)])
    before = one.intents()
    one.backup()
    one.save([(WEB, OFF)])
    one.close()
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        if damage == "scribble":
            file.seek(4096)
            file.write(b"\xa5" * (size - 4096))
        elif damage == "header":
            file.write(b"\0" * 100)
        elif damage == "empty":
            file.truncate(0)
        else:
            file.truncate(0)
            file.write(b"not a database at all\n" * 100)
    two = Repository(path)
    assert two.intents() == before
    assert len(beside(path, "damaged")) == 1
    assert any("was moved to" in notice for notice in two.notices)
    assert any("was restored from" in notice for notice in two.notices)
    two.save([(WEB, OFF)])
    two.close()


def test_a_damaged_backup_is_passed_over(path: str) -> None:
    one = Repository(path)
    one.save([(WEB, OFF)])
    good = one.backup()
    one.save([(DB, ON)])
    bad = one.backup()
    one.close()
    for name in (bad, path):
        with open(name, "r+b") as file:
            file.write(b"\0" * 4096)
    two = Repository(path)
    assert two.intents() == {WEB: OFF}
    assert any(bad in notice and "damaged too" in notice for notice in two.notices)
    assert any(good in notice and "restored" in notice for notice in two.notices)
    two.close()


def test_damage_without_a_backup_begins_anew(path: str) -> None:
    one = Repository(path)
    one.save([(WEB, OFF)])
    one.close()
    with open(path, "wb") as file:
        file.write(b"rubbish" * 1000)
    two = Repository(path)
    assert two.intents() == {}
    assert any("begins anew" in notice for notice in two.notices)
    two.close()


def test_another_programs_database_is_no_repository(path: str) -> None:
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE cookies (name)")
    base.close()
    one = Repository(path)
    assert len(beside(path, "damaged")) == 1
    assert one.intents() == {}
    one.close()


def test_a_newer_schema_is_left_alone(path: str) -> None:
    Repository(path).close()
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version=99")
    base.close()
    one = Repository(path)
    assert not one.writable
    with pytest.raises(RepositoryError, match="newer stoker"):
        one.save([(WEB, OFF)])
    one.close()
    assert beside(path, "damaged") == []


def test_what_is_told_again_changes_nothing(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.db"), "life1")
    began, ended = (WEB, 1, "begin", 100, 10, None, None), (WEB, 1, "end", 200, 0, 7, "last")
    for told in (began, ended, (*began[:3], 300, *began[4:]), (*ended[:3], 400, 0, None, None)):
        history.write(runs=[told])
    (row,) = runs(open_readonly(str(tmp_path / "history.db")))
    assert [row[name] for name in ("begun", "ended", "pid", "status", "tail")] == [
        *(100, 200, 10, 7, "last")
    ]
    # A service that was removed and came back counts from one again.
    history.write(runs=[(WEB, 1, "begin", 500, 11, None, None)])
    (row,) = runs(open_readonly(str(tmp_path / "history.db")))
    assert [row[name] for name in ("begun", "ended", "pid", "status")] == [500, None, 11, None]
    history.close()


def test_runs_are_listed_with_their_ends(tmp_path: Path) -> None:
    path = str(tmp_path / "history.db")
    history = History(path, "life1")
    history.write(
        runs=[
            (WEB, 1, "begin", 100, 10, None, None),
            (WEB, 1, "end", 200, 10, 9, "killed"),
            (DB, 1, "begin", 150, 11, None, None),
            (WEB, 2, "begin", 300, 12, None, None),
        ]
    )
    # Told twice, as a manager does that died between doing and knowing.
    history.write(runs=[(WEB, 1, "begin", 100, 10, None, None), (WEB, 3, "end", 400, 13, 0, None)])
    base = open_readonly(path)
    rows = list(runs(base))
    assert [(r["fmri"], r["run"], r["begun"], r["ended"], r["pid"], r["status"]) for r in rows] == [
        (WEB, 1, 100, 200, 10, 9),
        (DB, 1, 150, None, 11, None),
        (WEB, 2, 300, None, 12, None),
        (WEB, 3, None, 400, 13, 0),
    ]
    assert rows[0]["tail"] == "killed"
    assert [r["run"] for r in runs(base, [WEB], since=250)] == [2, 3]
    assert [r["run"] for r in runs(base, [WEB], until=250)] == [1]
    assert [r["run"] for r in runs(base, [WEB], limit=1)] == [3]
    base.close()
    history.close()
    second = History(path, "life2")
    second.write(runs=[(WEB, 1, "begin", 500, 20, None, None)])
    base = open_readonly(path)
    assert [(r["life"], r["run"]) for r in runs(base, [WEB])][-1] == ("life2", 1)
    base.close()
    second.close()


def test_transitions_and_operations(tmp_path: Path) -> None:
    path = str(tmp_path / "history.db")
    history = History(path, "life")
    history.write(
        [
            [1, WEB, "offline", "online", "none", "7", 1, ""],
            [2, DB, "online", "offline", "x", "8", 1, ""],
        ],
        (),
        [
            [7, "start", f"{WEB} {DB}", "root", 1, "done", ""],
            [8, "stop", DB, "root", 2, "done", "7"],
        ],
    )
    base = open_readonly(path)
    assert [row["after"] for row in transitions(base)] == ["online", "offline"]
    assert [row["at"] for row in transitions(base, [DB])] == [2]
    assert [row["number"] for row in operations(base, [WEB])] == [7]
    assert [row["verb"] for row in operations(base, since=2)] == ["stop"]
    with pytest.raises(sqlite3.OperationalError):
        base.execute("DELETE FROM operations")
    base.close()
    history.close()


def test_history_is_bounded_in_rows_and_age(tmp_path: Path) -> None:
    path = str(tmp_path / "history.db")
    second = 1_000_000_000
    history = History(path, "life", rows=500, age=3600)
    for group in range(30):
        history.write(
            [[group * 100 * second + n, WEB, "a", "b", "", "", n, ""] for n in range(100)]
        )
    base = open_readonly(path)
    rows = list(transitions(base, limit=10_000))
    assert 100 <= len(rows) <= 500 + 2000
    history.write([[10_000 * second + n, WEB, "a", "b", "", "", n, ""] for n in range(2000)])
    rows = list(transitions(base, limit=10_000))
    assert len(rows) == 500
    assert min(row["at"] for row in rows) >= 10_000 * second - 3600 * second
    base.close()
    history.close()


def test_a_damaged_history_is_set_aside(tmp_path: Path) -> None:
    path = str(tmp_path / "history.db")
    with open(path, "wb") as file:
        file.write(b"x" * 10_000)
    history = History(path, "life")
    assert any("moved to" in notice for notice in history.notices)
    history.write([[1, WEB, "a", "b", "", "", 1, ""]])
    history.close()


def test_a_read_only_place_is_read_and_refuses(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from stoker.repository import choices

    one = Repository(path)
    one.save([(WEB, OFF)])
    one.close()

    def refuse(*_args: object) -> None:
        raise RepositoryError(f"{path}: the file system or the file is read only")

    monkeypatch.setattr(choices, "open_sound", refuse)
    two = Repository(path)
    assert not two.writable
    assert two.intents() == {WEB: OFF}
    with pytest.raises(RepositoryError, match="read only"):
        two.save([(DB, ON)])
    monkeypatch.undo()
    two.save([(DB, ON)])
    assert two.writable and two.intents() == {WEB: OFF, DB: ON}
    two.close()


def test_who_dies_while_a_damaged_one_is_restored_leaves_it_to_the_next(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Repository(path)
    one.save([(WEB, OFF)])
    one.backup()
    one.close()
    with open(path, "r+b") as file:
        file.write(b"\0" * 100)

    class Killed(BaseException):
        pass

    def die(*_args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("stoker.repository.database._restore", die)
        with pytest.raises(Killed):
            Repository(path)
    assert not os.path.exists(path)  # it was moved aside, and nothing stands in its place
    two = Repository(path)
    assert two.intents() == {WEB: OFF}
    assert any("was restored from" in notice for notice in two.notices)
    two.close()


@pytest.mark.parametrize("suffixes", [("",), ("", "-wal", "-shm")])
def test_one_that_is_removed_while_it_is_in_use_is_written_again(
    path: str, suffixes: tuple[str, ...]
) -> None:
    one = Repository(path)
    one.save([(DB, ON)])
    for suffix in suffixes:
        os.unlink(path + suffix)
    one.save([(WEB, OFF)])
    assert any("was removed while it was in use" in notice for notice in one.notices)
    one.save([(WEB, ON)])
    one.close()
    two = Repository(path)
    assert two.intents() == {DB: ON, WEB: ON}
    assert two.notices == []
    two.close()
    assert sorted(os.listdir(os.path.dirname(path))) == ["repository.db"]


def test_who_dies_while_one_is_put_back_leaves_it_to_the_next(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Repository(path)
    one.save([(WEB, OFF)])
    one.backup()
    one.save([(DB, ON)])
    for suffix in ("", "-wal", "-shm"):
        os.unlink(path + suffix)

    class Killed(BaseException):
        pass

    rename = os.rename

    def die(old: str, new: str) -> None:
        if new == path:
            raise Killed
        rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", die)
        with pytest.raises(Killed):
            one.save([(WEB, ON)])
    one.close()
    assert not os.path.exists(path)
    two = Repository(path)
    assert two.intents() == {WEB: OFF, DB: ON}  # not the backup
    assert any("was removed while it was in use" in notice for notice in two.notices)
    two.close()
    assert sorted(os.listdir(os.path.dirname(path))) == ["repository.db", *beside(path, "backup")]


def test_what_was_left_half_put_back_does_not_count_where_another_file_has_the_name(
    path: str,
) -> None:
    other = Repository(path + ".again")
    other.save([(DB, ON)])
    other.close()
    Path(path).touch()
    one = Repository(path)
    assert (one.intents(), one.notices) == ({}, [])
    one.close()
    assert os.listdir(os.path.dirname(path)) == ["repository.db"]


def test_to_forget_on_purpose_the_backups_are_removed_too(path: str) -> None:
    one = Repository(path)
    one.save([(WEB, OFF)])
    one.backup()
    one.close()
    os.unlink(path)
    two = Repository(path)
    assert two.intents() == {WEB: OFF}
    assert any("is missing" in notice and "backups too" in notice for notice in two.notices)
    two.close()
    for name in os.listdir(os.path.dirname(path)):
        os.unlink(os.path.join(os.path.dirname(path), name))
    three = Repository(path)
    assert (three.intents(), three.notices) == ({}, [])
    three.close()


def test_another_that_is_put_in_its_place_counts(path: str, tmp_path: Path) -> None:
    other = Repository(str(tmp_path / "other.db"))
    other.save([(DB, ON)])
    other.close()
    one = Repository(path)
    one.save([(WEB, ON)])
    for suffix in ("-wal", "-shm"):
        os.unlink(path + suffix)
    os.rename(tmp_path / "other.db", path)
    one.save([(WEB, OFF)])
    assert any("was replaced by another file" in notice for notice in one.notices)
    assert one.intents() == {DB: ON, WEB: OFF}
    one.close()


def test_where_it_cannot_be_written_again_a_choice_is_refused(path: str, tmp_path: Path) -> None:
    one = Repository(path)
    one.save([(DB, ON)])
    state = os.path.dirname(path)
    os.rename(state, tmp_path / "elsewhere")
    with pytest.raises(RepositoryError):
        one.save([(WEB, OFF)])
    os.rename(tmp_path / "elsewhere", state)
    one.save([(WEB, OFF)])
    assert one.intents() == {DB: ON, WEB: OFF}
    one.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write it all the same")
def test_a_file_that_can_be_written_again_is(path: str) -> None:
    one = Repository(path)
    one.save([(DB, ON)])
    one.close()
    os.chmod(path, 0o444)
    os.chmod(os.path.dirname(path), 0o555)
    two = Repository(path)
    try:
        with pytest.raises(RepositoryError):
            two.save([(WEB, OFF)])
    finally:
        os.chmod(os.path.dirname(path), 0o755)
    os.chmod(path, 0o644)
    two.save([(WEB, OFF)])
    assert two.intents() == {DB: ON, WEB: OFF}
    two.close()


def test_one_that_was_opened_for_reading_alone_is_opened_again(path: str) -> None:
    one = Repository(path)
    one._ready().execute("PRAGMA query_only=ON")
    one.save([(WEB, OFF)])
    assert one.intents() == {WEB: OFF}
    one.close()
