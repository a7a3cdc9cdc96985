"""`stoker logs` picks lines by service, run, time, number and words, and merges them by time; and
`stoker history` lists the runs that they are of.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from typing import Any

from stoker.testing import Scenario


def texts(place: Scenario, *words: str) -> list[str]:
    return place.stoker("logs", "--plain", *words).ok().out.splitlines()


def now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")


def told(place: Scenario, count: int) -> None:
    """Both have said the last line of so many runs."""
    for name in ("web", "db"):
        place.until(
            lambda name=name: texts(place, name).count(f"{name} is ready") == count, "it has said"
        )


def test_lines_and_runs(place: Scenario) -> None:
    for name in ("web", "db"):
        place.script(name, f"echo {name} begins; echo {name} is ready; exec sleep infinity")
    place.up()
    told(place, 1)
    first = place.pid("web")
    between = now()
    place.stoker("restart", "web", "db").ok()
    told(place, 2)

    one = ["web begins", "web is ready"]
    assert texts(place, "web") == one * 2
    for run in ("1", "2", "last"):
        assert texts(place, "--run", run, "web") == one, run
    assert texts(place, "-n", "1", "web") == ["web is ready"]
    assert texts(place, "-n", "3", "web") == ["web is ready", *one]
    assert texts(place, "--until", between, "web") == one
    assert texts(place, "--since", between, "web") == one
    assert texts(place, "--since", "-1h", "--grep", "b.gins", "web") == ["web begins"] * 2
    assert texts(place, "--grep", "IS READY", "web") == []
    assert texts(place, "--grep", "IS READY", "-i", "--run", "2", "web") == ["web is ready"]

    both = [text for text in texts(place) if "begins" in text or "ready" in text]
    assert sorted(both) == sorted([*one * 2, *["db begins", "db is ready"] * 2])
    stamped = place.stoker("logs", "web", "db").ok().out.splitlines()
    stamps = [line.split()[0] for line in stamped]
    assert len(stamped) == 8 and stamps == sorted(stamps)

    os.kill(place.pid("web"), signal.SIGKILL)

    def ended() -> list[dict[str, Any]] | None:
        answer = place.stoker("history", "web", "--since", "-1h", "--json").ok().json()
        rows: list[dict[str, Any]] = [row for row in answer["runs"] if row["ended"]]
        return rows if len(rows) == 2 else None

    rows = place.until(ended, "the history has both ends")
    assert [(row["run"], row["status"]) for row in rows] == [(1, -15), (2, -9)]
    assert rows[0]["pid"] == first
    assert all(row["begun"] <= row["ended"] for row in rows)
    place.down()
