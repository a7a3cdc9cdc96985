"""The director without a machine: which signal starts what, and when the keeper is told to end (C56
to C58, C61, C62).
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from stoker.system import NUMBERS, reason
from stoker.system import director as module
from stoker.system.director import Director, limits
from stoker.system.view import MISSING, NO_MANAGER, SKIPPED


class Keeper:
    """What a keeper is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def stop(self, *words: Any) -> None:
        self.told.append(words)


class Directed(Director):
    """Its jobs are only written down."""

    def __init__(self, run: Path, *boot: str) -> None:
        (run / "system").mkdir(exist_ok=True)
        self.jobs: list[str] = []
        self.killed: list[int] = []
        self.keeper = Keeper()
        super().__init__(str(run), list(boot), self.keeper)  # type: ignore[arg-type]

    def _spawn(self, event: str) -> int:
        self.jobs.append(event)
        return 1_000_000 + len(self.jobs)

    def _kill(self, pid: int) -> None:
        self.killed.append(pid)

    def turn(self) -> None:
        self._go_on()

    def over(self, event: str, status: int = 0) -> None:
        """The job for this event has ended."""
        (job,) = (one for one in self.slots.running.values() if one.event == event)
        assert self.slots.ended(job.pid) == event
        self._over(event, status)
        self.turn()


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing is said to the machine that tests run on."""
    said: list[str] = []
    for name in ("say", "remark"):
        monkeypatch.setattr(module, name, said.append)
    return said


def test_a_boot_is_begun_once_and_step_by_step(tmp_path: Path) -> None:
    first = Directed(tmp_path, "sysinit", "normal")
    first.turn()
    assert first.jobs == ["sysinit"]
    first.over("sysinit")
    assert first.jobs == ["sysinit", "normal"]
    first.over("normal")
    again = Directed(tmp_path, "sysinit", "normal")
    again.turn()
    assert again.jobs == [], "a director that is started again does not boot again"


def test_a_director_that_dies_leaves_nothing_undone(tmp_path: Path) -> None:
    first = Directed(tmp_path, "sysinit", "normal")
    first.signalled(NUMBERS["emergency"])
    first.turn()
    assert first.jobs == ["emergency", "sysinit"]
    second = Directed(tmp_path, "sysinit", "normal")
    second.turn()
    assert second.jobs == ["sysinit"], "a person keeps the shell that there is"
    second.over("sysinit")
    third = Directed(tmp_path, "sysinit", "normal")
    third.turn()
    assert third.jobs == ["normal"]


@pytest.mark.parametrize("status", [MISSING, NO_MANAGER])
@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("secure-attention-key", "reboot"),
        ("power-button", "poweroff"),
        ("powerfail", "poweroff"),
        ("kbrequest", "emergency"),
    ],
)
def test_keys_are_for_something_without_targets_or_manager_too(
    tmp_path: Path, status: int, key: str, instead: str
) -> None:
    one = Directed(tmp_path)
    one.ask(key)
    one.turn()
    one.over(key, status)
    assert one.jobs == [key, instead]


def test_a_machine_without_targets_has_one_shell(tmp_path: Path) -> None:
    one = Directed(tmp_path, "sysinit", "normal")
    one.turn()
    one.over("sysinit", MISSING)
    assert one.jobs == ["sysinit", "emergency", "normal"]
    one.over("normal", MISSING)
    one.over("emergency")
    assert one.jobs == ["sysinit", "emergency", "normal"]


def test_the_keeper_has_the_shell_where_no_manager_gets_ready(tmp_path: Path) -> None:
    one = Directed(tmp_path, "sysinit", "normal")
    one.turn()
    one.over("sysinit", NO_MANAGER)
    one.over("normal", 1)
    assert one.jobs == ["sysinit", "normal"]


def test_signals_start_jobs_each_in_its_slot(tmp_path: Path, quiet: list[str]) -> None:
    one = Directed(tmp_path, "sysinit", "normal")
    for event in ("rescue", "emergency", "kbrequest"):
        one.signalled(NUMBERS[event])
    one.turn()
    assert one.jobs == ["emergency", "kbrequest", "sysinit"]
    one.signalled(signal.SIGRTMIN + 6)
    assert any("means nothing" in text for text in quiet)
    one.signalled(signal.SIGTERM)
    assert one.keeper.told == []


def test_an_end_takes_everything_down_and_then_the_keeper_is_told(tmp_path: Path) -> None:
    one = Directed(tmp_path)
    reason.request(str(tmp_path), "poweroff", "eve", "it is late")
    one.signalled(NUMBERS["poweroff"])
    one.turn()
    one.signalled(NUMBERS["fast-poweroff"])
    assert one.jobs == ["poweroff", "down"]
    assert one.killed == [1_000_001], "the job waits for the very target that asks for this"
    one.signalled(NUMBERS["normal"])
    one.signalled(NUMBERS["fast-reboot"])
    one.turn()
    assert one.jobs == ["poweroff", "down"], "there is no way back"
    one._all_is_down()
    one._all_is_down()
    assert one.keeper.told == [(0, 5.0, "poweroff")]
    told = reason.read(str(tmp_path) + reason.GOING)
    assert (told["action"], told["who"], told["why"]) == ("poweroff", "eve", "it is late")


@pytest.mark.parametrize(("status", "at_once"), [(1, False), (NO_MANAGER, True), (SKIPPED, True)])
def test_an_end_whose_target_fails_is_had_all_the_same(
    tmp_path: Path, status: int, at_once: bool
) -> None:
    one = Directed(tmp_path)
    one.signalled(NUMBERS["reboot"])
    one.turn()
    one.over("reboot", status)
    assert one.jobs == ["reboot", "down"]
    assert one.keeper.told == ([(0, 5.0, "reboot")] if at_once else [])


def test_a_job_that_hangs_is_killed_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Directed(tmp_path, "normal")
    one.turn()
    one.signalled(NUMBERS["halt"])
    begun = one.slots.running["regular"].deadline
    assert begun is not None
    monkeypatch.setattr(module.time, "monotonic", lambda: begun + 1.0)
    one.turn()
    one.turn()
    assert one.killed == [1_000_001]
    assert one.jobs == ["normal", "halt"]


def test_all_that_is_taken_down_by_hand_is_a_halt(tmp_path: Path) -> None:
    one = Directed(tmp_path)
    one._all_is_down()
    assert one.keeper.told == [(0, 5.0, "halt")]


def test_a_director_that_dies_at_the_end_goes_on_with_it(tmp_path: Path) -> None:
    first = Directed(tmp_path)
    first.signalled(NUMBERS["fast-reboot"])
    second = Directed(tmp_path, "sysinit", "normal")
    second.turn()
    assert (second.ending, second.jobs) == ("reboot", ["down"])


def test_the_limit_is_what_the_kernel_was_told() -> None:
    assert limits("") == limits("x") == limits("-3") == limits("nan") == (90.0, None)
    assert limits("20") == (20.0, 20.0)


def test_what_cannot_be_kept_holds_up_nothing(tmp_path: Path, quiet: list[str]) -> None:
    one = Directed(tmp_path)
    one.run_directory = str(tmp_path / "nowhere")
    one.signalled(NUMBERS["fast-halt"])
    assert one.jobs == ["down"]
    assert any("nowhere" in text for text in quiet)
