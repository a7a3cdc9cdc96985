"""S13: a person's start after the restart limit works, and is never counted."""

from __future__ import annotations

from stoker.testing import Scenario


def test_start_leaves_maintenance(place: Scenario) -> None:
    good = place.base / "good"
    place.toml(
        "web",
        f"""
        exec_start = ["/bin/sh", "-c", "test -e {good} && exec sleep infinity; exit 1"]
        [restart]
        limit = 2
        delay = "10ms"
        """,
    )
    assert place.stoker("up", "-d", str(place.directory)).status in (0, 1)
    place.wait_for("web", "maintenance")
    for _ in range(3):
        place.stoker("start", "web")
        place.wait_for("web", "maintenance")
    good.write_text("")
    place.stoker("start", "web").ok()
    assert place.instance("web")["state"] == "online"
