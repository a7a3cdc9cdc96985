"""The kernel wakes the watchers: mounts and routes that change, in namespaces of the test's own;
and the clock being set (to what it says).
"""

from __future__ import annotations

import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stoker.linux import clock

MOUNTS = """
import select, subprocess, sys
from importlib import import_module
watcher = import_module("stoker.watchers.mounts").Mounts(sys.argv[1])
def woken():
    poll = select.poll()
    for fd, events in watcher.descriptors().items():
        poll.register(fd, events)
    ready = poll.poll(60_000)
    assert ready, "not woken"
    for fd, _ in ready:
        watcher.heard(fd)
assert watcher.look() == (False, f"{sys.argv[2]} is not mounted"), watcher.look()
for mounted in (True, False):
    command = ["mount", "-t", "tmpfs", "none"] if mounted else ["umount"]
    subprocess.run([*command, sys.argv[2]], check=True)
    woken()
    assert watcher.look().met is mounted
print("seen")
"""

ROUTES = """
import select, subprocess
from importlib import import_module
watcher = import_module("stoker.watchers.network").Network()
def woken():
    (fd,) = watcher.descriptors()
    assert select.select([fd], [], [], 60)[0], "not woken"
    watcher.heard(fd)
def ip(*words):
    subprocess.run(["ip", *words], check=True)
assert not watcher.look().met
ip("link", "set", "lo", "up")
woken()
assert not watcher.look().met
ip("route", "add", "default", "dev", "lo")
woken()
assert watcher.look() == (True, "the default route leads directly through lo"), watcher.look()
ip("route", "del", "default")
woken()
assert not watcher.look().met
print("seen")
"""


def apart(namespace: str, code: str, *words: str) -> str:
    """Run a program in a namespace of its own."""
    argv = ["unshare", namespace, sys.executable, "-c", code, *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if "unshare" in done.stderr and "Operation not permitted" in done.stderr:
        pytest.skip("no namespaces here")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_mount_wakes_the_watcher_of_mounts(tmp_path: Path) -> None:
    point = tmp_path / "point"
    point.mkdir()
    fstab = tmp_path / "fstab"
    fstab.write_text(f"none {point} tmpfs defaults 0 0\n")
    assert apart("--mount", MOUNTS, str(fstab), str(point)) == "seen"


def test_a_route_wakes_the_watcher_of_the_network() -> None:
    assert apart("--net", ROUTES) == "seen"


def test_setting_the_clock_wakes_the_watcher_of_time() -> None:
    changes = clock.ClockChanges()
    try:
        try:
            time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns())
        except PermissionError:
            pytest.skip("the clock may not be set here")
        assert select.select([changes.fd], [], [], 60)[0] == [changes.fd]
        assert changes.read()
        assert not changes.read()
    finally:
        changes.close()
