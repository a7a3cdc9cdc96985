"""sysmgr-depends on the files alone."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stoker.compat.sysmgr.depends._PAUSE", 0.01)


def test_a_service_without_a_file_is_named_before_any_waiting(box: Any) -> None:
    box.script("dbus")
    status, out, err = box.call("sysmgr-depends", "dbus", "dbsu", "nothing-like-it")
    assert (status, out) == (1, "")
    assert "dbsu" in err and "did you mean dbus?" in err and "nothing-like-it" in err


def test_it_returns_when_all_are_up(box: Any) -> None:
    box.script("dbus")
    box.script("db")
    box.show("dbus", syspid=os.getpid())
    timer = threading.Timer(0.1, lambda: box.show("db", syspid=os.getpid()))
    timer.start()
    assert box.call("sysmgr-depends", "dbus", "db") == (0, "", "")
    timer.join()
    assert (box.runs / "db" / "syspid").exists()


def test_one_that_runs_once_is_up(box: Any) -> None:
    box.script("dbus")
    box.show("dbus", syspid=os.getpid(), lock=0)
    assert box.call("sysmgr-depends", "dbus") == (0, "", "")


def test_of_a_path_the_last_part_counts(box: Any) -> None:
    path = box.script("dbus")
    box.show("dbus", syspid=os.getpid())
    assert box.call("sysmgr-depends", str(path)) == (0, "", "")
