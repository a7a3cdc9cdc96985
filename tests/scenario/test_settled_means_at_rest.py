"""`up -d` is back when what failed is at rest: not while what it left is still being ended."""

from __future__ import annotations

from stoker.testing import Scenario


def test_a_failed_preparation_is_waited_for_until_nothing_of_it_is_left(place: Scenario) -> None:
    left = place.base / "left.pid"
    place.toml(
        "late",
        f"""
        exec_start_pre = ["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo $! >{left}; exit 1"]
        exec_start = ["sleep", "infinity"]
        shutdown_timeout = "500ms"
        [restart]
        limit = 0
        """,
    )
    place.script("sound", "exec sleep infinity")
    place.up(status=1)
    late = place.instance("late")
    assert (late["state"], late["stage"]) == ("maintenance", "idle")
    assert place.instance("sound")["state"] == "online"
    place.gone(int(left.read_text()))


def test_start_is_back_when_what_failed_is_at_rest(place: Scenario) -> None:
    left = place.base / "left.pid"
    place.toml(
        "late",
        f"""
        enabled = false
        exec_start_pre = ["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo $! >{left}; exit 1"]
        exec_start = ["sleep", "infinity"]
        shutdown_timeout = "500ms"
        [restart]
        limit = 0
        """,
    )
    place.up()
    assert place.stoker("start", "late").status == 1
    late = place.instance("late")
    assert (late["state"], late["stage"]) == ("maintenance", "idle")
    place.gone(int(left.read_text()))
