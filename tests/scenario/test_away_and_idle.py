"""How long the manager is away when it is killed, and what all of us do when nothing happens.

The figures are printed (pytest -s) and only held to what no busy machine can break; see bench/ for
what they are on a quiet one.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from pathlib import Path

import pytest
from bundles import FOREVER, bundle, pid, served
from storm import programs

from stoker.client import Client
from stoker.testing import Scenario


def many(place: Scenario, count: int) -> None:
    for number in range(count):
        place.toml(f"web{number}", 'exec_start = ["/bin/sleep", "100000"]\n')
    place.up(timeout=300)


def away(place: Scenario, times: int) -> list[float]:
    """Seconds from each KILL of the manager to the next answer on the control socket."""
    found = []
    for _ in range(times):
        place.until(lambda: programs(place)["manager"][1] == "ready", "a manager is ready")
        with Client(str(place.runtime / "control")) as client:
            manager = client.get("/v1")["pid"]
            client.close()
            begun = time.monotonic()
            os.kill(manager, signal.SIGKILL)
            # Whoever comes while nobody lives waits at the socket and is served.
            while client.get("/v1")["pid"] == manager:
                client.close()
            found.append(time.monotonic() - begun)
    return found


@pytest.mark.parametrize(
    ("services", "times"),
    [(30, 3), pytest.param(200, 21, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
def test_away(place: Scenario, services: int, times: int) -> None:
    many(place, services)
    before = {name: row["pid"] for name, row in place.instances().items()}
    found = away(place, times)
    print(
        f"\naway with {services} services: median {statistics.median(found) * 1000:.0f} ms, "
        f"{min(found) * 1000:.0f} to {max(found) * 1000:.0f} ms"
    )
    assert {name: row["pid"] for name, row in place.instances().items()} == before
    assert statistics.median(found) < 15


def work(process: int) -> tuple[int, int]:
    """(clock ticks of processor time, times that it gave the processor back) of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{process}/status").read_text()
    switches = int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return int(fields[11]) + int(fields[12]), switches


def pss(process: int) -> int:
    """Kilobytes of memory, shared ones in parts."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(text.partition("\nPss:")[2].split()[0])


@pytest.mark.parametrize(
    ("services", "bundles", "seconds"),
    [
        (10, 10, 2),
        pytest.param(1000, 0, 60, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
        pytest.param(0, 2000, 60, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_idle(place: Scenario, services: int, bundles: int, seconds: int) -> None:
    """Nobody wakes up. Of bundles, FIFOs are open all the time."""
    folders = [bundle(place.directory / f"dir{number}", run=FOREVER) for number in range(bundles)]
    many(place, services)
    for folder in folders:
        place.until(lambda folder=folder: served(folder) and pid(folder), "up and supervised")
    ours = [place.keeper(), *(row[0] for row in programs(place).values())]

    def still() -> bool:
        """What comes after the start, history that is committed for instance, is over."""
        before = [work(process) for process in ours]
        time.sleep(1.5)
        return before == [work(process) for process in ours]

    place.until(still, "all is quiet")
    if seconds > 2:
        print(f"\n{services} services, {bundles} bundles: {sum(map(pss, ours))} kB PSS of ours")
    before = [work(process) for process in ours]
    time.sleep(seconds)
    for process, (ticks, switches) in zip(ours, before, strict=True):
        now = work(process)
        # One late thing may still have been done; whoever polls does it many times.
        assert now[0] <= ticks + 1, (process, ticks, now)
        assert now[1] <= switches + 3, (process, switches, now)
