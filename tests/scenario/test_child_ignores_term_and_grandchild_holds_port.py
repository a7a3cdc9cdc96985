"""S1: the child ignores TERM, and a grandchild in its own session and group holds the port."""

from __future__ import annotations

import socket
import sys

from stoker.testing import Scenario

GRANDCHILD = """
import os, signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
open(sys.argv[2], "w").write(str(os.getpid()))
signal.pause()
"""

PARENT = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, *sys.argv[1:]], start_new_session=True)
while True:
    signal.pause()
"""


def test_stop_frees_the_port(place: Scenario) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    grandchild = place.file("grandchild.py", GRANDCHILD)
    parent = place.file("parent.py", PARENT)
    pidfile = place.base / "grandchild.pid"
    place.toml(
        "holder",
        f"""
        exec_start = ["{sys.executable}", "{parent}", "{grandchild}", "{port}", "{pidfile}"]
        shutdown_timeout = "300ms"
        """,
    )
    place.up()
    pid = int(place.until(lambda: pidfile.exists() and pidfile.read_text(), "the port is held"))
    main = place.pid("holder")
    place.stoker("stop", "holder").ok()
    place.gone(pid)
    place.gone(main)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_down_leaves_no_grandchild(place: Scenario) -> None:
    grandchild = place.file("grandchild.py", GRANDCHILD)
    parent = place.file("parent.py", PARENT)
    pidfile = place.base / "grandchild.pid"
    place.toml(
        "holder",
        f"""
        exec_start = ["{sys.executable}", "{parent}", "{grandchild}", "0", "{pidfile}"]
        shutdown_timeout = "300ms"
        """,
    )
    place.up()
    pid = int(place.until(lambda: pidfile.exists() and pidfile.read_text(), "the grandchild runs"))
    place.down()
    place.gone(pid)
