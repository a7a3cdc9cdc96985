"""The real logind puts the machine to sleep, as far as it knows: on a bus of the test's own, with a
stand-in for systemd, and files of its own in place of /run and of what says that there is sleep.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stoker.testing import Scenario

pytest.importorskip("jeepney", reason="jeepney (the extra dbus) is not installed")

from private_bus import Program, bus

LOGIND = "/lib/systemd/systemd-logind"
APART = f"""
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/seats /run/systemd/sessions /run/systemd/users /run/systemd/inhibit /run/user
mount -t tmpfs none /sys/power
echo freeze mem > /sys/power/state
echo '[s2idle] deep' > /sys/power/mem_sleep
exec {LOGIND}
"""


def call(address: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Call a method of logind, or ask for a property."""
    whom = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    argv = ["busctl", f"--address={address}", words[0], *whom, *words[1:]]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def logind(address: str, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", APART],
            env={"DBUS_SYSTEM_BUS_ADDRESS": address, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def systemd(address: str) -> Iterator[Program]:
    found = Program(sys.executable, str(Path(__file__).with_name("systemd1.py")), address)
    try:
        assert found.line() == "ready"
        yield found
    finally:
        found.end()


def test_services_stop_before_logind_lets_the_machine_sleep_and_are_back_after(
    place: Scenario, packages: Callable[..., None]
) -> None:
    packages("dbus-daemon", "systemd")
    log = place.base / "logind.log"
    with bus(place.base) as address, systemd(address) as systemd1, logind(address, log):
        there = ("get-property", "PreparingForSleep")
        place.until(
            lambda: call(address, *there).returncode == 0 or "mount:" in log.read_text(), "logind"
        )
        if "mount:" in log.read_text():
            pytest.skip(f"nothing may be mounted here: {log.read_text()}")
        place.environment["DBUS_SYSTEM_BUS_ADDRESS"] = address
        (place.directory / ".stoker.toml").write_text('watchers = ["active"]\n')
        gone, begun = place.base / "gone", place.base / "begun"
        ending = f"trap 'sleep 0.3; echo x > {gone}; exit 0' TERM"
        place.script("slow", f"{ending}\necho x > {begun}\nsleep infinity & wait")
        place.up()
        assert '"stoker"' in call(address, "call", "ListInhibitors").stdout
        for _ in range(2):
            place.until(begun.exists, "slow waits for its end")
            begun.unlink()
            gone.unlink(missing_ok=True)
            asked = call(address, "call", "Suspend", "b", "false")
            assert asked.returncode == 0, asked.stderr + log.read_text()
            assert systemd1.line() == "asleep"
            assert gone.exists()
            assert place.instance("slow")["state"] == "offline"
            systemd1.tell("wake")
            place.wait_for("slow", "online")
            place.until(
                lambda: '"stoker"' in call(address, "call", "ListInhibitors").stdout, "a new lock"
            )
