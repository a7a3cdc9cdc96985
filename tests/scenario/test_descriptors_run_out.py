"""More services than there are descriptors for: those that do not fit are refused, and say why.

The others run, the place answers, and goes down; nothing fails in the middle.
"""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stoker.testing import Scenario

LIMIT, RESERVE, MANY = 100, 32, 40


def low(place: Scenario, *words: str) -> subprocess.CompletedProcess[str]:
    """A command with a low limit, hard and soft."""
    return subprocess.run(
        ["/bin/sh", "-c", f'ulimit -n {LIMIT}; exec "$@"', "sh", *place.command(*words)],
        env=place.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def begin(place: Scenario) -> subprocess.CompletedProcess[str]:
    (place.directory / ".stoker.toml").write_text(f"reserve = {RESERVE}\n")
    for number in range(MANY):
        place.script(f"web{number}", "exec sleep infinity")
    return low(place, "up", "-d", str(place.directory))


def open_in_keeper(place: Scenario) -> int:
    return len(list(Path(f"/proc/{place.keeper()}/fd").iterdir()))


def limit_of_keeper(place: Scenario) -> int:
    return resource.prlimit(place.keeper(), resource.RLIMIT_NOFILE)[0]


def test_those_that_do_not_fit_are_refused(place: Scenario) -> None:
    done = begin(place)
    if limit_of_keeper(place) > LIMIT:
        assert os.geteuid() == 0
        pytest.skip("as root the keeper raises the limit itself")
    assert done.returncode == 1, done.stderr
    # What is refused is tried again from time to time; look between two tries of each.
    rows: dict[str, dict[str, Any]] = {}

    def all_told() -> bool:
        rows.update(place.instances())
        off = [row["note"] for row in rows.values() if row["state"] != "online"]
        return all("too few descriptors: the keeper has " in note for note in off)

    place.until(all_told, "each that is refused says why")
    up = [row for row in rows.values() if row["state"] == "online"]
    refused = [row for row in rows.values() if row["state"] != "online"]
    assert 0 < len(up) < MANY == len(rows)
    for row in refused:
        assert f"{RESERVE} are kept back" in row["note"], row
    place.until(
        lambda: "too few descriptors" in place.stoker("explain", refused[0]["name"]).ok().out,
        "it is explained",
    )
    told = place.stoker("doctor", "--json").ended(1).json()["findings"]
    assert any(one["subject"] == "descriptors" and "keeper" in one["text"] for one in told)
    # It opens one for a moment now and then; what it holds stays.
    place.until(lambda: open_in_keeper(place) <= LIMIT - RESERVE, "the reserve is left")
    # One that runs may be restarted: it has what it needs.
    place.stoker("restart", up[0]["name"]).ok()
    # And room that becomes free is used.
    for row in up[:3]:
        (place.directory / row["name"]).unlink()
    place.stoker("reload", "--no-wait").ok()
    names = {row["name"] for row in refused}
    place.until(
        lambda: any(one["state"] == "online" for one in place.instances().values()
                    if one["name"] in names),
        "the room is used",
    )  # fmt: skip
    place.down()


def test_a_recorder_that_comes_late_has_its_own(tmp_path: Path) -> None:
    once = tmp_path / "once"
    once.touch()
    with Scenario(environment={"STOKER_FAULT": f"holding:1:{once}"}) as place:
        begin(place)
        assert not once.exists()
        if limit_of_keeper(place) > LIMIT:
            pytest.skip("as root the keeper raises the limit itself")
        place.until(lambda: "recorder" in ready(place), "the recorder is there")
        place.until(lambda: open_in_keeper(place) <= LIMIT - RESERVE, "the reserve is left")


def ready(place: Scenario) -> list[str]:
    lines = (place.runtime / "keeper").read_text().splitlines()
    return [line.split()[0] for line in lines if line.split()[2:3] == ["ready"]]


def test_root_raises_the_hard_limit_too(place: Scenario) -> None:
    done = begin(place)
    if limit_of_keeper(place) == LIMIT:
        pytest.skip("only root, with all of root's rights, may raise it")
    assert done.returncode == 0, done.stderr
    most = int(Path("/proc/sys/fs/nr_open").read_text())
    assert limit_of_keeper(place) == most
    assert {row["state"] for row in place.instances().values()} == {"online"}
