"""S20: five hundred services need two thousand descriptors, more than the limit that we are given.

The limit is raised for ourselves; a service still gets the one that it would have had.
"""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from stoker.testing import Scenario

MANY = 500
SOFT = 1024


@pytest.fixture
def low_limit() -> object:
    """What a login shell has, whatever this test was started with."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 4 * MANY + 1000:
        pytest.skip("the hard limit on descriptors is too low here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, before[1]))
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_they_all_run(place: Scenario, low_limit: object) -> None:
    program = place.file("web.sh", "ulimit -n; exec sleep infinity")
    for number in range(MANY):
        place.toml(f"web{number}", f'exec_start = ["/bin/sh", "{program}"]\n')
    place.up(timeout=110)
    rows = place.instances()
    assert len(rows) == MANY
    assert {row["state"] for row in rows.values()} == {"online"}
    assert len(list(Path(f"/proc/{place.keeper()}/fd").iterdir())) > 2 * MANY
    assert place.stoker("logs", "--plain", "web0").ok().out.split() == [str(SOFT)]
    assert {row["restarts"] for row in rows.values()} == {0}
