"""Bundles on a file system that nobody can write to: they run; their supervise directories are
elsewhere, or they have none and it is said. One that is removed while it runs goes on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import FOREVER, bundle, pid, served
from disks import small_disk

from stoker.testing import Scenario


@pytest.fixture
def disk(place: Scenario) -> Iterator[Path]:
    """A disk of its own, to be made read-only."""
    with small_disk(place, place.base / "disk") as path:
        yield path


def test_what_cannot_be_written_runs_all_the_same(place: Scenario, disk: Path) -> None:
    early = place.base / "early-supervise"
    for name in ("plain", "served", "known"):
        one = bundle(disk / name / "service", run=FOREVER).parent
        (place.directory / name).symlink_to(one)
    (disk / "served" / "supervise").symlink_to(early / "served")
    (disk / "known" / "supervise").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    place.stoker("up", "-d", str(place.directory)).ok()
    rows = place.instances()
    assert [rows[name]["state"] for name in ("plain", "served", "known")] == ["online"] * 3
    assert served(disk / "served") and (early / "served" / "status").stat().st_size == 87
    assert pid(disk / "served") == rows["served"]["pid"]
    assert not served(disk / "plain") and not served(disk / "known")
    notices = place.stoker("status", "--json").ok().json()["manager"]["notices"]
    (text,) = [one for one in notices if "is not served" in one]
    assert "Read-only file system" in text and text.endswith("(and 1 more)")
    place.stoker("restart", "plain").ok()
    place.wait_for("plain", "online")


def test_a_bundle_that_is_removed_while_it_runs_goes_on(place: Scenario) -> None:
    one = bundle(place.base / "web" / "service", run=FOREVER).parent
    (place.directory / "web").symlink_to(one)
    place.up()
    running = place.pid("web")
    shutil.rmtree(one)
    os.kill(running, 0)
    assert place.instance("web")["state"] == "online"
    (place.directory / "web").unlink()
    place.stoker("reload").ok()
    place.until(lambda: "web" not in place.instances(), "its definition is gone, and it with it")
    place.until(lambda: not os.path.exists(f"/proc/{running}"), "its process is gone, too")
