"""Whichever program of ours ends, the services do not notice, and commands go on."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from storm import another_keeper, programs

from stoker.linux import pidfd
from stoker.testing import Scenario

COUNT = "N=0; while :; do N=$((N + 1)); echo $N; sleep 0.005; done"


def numbers(place: Scenario) -> list[int]:
    """What the counting service has said, as its log has it."""
    return [int(line) for line in place.stoker("logs", "--plain", "count").ok().out.split()]


def with_two(place: Scenario) -> tuple[int, int]:
    place.script("one", "exec sleep infinity")
    place.toml("two", 'exec_start = "setsid sleep infinity & exec sleep infinity"\n')
    place.up()
    return place.pid("one"), place.pid("two")


def generation(place: Scenario) -> int:
    return int(place.stoker("status", "--json").ok().json()["manager"]["generation"])


def test_term_to_the_manager_is_an_orderly_restart_of_it(place: Scenario) -> None:
    before = with_two(place)
    manager, first = place.manager(), generation(place)
    os.kill(manager, signal.SIGTERM)
    place.gone(manager)
    assert generation(place) > first
    assert (place.pid("one"), place.pid("two")) == before
    os.kill(before[0], signal.SIGKILL)
    place.until(lambda: place.instance("one")["pid"] not in (None, before[0]), "one is back")
    place.down()


def test_a_killed_manager_knows_how_what_it_adopted_ended(place: Scenario) -> None:
    place.toml("task", 'exec_start = "while [ ! -e go ]; do sleep 0.05; done; exit 7"\n'
               '[restart]\nwhen = "never"\n')  # fmt: skip
    place.up()
    manager = place.manager()
    os.kill(manager, signal.SIGKILL)
    place.gone(manager)
    assert place.pid("task")
    (place.directory / "go").touch()
    place.until(lambda: place.instance("task")["pid"] is None, "task has ended")
    status = place.stoker("status", "task", "--json").ok().json()
    assert "7" in str(status)


def test_a_killed_keeper_is_followed_by_the_manager(place: Scenario) -> None:
    before = with_two(place)
    keeper = place.keeper()
    os.kill(keeper, signal.SIGKILL)
    place.gone(keeper)
    lock = place.runtime / "lock"
    # Empty for a moment while the new keeper writes its number.
    place.until(lambda: lock.read_text().split() not in ([], [str(keeper)]), "another keeper")
    place.until(lambda: place.stoker("ls").status == 0, "a manager serves")
    assert (place.pid("one"), place.pid("two")) == before
    place.stoker("restart", "one").ok()
    assert place.pid("one") != before[0]
    place.down()
    for pid in before:
        place.gone(pid)


def kernel_remembers() -> bool:
    """Whether a pidfd still tells how a process ended that somebody else has reaped (6.15)."""
    process = subprocess.Popen(["true"])
    fd = os.pidfd_open(process.pid)
    try:
        process.wait()
        return pidfd.exit_status(fd) == 0
    finally:
        os.close(fd)


@pytest.mark.skipif(not kernel_remembers(), reason="the kernel forgets an end with its process")
def test_how_what_no_keeper_of_ours_reaps_ended_is_known(place: Scenario) -> None:
    place.toml("task", 'exec_start = "while [ ! -e go ]; do sleep 0.05; done; exit 7"\n'
               '[restart]\nwhen = "never"\n')  # fmt: skip
    place.up()
    manager, keeper = place.manager(), place.keeper()
    os.kill(manager, signal.SIGKILL)  # so that the task is the keeper's own child
    # Asked of itself: what the keeper has written is that of before until it knows of the death.
    place.until(lambda: place.manager() != manager, "another manager serves")
    os.kill(keeper, signal.SIGKILL)
    place.gone(keeper)
    another_keeper(place, keeper)
    assert place.pid("task")
    (place.directory / "go").touch()
    place.until(lambda: place.instance("task")["pid"] is None, "task has ended")
    assert "exit status 7" in place.instance("task")["cause"]


def test_a_keeper_that_a_manager_became_can_be_replaced(place: Scenario) -> None:
    before = with_two(place)
    manager, keeper = place.manager(), place.keeper()
    os.kill(keeper, signal.SIGKILL)
    lock = place.runtime / "lock"
    place.until(lambda: lock.read_text().split() == [str(manager)], "the manager is the keeper")
    place.until(lambda: place.stoker("ls").status == 0, "a manager serves")
    first = generation(place)
    place.stoker("reexec").ok()
    assert generation(place) > first
    assert place.keeper() == manager
    assert (place.pid("one"), place.pid("two")) == before
    place.down()


def test_reexec_replaces_all_three_without_a_lost_line(place: Scenario) -> None:
    place.script("count", COUNT)
    place.up()
    place.until(lambda: numbers(place), "it counts")
    before, pid = programs(place), place.pid("count")
    place.stoker("reexec").ok()
    place.until(
        lambda: all(
            now[1] == "ready" and now[2] > before[role][2] for role, now in programs(place).items()
        ),
        "both have successors",
    )
    # One of them is new, and reads what is written now.
    last = numbers(place)[-1]
    place.until(lambda: numbers(place)[-1] > last, "it still counts, and is recorded")
    assert place.pid("count") == pid
    place.down()
    found = numbers(place)
    assert found == list(range(1, len(found) + 1))


def test_a_dry_run_of_reexec_replaces_nothing(place: Scenario) -> None:
    place.up()
    keeper, before = place.keeper(), place.manager()
    told = place.stoker("reexec", "--dry-run").ok().out
    assert str(keeper) in told and str(before) in told
    assert place.manager() == before


def test_hup_to_the_keeper_reads_the_definitions_again(place: Scenario) -> None:
    before = with_two(place)
    place.script("three", "exec sleep infinity")
    os.kill(place.keeper(), signal.SIGHUP)
    place.until(lambda: "three" in place.instances(), "three is known")
    place.wait_for("three", "online")
    assert (place.pid("one"), place.pid("two")) == before
    place.down()
