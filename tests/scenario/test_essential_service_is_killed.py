"""S26: the end of an essential service is the end of everything, with its status: 128 + n for a
signal.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from stoker.testing import Scenario

WEB = """
exec_start = "{command}"
essential = true
[restart]
when = "never"
"""


@pytest.mark.parametrize(
    ("command", "status"),
    [("kill -KILL $$", 137), ("kill -SEGV $$", 139), ("exit 3", 3)],
)
def test_the_status_of_up_is_its(place: Scenario, command: str, status: int) -> None:
    place.toml("web", WEB.format(command="sleep 0.3; " + command))
    place.script("other", "exec sleep infinity")
    up = place.begin("up", str(place.directory))
    out, err = up.communicate(timeout=60)
    assert up.returncode == status, (out, err, place.manager_log())


def may_unshare() -> bool:
    words = ["unshare", "--pid", "--fork", "--mount-proc", "true"]
    return os.geteuid() == 0 and subprocess.run(words, capture_output=True).returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="a pid namespace may not be made here")
def test_as_pid_1(place: Scenario) -> None:
    orphan = "(setsid sleep 0.1 &); "
    place.toml("web", WEB.format(command=orphan + "sleep 0.5; kill -KILL $$"))
    command = place.command("up", str(place.directory))
    ended = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *command],
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert ended.returncode == 137, (ended, place.manager_log())
