"""S11: a dependency is disabled while a dependent waits for it; then all goes down, promptly."""

from __future__ import annotations

from stoker.testing import Scenario


def test_the_dependent_says_so_and_down_ends(place: Scenario) -> None:
    place.toml(
        "db",
        """
        exec_start = ["sleep", "infinity"]
        start_timeout = "10min"
        [ready]
        file = "/nonexistent/never-there"
        """,
    )
    place.toml(
        "web",
        'exec_start = ["sleep", "infinity"]\n[[dependency]]\ntargets = ["db"]\n',
    )
    up = place.begin("up", "-d", str(place.directory))
    place.until(
        lambda: (
            (place.runtime / "control").exists()
            and place.stoker("ls", "--json").status == 0
            and place.instance("db")["pid"]
        ),
        "db is starting",
    )
    assert place.instance("web")["state"] == "offline"
    place.stoker("disable", "--reason", "disk swap", "db").ok()
    assert place.instance("db")["state"] == "disabled"
    explained = place.stoker("explain", "web").ok().out
    assert "db" in explained and "disabled" in explained
    assert up.wait(60) == 1
    place.down()
