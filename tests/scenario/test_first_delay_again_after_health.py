"""S14: a crash after a long healthy time: the restart is immediate, not after a grown delay."""

from __future__ import annotations

from stoker.testing import Scenario


def test_the_growth_is_forgotten(place: Scenario) -> None:
    good = place.base / "good"
    place.toml(
        "web",
        f"""
        exec_start = ["/bin/sh", "-c", "test -e {good} && exec sleep infinity; exit 1"]
        [restart]
        delay = "50ms"
        factor = 100
        cap = "10min"
        jitter = 0
        reset_after = "200ms"
        """,
    )
    good.write_text("")
    place.up()
    # Two crashes without health grow the delay beyond what any test waits for …
    first = place.pid("web")
    place.stoker("signal", "KILL", "web").ok()
    place.until(lambda: (now := place.instance("web")["pid"]) and now != first, "first restart")
    since = place.instance("web")["run"]
    # … unless it was healthy in between: each of these waits for the health to be counted.
    for _ in range(3):
        place.until(
            lambda: place.stoker("status", "--json", "web").ok() and _healthy(place), "healthy"
        )
        pid = place.pid("web")
        place.stoker("signal", "KILL", "web").ok()
        place.until(lambda old=pid: place.instance("web")["pid"] not in (old, None), "restarted")
    assert place.instance("web")["run"] >= since + 3


def _healthy(place: Scenario) -> bool:
    """Up for longer than reset_after, by the manager's own clock."""
    from datetime import UTC, datetime

    row = place.instance("web")
    then = datetime.fromisoformat(row["state_time"].replace("Z", "+00:00"))
    return row["state"] == "online" and (datetime.now(UTC) - then).total_seconds() > 0.4
