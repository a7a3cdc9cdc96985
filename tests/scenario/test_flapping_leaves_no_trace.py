"""S8: services that end again and again, with clients that ask all the while: descriptors, tasks
and memory of our programs stay as they were.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from storm import programs

from stoker.client import Client
from stoker.testing import Scenario

FLAP = 'exec_start = ["/bin/sh", "-c", "echo $$; exec sleep 0.0{0}"]\n'
OFTEN = '[restart]\ndelay = "10ms"\nfactor = 1\n'


def ours(place: Scenario) -> dict[str, int]:
    """Pids of our programs; a spawner belongs to its manager."""
    found = {role: row[0] for role, row in programs(place).items()}
    return {"keeper": place.keeper(), **found}


def size(pid: int) -> tuple[int, int, int]:
    """(descriptors, threads, proportional memory in KB) of a process."""
    base = Path(f"/proc/{pid}")
    rollup = (base / "smaps_rollup").read_text().split("Pss:")[1].split()[0]
    return len(list((base / "fd").iterdir())), len(list((base / "task").iterdir())), int(rollup)


def ask(place: Scenario, over: threading.Event, problems: list[str]) -> None:
    try:
        with Client(str(place.runtime / "control")) as client:
            while not over.is_set():
                client.get("/v1/instances")
                client.close()
                over.wait(0.05)
    except Exception as error:
        problems.append(repr(error))


def cgroups(place: Scenario) -> int:
    """How many contracts there are, where they are cgroups."""
    told = place.stoker("status", "--json").ok().json()["manager"]["containment"]
    base = Path(told.partition("(")[2].rstrip(")"))
    return len(list(base.glob("[slm]/*"))) if base.is_absolute() else 0


@pytest.mark.parametrize(
    ("many", "clients", "warm", "runs", "seconds"),
    [
        (20, 4, 100, 300, 0),
        pytest.param(200, 20, 5000, 0, 600, marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
def test_flat(place: Scenario, many: int, clients: int, warm: int, runs: int, seconds: int) -> None:
    """For so many runs, or for so many seconds."""
    for number in range(many):
        place.toml(f"flap{number}", FLAP.replace("{0}", str(number % 8 + 2)) + OFTEN)
    assert place.stoker("up", "-d", str(place.directory)).status in (0, 1)
    over, problems = threading.Event(), list[str]()
    threads = [threading.Thread(target=ask, args=(place, over, problems)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        begun(place, warm)
        pids = ours(place)
        before = {role: size(pid) for role, pid in pids.items()}
        over.wait(seconds)
        begun(place, runs)
        after = {role: size(pid) for role, pid in pids.items()}
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not problems
    assert ours(place) == pids
    for role, (descriptors, tasks, memory) in after.items():
        # Each client has a connection at this moment or has none; each start a few for a moment.
        assert descriptors <= before[role][0] + clients + 10, (role, before, after)
        assert tasks == before[role][1], (role, before, after)
        assert memory <= before[role][2] * 1.2 + 2000, (role, before, after)
    # One a service that runs, and the one before it while it is being removed.
    assert cgroups(place) <= 2 * many


def begun(place: Scenario, runs: int) -> None:
    """Wait until so many runs more have begun."""

    def count() -> int:
        return sum(row["run"] for row in place.instances().values())

    goal = count() + runs
    end = time.monotonic() + 3000
    place.until(lambda: count() >= goal, f"{runs} runs", timeout=end - time.monotonic())
