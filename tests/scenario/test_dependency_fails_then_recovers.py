"""S12: a dependency fails for long, then recovers: the dependent comes up by itself."""

from __future__ import annotations

from stoker.testing import Scenario


def test_the_dependent_starts_when_the_fault_is_cleared(place: Scenario) -> None:
    good = place.base / "good"
    place.toml(
        "db",
        f"""
        exec_start = ["/bin/sh", "-c", "test -e {good} && exec sleep infinity; exit 3"]
        [ready]
        exec = ["test", "-e", "{good}"]
        [restart]
        limit = 2
        delay = "10ms"
        """,
    )
    place.toml("web", 'exec_start = ["sleep", "infinity"]\n[[dependency]]\ntargets = ["db"]\n')
    place.up(status=1)
    place.wait_for("db", "maintenance")
    assert place.instance("web")["state"] == "offline"
    good.write_text("")
    place.stoker("clear", "db").ok()
    place.wait_for("db", "online")
    place.wait_for("web", "online")


def test_retry_every_leaves_maintenance_by_itself(place: Scenario) -> None:
    good = place.base / "good"
    place.toml(
        "db",
        f"""
        exec_start = ["/bin/sh", "-c", "test -e {good} && exec sleep infinity; exit 3"]
        [ready]
        exec = ["test", "-e", "{good}"]
        [restart]
        limit = 1
        delay = "10ms"
        retry_every = "300ms"
        """,
    )
    place.up(status=1)
    good.write_text("")
    place.wait_for("db", "online")
