"""S21: a PID file that names a process which is not ours is never believed."""

from __future__ import annotations

import os
import subprocess

from stoker.testing import Scenario


def test_a_stranger_is_neither_main_nor_killed(place: Scenario) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        pidfile = place.file("daemon.pid", f"{stranger.pid}\n")
        place.toml(
            "daemon",
            f"""
            exec_start = ["/bin/sh", "-c", "sleep 600 & exit 0"]
            start_timeout = "1s"
            shutdown_timeout = "200ms"
            [ready]
            pidfile = "{pidfile}"
            [restart]
            limit = 0
            """,
        )
        place.up(status=1)
        place.wait_for("daemon", "maintenance")
        assert place.instance("daemon")["pid"] != stranger.pid
        place.stoker("stop", "daemon")
        place.down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_forking_daemon_is_followed(place: Scenario) -> None:
    pidfile = place.base / "daemon.pid"
    program = place.file(
        "fork.sh",
        f"rm -f {pidfile}\nsleep infinity &\necho $! > {pidfile}.new\nmv {pidfile}.new {pidfile}\n",
    )
    place.toml(
        "daemon",
        f"""
        exec_start = ["/bin/sh", "{program}"]
        shutdown_timeout = "200ms"
        [ready]
        pidfile = "{pidfile}"
        """,
    )
    place.up()
    pid = place.pid("daemon")
    assert pid == int(pidfile.read_text())
    os.kill(pid, 9)
    place.until(lambda: place.instance("daemon")["pid"] not in (pid, None), "it is recovered")
    place.wait_for("daemon", "online")
