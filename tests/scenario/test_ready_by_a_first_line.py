"""A service that says at once in its output that it is ready is heard, however soon it says so."""

from __future__ import annotations

from stoker.testing import Scenario


def test_the_first_line_of_the_first_run_is_heard(place: Scenario) -> None:
    for number in range(10):
        place.toml(
            f"s{number}",
            'exec_start = ["sh", "-c", "echo ready; exec sleep infinity"]\n'
            'start_timeout = "never"\n[ready]\nlog = "^ready$"\n',
        )
    place.up()
    assert [row["restarts"] for row in place.instances().values()] == [0] * 10
    place.stoker("restart", "*").ok()
    assert {row["state"] for row in place.instances().values()} == {"online"}
