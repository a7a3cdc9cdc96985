"""Ten thousand entries in a scanned directory: all that are bundles are loaded, and what is enabled
runs. As many are bundles as this machine's limit of descriptors allows.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import FOREVER, bundle, pid, served

from stoker.testing import Scenario

COUNT = 10_000
EACH = 7  # descriptors: three for each directory, and four that are kept for each service


@pytest.fixture
def bundles() -> Iterator[int]:
    """How many there may be; the limit is raised if that is allowed."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], max(EACH * 12_000, before[1])))
    except (ValueError, OSError):
        pass  # as many as the limit allows, then
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    yield min(COUNT, (hard - 3000) // EACH)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_are_loaded_and_the_enabled_ones_run(place: Scenario, bundles: int) -> None:
    place.up()
    scanned = place.base / "scanned"
    first = bundle(scanned / "00000", run=FOREVER)
    for number in range(1, COUNT):
        one = scanned / f"{number:05}"
        if number >= bundles:
            one.write_text("no bundle")
            continue
        one.mkdir()
        os.link(first / "run", one / "run")
        (one / "down").touch()
    last = bundle(scanned / "zz", run=FOREVER)
    program = Path(sys.executable).with_name("stoker")
    scanner = subprocess.Popen(
        [program, "service-dt-scanner", scanned],
        env=place.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        place.until(lambda: served(first) and served(last), "the first and the last", timeout=900)
        place.until(lambda: pid(first) and pid(last), "they run", timeout=300)
        assert all(served(scanned / f"{number:05}") for number in range(0, bundles, 97))
        assert len(place.instances()) >= bundles + 1
        late = bundle(place.base / "late", run=FOREVER)
        late.rename(scanned / "late")
        place.until(
            lambda: served(scanned / "late") and pid(scanned / "late"), "one more", timeout=300
        )
    finally:
        scanner.terminate()
        scanner.communicate()
