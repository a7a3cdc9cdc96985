"""Who starts a place with NOTIFY_SOCKET is told how it is, and which process is the main one."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.testing import Scenario


class Parent:
    """The init's side of sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(60)

    def until(self, line: str) -> list[str]:
        """The message with that line; others are passed over. Raises TimeoutError."""
        while True:
            lines = self.socket.recv(65536).decode().split("\n")
            if line in lines:
                return lines


@pytest.fixture
def told() -> Iterator[tuple[Scenario, Parent]]:
    with Scenario() as place:
        path = place.base / "notify"
        parent = Parent(path)
        place.environment["NOTIFY_SOCKET"] = str(path)
        yield place, parent
        parent.socket.close()


def test_ready_reloading_stopping(told: tuple[Scenario, Parent]) -> None:
    place, parent = told
    place.script("web", f'echo "${{NOTIFY_SOCKET-none}}" >{place.base}/seen; exec sleep infinity')
    place.up()
    assert f"MAINPID={place.keeper()}" in parent.until("READY=1")
    seen = place.base / "seen"
    place.until(lambda: seen.exists() and seen.read_text() == "none\n", "no NOTIFY_SOCKET")
    place.stoker("stop", "web").ok()
    parent.until("STATUS=1 disabled")

    place.stoker("reload").ok()
    parent.until("RELOADING=1")
    assert f"MAINPID={place.keeper()}" in parent.until("READY=1")

    place.stoker("down", "--dry-run").ok()
    place.down()
    assert "STATUS=going down" in parent.until("STOPPING=1")


def test_a_keeper_that_is_killed_is_succeeded_and_that_is_told(
    told: tuple[Scenario, Parent],
) -> None:
    """What a restart of the unit does: the keeper is killed, `up` finds the place as it was."""
    place, parent = told
    place.script("web", "exec sleep infinity")
    place.up()
    parent.until("READY=1")
    web, keeper, manager = place.pid("web"), place.keeper(), place.manager()
    os.kill(keeper, signal.SIGKILL)
    place.gone(keeper)
    assert f"MAINPID={manager}" in parent.until("READY=1")
    place.up()
    parent.until("RELOADING=1")
    assert f"MAINPID={manager}" in parent.until("READY=1")
    assert place.pid("web") == web
    assert place.keeper() == manager
