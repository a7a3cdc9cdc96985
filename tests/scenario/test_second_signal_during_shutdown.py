"""S25: a second TERM or INT while going down escalates; a TERM while coming up goes down."""

from __future__ import annotations

import os
import signal

import pytest

from stoker.testing import Scenario

STUBBORN = """
exec_start = ["/bin/sh", "-c", "trap '' TERM; touch {flag}; while :; do sleep 1000; done"]
shutdown_timeout = "10min"
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_kills(place: Scenario, number: signal.Signals) -> None:
    flag = place.base / "ready"
    place.toml("stubborn", STUBBORN.format(flag=flag))
    place.up()
    place.until(flag.exists, "TERM is ignored")
    pid, keeper = place.pid("stubborn"), place.keeper()
    os.kill(keeper, number)
    place.until(lambda: place.instance("stubborn")["stage"] == "kill", "it is being stopped")
    assert place.instance("stubborn")["pid"] == pid
    os.kill(keeper, number)
    place.gone(pid)
    place.gone(keeper)


def test_term_while_coming_up(place: Scenario) -> None:
    place.toml(
        "slow",
        """
        exec_start = ["sleep", "infinity"]
        start_timeout = "10min"
        [ready]
        file = "/nonexistent/never-there"
        """,
    )
    up = place.begin("up", str(place.directory))
    place.until(
        lambda: (
            (place.runtime / "control").exists()
            and place.stoker("ls", "--json").status == 0
            and place.instance("slow")["pid"]
        ),
        "it is starting",
    )
    pid = place.pid("slow")
    os.kill(up.pid, signal.SIGTERM)
    up.communicate(timeout=60)
    place.gone(pid)
    assert place.stoker("ls").status == 3
