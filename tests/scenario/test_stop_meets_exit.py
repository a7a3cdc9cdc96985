"""S2: a stop is asked for in the very moment in which the child ends by itself."""

from __future__ import annotations

from stoker.testing import Scenario


def test_stop_of_a_service_that_ends_all_the_time(place: Scenario) -> None:
    place.toml(
        "brief",
        """
        exec_start = ["/bin/sh", "-c", "sleep 0.02"]
        [restart]
        delay = "1ms"
        factor = 1
        """,
    )
    # Up at exec: whether it has ended again when all is settled is a matter of luck.
    assert place.stoker("up", "-d", str(place.directory)).status in (0, 1)
    for _ in range(8):
        place.stoker("stop", "brief").ok()
        row = place.instance("brief")
        assert (row["state"], row["next_state"], row["pid"]) == ("disabled", None, None)
        place.stoker("start", "--no-wait", "brief").ok()
        place.until(lambda run=row["run"]: place.instance("brief")["run"] > run, "it runs again")
    place.stoker("stop", "brief").ok()
    assert place.instance("brief")["state"] == "disabled"


def test_kill_and_stop_together(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    place.up()
    for _ in range(5):
        pid = place.pid("web")
        killing = place.begin("signal", "KILL", "web")
        place.stoker("stop", "web").ok()
        killing.communicate()
        place.gone(pid)
        assert place.instance("web")["state"] == "disabled"
        place.stoker("start", "web").ok()
        assert place.pid("web") != pid
