"""S7: the disk of logs and repository is full. Services run on, what is dropped is counted, a
choice is refused or said not to be remembered; with room again all goes on by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import small_disk

from stoker.testing import Scenario

COUNT = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done"


@pytest.fixture
def small(place: Scenario) -> Iterator[Path]:
    """The place's state directory, on a disk of its own."""
    with small_disk(place, place.directory / ".stoker") as state:
        yield state


def fill(path: Path) -> None:
    """Take all the room there is."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass  # full, as it should be


def test_services_run_on(place: Scenario, small: Path) -> None:
    place.script("web", COUNT)
    place.script("other", "exec sleep infinity")
    place.up()
    pid, manager = place.pid("web"), place.manager()
    current = small / "logs" / "web" / "current"
    place.until(lambda: current.exists() and current.stat().st_size > 100, "something is written")

    def notices() -> list[str]:
        return list(place.stoker("status", "--json").ok().json()["manager"]["notices"])

    fill(small / "filler")
    place.until(lambda: any("web" in one for one in notices()), "it is said")
    refused = place.stoker("disable", "other", "--timeout", "20s")
    said = (refused.out + refused.err).lower()
    assert refused.status != 0 or "not remembered" in said, said
    assert (place.pid("web"), place.manager()) == (pid, manager)

    (small / "filler").unlink()
    place.until(lambda: not any("web" in one for one in notices()), "the log goes on")
    place.stoker("disable", "other", "--timeout", "20s").ok()
    place.until(lambda: not notices(), "nothing is said any more")
    lines = place.stoker("logs", "--plain", "web").ok().out.splitlines()
    lost = [int(line.split("stoker: ")[1].split()[0]) for line in lines if "could not" in line]
    numbers = [int(line) for line in lines if line.isdigit()]
    assert lost
    assert len(numbers) + sum(lost) == numbers[-1]
    assert numbers == sorted(set(numbers))
    assert place.pid("web") == pid
