"""`logs -f` and `events -f`: what happens is shown as it happens, and gone on with later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from typing import Any

from stoker.testing import Scenario

PATIENCE = 60.0


class Reader:
    """Collects what a command prints, as it prints it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def interrupt(self) -> int:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(PATIENCE)
        self.thread.join(PATIENCE)
        return status


def says(name: str) -> str:
    return f"n=0; while :; do n=$((n+1)); echo {name} $n; sleep 0.05; done"


def test_lines_of_several_come_with_their_names_until_ctrl_c(place: Scenario) -> None:
    for name in ("web", "db", "other"):
        place.script(name, says(name))
    place.up()
    reader = Reader(place.begin("logs", "-f", "web", "db"))
    place.until(lambda: len(reader.lines) > 40, "lines")
    # One that ends and comes back is followed on.
    before = len(reader.lines)
    place.stoker("restart", "web").ok()
    place.until(lambda: any(one.endswith(" web 1") for one in reader.lines[before:]), "its new run")
    assert reader.interrupt() == 0
    words = [line.split() for line in reader.lines]
    assert {(word[1], word[3]) for word in words if word[2] == "|"} == {
        ("web", "web"),
        ("db", "db"),
    }
    times = [word[0] for word in words]
    assert all(len(time) == len("12:34:56.789") for time in times)
    numbers = [int(word[4]) for word in words if word[1] == "db" and word[2] == "|"]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_events_go_on_after_a_cursor(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    place.up()
    reader = Reader(place.begin("events", "-f", "--json", "web"))

    def told(state: str) -> Any:
        found = [json.loads(line) for line in reader.lines]
        return next((one for one in found if one["data"].get("to") == state), None)

    # It follows from now on: what is done before it listens is not shown.
    def stopped() -> Any:
        place.stoker("restart", "web").ok()
        return told("online")

    first = place.until(stopped, "a change that was followed")
    assert reader.interrupt() == 0
    place.stoker("stop", "web").ok()
    later = place.stoker("events", "--json", "--cursor", str(first["cursor"]), "web").ok().out
    found = [json.loads(line) for line in later.splitlines()]
    assert found[0]["cursor"] > first["cursor"]
    assert all(one["kind"] != "gap" for one in found)
    assert any(one["data"].get("to") == "disabled" for one in found)


def test_services_have_the_environment_of_the_last_up(place: Scenario) -> None:
    place.script("web", "echo greeting: $GREETING.; exec sleep infinity")

    def greeted(word: str) -> None:
        text = f"greeting: {word}."
        place.until(lambda: place.stoker("logs", "-n", "1", "web").out.endswith(text + "\n"), text)

    place.environment["GREETING"] = "one"
    place.up()
    greeted("one")
    place.environment["GREETING"] = "two"
    os.kill(place.manager(), signal.SIGKILL)
    place.stoker("restart", "web").ok()
    place.until(lambda: place.stoker("logs", "web").out.count("greeting: one.") == 2, "as before")
    place.up()
    place.stoker("restart", "web").ok()
    greeted("two")
