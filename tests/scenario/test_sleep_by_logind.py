"""logind puts the machine to sleep: everything is stopped before its lock is given up, and comes
back after. On a private bus, with a stand-in for logind that this test owns.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_bus import Program, bus

from stoker.testing import Scenario

pytest.importorskip("jeepney", reason="jeepney (the extra dbus) is not installed")
if shutil.which("dbus-daemon") is None:
    pytest.skip("there is no dbus-daemon", allow_module_level=True)

SLEEP = 'exec_start = ["sleep", "infinity"]\n'
SETTINGS = 'watchers = ["TIME", "MOUNTS", "NETWORK", "active"]\n'


@contextlib.contextmanager
def logind(address: str) -> Iterator[Program]:
    found = Program(sys.executable, str(Path(__file__).with_name("login1.py")), address)
    try:
        assert found.line() == "ready"
        yield found
    finally:
        found.end()


def test_every_service_stops_before_the_machine_sleeps_and_is_back_after(place: Scenario) -> None:
    with bus(place.base) as address, logind(address) as login1:
        place.environment["DBUS_SYSTEM_BUS_ADDRESS"] = address
        (place.directory / ".stoker.toml").write_text(SETTINGS)
        # It takes its time: the lock must be held for as long.
        gone, begun = place.base / "gone", place.base / "begun"
        ending = f"trap 'sleep 0.3; echo x > {gone}; exit 0' TERM"
        place.script("slow", f"{ending}\necho x > {begun}\nsleep infinity & wait")
        place.toml("plain", SLEEP)
        place.up()
        assert login1.line() == "lock"
        before = place.pid("stoker/sleep")

        for _ in range(2):
            place.until(begun.exists, "slow waits for its end")
            begun.unlink()
            gone.unlink(missing_ok=True)
            login1.tell("sleep")
            assert login1.line() == "unlock"
            assert gone.exists()
            rows = place.instances()
            assert {rows[name]["state"] for name in ("slow", "plain")} == {"offline"}
            assert "put to sleep by stoker/sleep" in rows["plain"]["note"]
            login1.tell("wake")
            assert login1.line() == "lock"
            place.wait_for("slow", "online")
            place.wait_for("plain", "online")
        assert place.pid("stoker/sleep") == before

        # Another logind is given another lock, and a manager that is new hears it all again.
        login1.end()
        with logind(address) as second:
            assert second.line() == "lock"
            second.tell("sleep")
            assert second.line() == "unlock"
            place.wait_for("plain", "offline")
            second.tell("wake")
            assert second.line() == "lock"
            place.wait_for("plain", "online")


def test_a_sleep_that_a_person_ordered_outlasts_that_of_logind(place: Scenario) -> None:
    with bus(place.base) as address, logind(address) as login1:
        place.environment["DBUS_SYSTEM_BUS_ADDRESS"] = address
        (place.directory / ".stoker.toml").write_text(SETTINGS)
        place.toml("plain", SLEEP)
        place.up()
        assert login1.line() == "lock"
        place.stoker("system", "sleep").ok()
        login1.tell("sleep")
        assert login1.line() == "unlock"
        login1.tell("wake")
        assert login1.line() == "lock"

        def awake() -> bool:
            row = place.stoker("system", "--json").ok().json()["inputs"][0]
            return bool(row["watcher_says"])

        place.until(awake, "logind's wake is heard")
        assert place.instance("plain")["state"] == "offline"
        place.stoker("system", "wake").ok()
        place.wait_for("plain", "online")


def test_without_a_bus_the_watcher_says_so_and_services_run(place: Scenario) -> None:
    place.environment["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={place.base}/nothing"
    (place.directory / ".stoker.toml").write_text(SETTINGS)
    place.toml("plain", SLEEP)
    place.up(status=1)
    place.wait_for("plain", "online")
    place.until(
        lambda: "sleep cannot be watched" in place.stoker("logs", "stoker/sleep").out, "it is said"
    )
