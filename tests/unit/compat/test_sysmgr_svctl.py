"""svctl on the files alone, each operation and each way of being up."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest


def test_up_means_no_lock_and_a_living_process(box: Any) -> None:
    box.show("web", syspid=box.process().pid, pid=1)
    assert box.call("svctl", "status", "web") == (0, "", "web: UP\n")


def test_stat_is_status(box: Any) -> None:
    box.show("web", syspid=os.getpid())
    assert box.call("svctl", "stat", "web") == (0, "", "web: UP\n")


def test_a_lock_means_down(box: Any) -> None:
    box.show("web", syspid=os.getpid(), lock=15)
    assert box.call("svctl", "status", "web") == (1, "", "web: DOWN\n")


def test_once_is_up_while_it_runs_which_the_original_denies(box: Any) -> None:
    box.show("web", syspid=os.getpid(), lock=0)
    assert box.call("svctl", "status", "web") == (0, "", "web: UP\n")


def test_a_dead_process_means_down(box: Any) -> None:
    child = box.process()
    child.kill()
    child.wait()
    box.show("web", syspid=child.pid)
    assert box.call("svctl", "status", "web") == (1, "", "web: DOWN\n")


def test_no_directory_means_down(box: Any) -> None:
    box.runs.mkdir()
    assert box.call("svctl", "status", "web") == (1, "", "web: DOWN\n")


def test_a_process_that_may_not_be_signalled_is_alive(
    box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int, _signo: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    box.show("web", syspid=os.getpid())
    assert box.call("svctl", "status", "web") == (0, "", "web: UP\n")


def test_one_that_is_down_is_enough_for_1(box: Any) -> None:
    box.show("web", syspid=os.getpid())
    box.show("db", lock=15)
    status, _out, err = box.call("svctl", "status", "web", "db")
    assert (status, err) == (1, "web: UP\ndb: DOWN\n")


def test_of_a_path_the_last_part_counts(box: Any) -> None:
    box.show("web", syspid=os.getpid())
    for given in ("/var/sysmgr/web", "./web", "web/"):
        assert box.call("svctl", "status", given) == (0, "", "web: UP\n")


@pytest.mark.parametrize("operation", ["start", "up"])
def test_start_leaves_alone_what_is_up(box: Any, operation: str) -> None:
    folder = box.show("web", syspid=os.getpid(), pid=1)
    assert box.call("svctl", operation, "web") == (0, "", "")
    assert sorted(os.listdir(folder)) == ["pid", "syspid"]


@pytest.mark.parametrize("operation", ["start", "up"])
def test_start_removes_the_directory_of_what_is_down(box: Any, operation: str) -> None:
    folder = box.show("web", lock=15)
    (folder / "other").mkdir()
    assert box.call("svctl", operation, "web") == (0, "", "")
    assert not folder.exists()


def test_start_names_what_there_is_not(box: Any) -> None:
    box.runs.mkdir()
    box.script("nginx")
    status, out, err = box.call("svctl", "start", "ngnix")
    assert (status, out) == (1, "")
    assert "ngnix" in err and "did you mean nginx?" in err


@pytest.mark.parametrize("operation", ["stop", "down"])
def test_stop_locks_signals_and_takes_away_the_pids(box: Any, operation: str) -> None:
    child = box.process()
    folder = box.show("web", syspid=child.pid, pid=1)
    assert box.call("svctl", operation, "web") == (0, "", "")
    assert child.wait(30) == -signal.SIGTERM
    assert os.listdir(folder) == ["lock"]
    assert (folder / "lock").read_text() == "15\n"


@pytest.mark.parametrize("operation", ["stop", "down"])
def test_stop_leaves_alone_what_is_not_up(box: Any, operation: str) -> None:
    folder = box.show("web", lock=9)
    assert box.call("svctl", operation, "web", "other") == (0, "", "")
    assert (folder / "lock").read_text() == "9\n"


def test_kill_locks_and_sends_usr1(box: Any) -> None:
    child = box.process()
    folder = box.show("web", syspid=child.pid, pid=1)
    assert box.call("svctl", "kill", "web") == (0, "", "")
    assert child.wait(30) == -signal.SIGUSR1
    assert os.listdir(folder) == ["lock"]
    assert (folder / "lock").read_text() == "9\n"


def test_kill_says_that_there_is_nothing_to_kill(box: Any) -> None:
    box.runs.mkdir()
    box.script("web")
    for name, why in (("web", "it is not up"), ("wbe", "did you mean web?")):
        status, out, err = box.call("svctl", "kill", name)
        assert (status, out) == (1, "")
        assert err.startswith(f"svctl: cannot kill {name}: ") and why in err


def test_once_writes_a_lock_of_0_for_what_is_up(box: Any) -> None:
    folder = box.show("web", syspid=os.getpid(), pid=1)
    assert box.call("svctl", "once", "web") == (0, "", "")
    assert (folder / "lock").read_text() == "0\n"
    assert sorted(os.listdir(folder)) == ["lock", "pid", "syspid"]


def test_once_starts_what_is_down_first(box: Any) -> None:
    box.script("web")
    folder = box.show("web", lock=15)

    def manager() -> None:
        while folder.exists():
            time.sleep(0.001)
        box.show("web", syspid=os.getpid())

    thread = threading.Thread(target=manager)
    thread.start()
    assert box.call("svctl", "once", "web") == (0, "", "")
    thread.join()
    assert (folder / "lock").read_text() == "0\n"


def test_restart_stops_waits_and_starts(box: Any) -> None:
    watch, service = box.process(), box.process()
    folder = box.show("web", syspid=watch.pid, pid=service.pid)

    def manager() -> None:
        watch.wait()
        assert (folder / "lock").exists()
        service.kill()
        service.wait()

    thread = threading.Thread(target=manager)
    thread.start()
    assert box.call("svctl", "restart", "web") == (0, "", "")
    thread.join()
    assert service.returncode == -signal.SIGKILL
    assert not folder.exists()


def test_a_failure_is_said(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = box.show("web", syspid=os.getpid())
    (folder / "lock").mkdir()
    monkeypatch.setattr("stoker.compat.sysmgr.files.lock_of", lambda _folder: None)
    monkeypatch.setattr("stoker.compat.sysmgr.control.lock_of", lambda _folder: None)
    status, out, err = box.call("svctl", "once", "web")
    assert (status, out) == (1, "")
    assert err.startswith("svctl: cannot once web: ") and "Is a directory" in err


def test_a_number_that_has_come_to_somebody_else_is_not_signalled(box: Any) -> None:
    child = box.process()
    folder = box.show("web", syspid=child.pid, pid=1)
    long_ago = time.time() - 1000
    os.utime(folder / "syspid", (long_ago, long_ago))
    assert box.call("svctl", "status", "web")[0] == 1
    assert box.call("svctl", "stop", "web")[0] == 0
    assert child.poll() is None


def test_a_watching_process_is_believed_by_its_name_whatever_the_clock_did(box: Any) -> None:
    import subprocess

    child = subprocess.Popen(["sh", "-c", "read -r life", "runsyssv", "/x/web"], stdin=-1)
    try:
        folder = box.show("web", syspid=child.pid)
        long_ago = time.time() - 1000
        os.utime(folder / "syspid", (long_ago, long_ago))
        assert box.call("svctl", "status", "web")[0] == 0
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("name", ["", "/", "..", "."])
def test_what_is_no_name_is_refused(box: Any, name: str) -> None:
    box.runs.mkdir()
    assert box.call("svctl", "start", name)[0] == 1
    assert box.runs.exists()


@pytest.mark.parametrize("name", ["8080", "a b", "agetty-1@tty", "-x"])
def test_any_name_of_a_file_is_one(box: Any, name: str) -> None:
    folder = box.show(name, lock=15)
    assert box.call("svctl", "start", name) == (0, "", "")
    assert not folder.exists()
