"""The spawner as an interface: ours, and the one that drives start-stop-daemon."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from stoker.process import Command, Spawner, SpawnError, spawner_named
from stoker.process.starters import SPAWNERS, StartStopDaemon


class Inner:
    """Starts nothing, and keeps what it was asked to start."""

    def __init__(self) -> None:
        self.asked: list[Command] = []

    def start_many(self, commands: Sequence[Command]) -> list[int | SpawnError]:
        self.asked += commands
        return [100 + n for n in range(len(commands))]


def test_ours_is_ours() -> None:
    inner = Inner()
    assert spawner_named("own", inner) is inner
    assert spawner_named("no such", inner) is None


def test_the_settings_know_all_spawners_and_no_others() -> None:
    from stoker.formats import schema

    assert schema("settings")["properties"]["spawner"]["enum"] == list(SPAWNERS)


def test_start_stop_daemon_becomes_the_service(tmp_path: Path) -> None:
    inner = Inner()
    spawner: Spawner = StartStopDaemon(inner, "/sbin/start-stop-daemon")
    given = Command(
        ("sh", "-c", "exit 3", "--", "a b"),
        {"PATH": "/no/such:/bin:/usr/bin", "A": "1"},
        cwd="/usr",
        umask=0o27,
        cgroup="/sys/fs/cgroup/x",
    )
    assert spawner.start_many([given]) == [100]
    (asked,) = inner.asked
    words = list(asked.argv)
    at = words.index("--")
    assert words[0] == "/sbin/start-stop-daemon"
    assert words[at + 1 :] == ["-c", "exit 3", "--", "a b"]
    pairs = words[words.index("--pidfile") : at]
    options = dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert options["--startas"] in ("/bin/sh", "/usr/bin/sh")
    assert (options["--chdir"], options["--umask"]) == ("/usr", "0027")
    assert not os.path.exists(options["--pidfile"])
    # All that makes the contract and the surroundings is ours, and unchanged.
    same = (asked.env, asked.cgroup, asked.descriptors, asked.uid, asked.rlimits)
    assert same == (given.env, given.cgroup, given.descriptors, given.uid, given.rlimits)


def test_what_is_not_there_is_refused_as_ours_refuses_it_and_the_others_start() -> None:
    inner = Inner()
    spawner = StartStopDaemon(inner, "/sbin/start-stop-daemon")
    good = Command(("/bin/sh",), {})
    answers = spawner.start_many([good, Command(("/no/such",), {}), good])
    assert (answers[0], answers[2]) == (100, 101)
    assert isinstance(answers[1], SpawnError)
    assert (answers[1].step, answers[1].filename) == ("exec", "/no/such")
    assert len(inner.asked) == 2


@pytest.mark.skipif(
    not any(os.access(f"{d}/start-stop-daemon", os.X_OK) for d in ("/usr/sbin", "/sbin")),
    reason="there is no start-stop-daemon",
)
def test_where_it_is_installed_it_is_found() -> None:
    assert isinstance(spawner_named("start-stop-daemon", Inner()), StartStopDaemon)
