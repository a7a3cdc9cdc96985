"""A manager that dies at any instruction loses nothing and doubles nothing.

It is killed at each point at which something has been done and the next thing not yet: while
services start, crash, are refreshed, stopped and reloaded. Afterwards each has exactly one main
process, bystanders have the one they had, and every command was carried out.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from stoker.testing import Scenario

POINTS = (
    "ack",
    "append",
    "append-exit",
    "carry",
    "history",
    "kill",
    "mkdir",
    "peek",
    "pipe",
    "publish",
    "put",
    "put-state",
    "reap",
    "release",
    "save",
    "signal",
    "spawn",
)
COUNTS = (1, pytest.param(4, marks=pytest.mark.long))


def alive(pid: int) -> bool:
    """A zombie does not live."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


def mains(place: Scenario, name: str) -> list[int]:
    """Live session leaders that run that service's program (what it forks leads none)."""
    word = f"{place.directory}/{name}.word".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            leads = os.getsid(int(entry.name)) == int(entry.name)
        except OSError:  # it has ended meanwhile
            continue
        if word in words and leads and alive(int(entry.name)):
            found.append(int(entry.name))
    return found


def ask(place: Scenario, *words: str) -> None:
    """A command, asked again if the manager died before it acknowledged it."""

    def done() -> bool:
        result = place.stoker(*words)
        if result.status == 3:
            return False
        result.ok()
        return True

    place.until(done, " ".join(words))


def define(place: Scenario, name: str, more: str = "") -> None:
    word = f"{place.directory}/{name}.word"
    program = "trap 'exit 0' TERM; while :; do sleep 0.2; done"
    text = f'exec_start = ["/bin/sh", "-c", "{program}", "{word}"]\n{more}'
    place.toml(name, text)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled(point: str, count: int, tmp_path: Path) -> None:
    once = tmp_path / "once"
    once.touch()
    with Scenario(environment={"STOKER_FAULT": f"{point}:{count}:{once}"}) as place:
        for name in ("one", "two", "three"):
            define(place, name)
        define(place, "four", '[[dependency]]\ntargets = ["one"]\nrestart_on = "restart"\n')
        ask(place, "up", "-d", str(place.directory))
        bystander = place.pid("two")

        crashed = place.pid("one")
        os.kill(crashed, signal.SIGKILL)
        place.until(lambda: place.instance("one")["pid"] not in (None, crashed), "one is back")
        ask(place, "restart", "three")
        ask(place, "disable", "three")
        ask(place, "enable", "three")
        define(place, "three", 'description = "changed"\nenvironment = { A = "1" }\n')
        ask(place, "reload")

        for name in ("one", "two", "three", "four"):
            place.wait_for(name, "online")
            assert mains(place, name) == [place.pid(name)], name
        assert place.pid("two") == bystander
        ask(place, "stop", "four")
        assert mains(place, "four") == []
        ask(place, "down")
        for name in ("one", "two", "three", "four"):
            assert mains(place, name) == []
