"""`stoker up` on a terminal: progress, states and output; Ctrl-C stops all, or only detaches."""

from __future__ import annotations

import os
import signal

from terminal import CTRL_C, PATIENCE, terminal

from stoker.testing import Scenario


def test_ctrl_c_stops_all(place: Scenario) -> None:
    place.script("web", "echo a line of output; exec sleep infinity")
    with terminal(place, "up", str(place.directory)) as up:
        up.expect("1 service is up")
        up.expect("a line of output")
        pid = place.pid("web")
        assert place.keeper() == up.process.pid
        up.press(CTRL_C)
        up.expect("all is down")
        assert up.status() == 0
        place.gone(pid)


def test_the_second_ctrl_c_does_not_wait(place: Scenario) -> None:
    place.toml(
        "stubborn",
        """
        exec_start = ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1000; done"]
        shutdown_timeout = "10min"
        """,
    )
    with terminal(place, "up", str(place.directory)) as up:
        up.expect("deaf")
        up.expect("following")
        pid = place.pid("stubborn")
        up.press(CTRL_C)
        up.expect("waiting for stubborn")
        up.expect("TERM sent")
        up.press(CTRL_C)
        up.expect("killing what is left")
        up.expect("all is down")
        assert up.status() == 0
        place.gone(pid)


def test_ctrl_c_of_a_second_up_only_detaches(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    place.up()
    pid = place.pid("web")
    with terminal(place, "up", str(place.directory)) as up:
        up.expect("is up already")
        up.expect("following")
        up.press(CTRL_C)
        up.expect("detached")
        assert up.status() == 0
    assert place.pid("web") == pid


def test_what_happens_is_shown(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    with terminal(place, "up", str(place.directory)) as up:
        up.expect("following")
        place.stoker("stop", "--reason", "disk swap", "web").ok()
        up.expect("disk swap")
        place.toml("late", 'exec_start = ["sleep", "infinity"]\n')
        place.stoker("reload").ok()
        up.expect("late")
        up.press(CTRL_C)
        up.expect("all is down")
        assert up.status() == 0


def test_without_a_terminal_the_lines_are_plain(place: Scenario) -> None:
    place.script("web", "echo a line of output; exec sleep infinity")
    up = place.begin("up", str(place.directory))
    place.until(lambda: (place.runtime / "control").exists(), "it is up")
    place.stoker("wait", "--for", "online", "--timeout", "60s", "web").ok()
    place.down()
    out, err = up.communicate(timeout=PATIENCE)
    assert up.returncode == 0, out + err
    assert "\x1b" not in out
    assert "all is down" in out


def test_down_says_what_it_waits_for(place: Scenario) -> None:
    place.toml(
        "stubborn",
        """
        exec_start = ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1000; done"]
        shutdown_timeout = "10min"
        """,
    )
    place.up()
    place.until(lambda: "deaf" in place.stoker("logs", "stubborn").out, "TERM is ignored")
    pid = place.pid("stubborn")
    with terminal(place, "down") as down:
        down.expect("waiting for stubborn")
        down.expect(str(pid))
        down.expect("TERM sent")
        down.press(CTRL_C)
        down.expect("press again")
        assert place.instance("stubborn")["pid"] == pid
        down.press(CTRL_C)
        down.expect("all is down")
        assert down.status() == 0
    place.gone(pid)


def test_a_manager_that_dies_is_a_line(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    with terminal(place, "up", str(place.directory)) as up:
        up.expect("following")
        pid = place.pid("web")
        os.kill(place.manager(), signal.SIGKILL)
        up.expect("the manager came back after")
        place.stoker("stop", "--reason", "disk swap", "web").ok()
        up.expect("disk swap")
        assert "missing" not in up.seen
        up.press(CTRL_C)
        up.expect("all is down")
        assert up.status() == 0
    place.gone(pid)


NEVER = 'exec_start = ["sleep", "infinity"]\n[ready]\nfd = 3\n'
"""It never says that it is ready."""


def test_when_the_time_is_over_all_is_stopped_and_the_status_says_so(place: Scenario) -> None:
    place.toml("slow", NEVER + 'timeout = "10min"\n')
    up = place.begin("up", "--timeout", "2s", str(place.directory))
    out, err = up.communicate(timeout=PATIENCE)
    assert up.returncode == 5, out + err
    assert "slow: offline" in out
    assert "all is down" in out
    place.stoker("ls").ended(3)


def test_when_the_time_is_over_a_second_up_detaches(place: Scenario) -> None:
    place.toml("slow", NEVER + 'timeout = "10min"\n')
    place.stoker("up", "-d", "--timeout", "100ms", str(place.directory)).ended(5)
    pid = place.pid("slow")
    up = place.begin("up", "--timeout", "1s", str(place.directory))
    out, err = up.communicate(timeout=PATIENCE)
    assert up.returncode == 5, out + err
    assert "detached" in err
    assert place.pid("slow") == pid


def test_without_waiting_the_number_of_the_settling_is_printed(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    number = place.stoker("up", "--no-wait", str(place.directory)).ok().out.strip()
    assert number.isdigit()
    place.wait_for("web", "online")
    assert place.stoker("up", "--no-wait", "--json").ok().json()["operation"]["number"] > int(
        number
    )
