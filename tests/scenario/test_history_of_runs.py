"""The history knows of every run when it ended and how, whatever the run leaves behind."""

from __future__ import annotations

import os
import signal
from typing import Any

from stoker.testing import Scenario


def runs(place: Scenario, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = place.stoker("history", "--json", name).ok().json()["runs"]
    return found


def test_each_kind_of_run_ends(place: Scenario) -> None:
    place.toml("whole", 'model = "transient"\nexec_start = ["true"]\n')
    place.toml("failed", 'model = "transient"\nexec_start = ["false"]\n[restart]\nwhen = "never"\n')
    daemon = ["sh", "-c", "sleep infinity & "]
    place.toml("daemon", f'model = "contract"\nexec_start = {daemon}\n')
    place.toml("plain", 'exec_start = ["sleep", "infinity"]\n')
    place.stoker("up", "-d", place.directory)
    place.wait_for("daemon", "online")
    place.until(lambda: (one := runs(place, "whole")) and one[0]["ended"], "what did its work")
    place.until(lambda: (one := runs(place, "failed")) and one[0]["ended"], "what failed")
    assert runs(place, "whole")[0]["status"] == 0
    assert runs(place, "failed")[0]["status"] == 1
    for name in ("daemon", "plain"):
        assert [one["ended"] for one in runs(place, name)] == [None]
    place.stoker("restart", "*")
    for name, status in (("whole", 0), ("daemon", None), ("plain", -15)):
        place.until(lambda name=name: len(runs(place, name)) == 2, f"the second run of {name}")
        place.until(lambda name=name: runs(place, name)[0]["ended"], f"the first of {name} over")
        first = runs(place, name)[0]
        assert first["begun"] <= first["ended"]
        assert first["status"] == status


def test_what_outlives_its_manager_ends_too(place: Scenario) -> None:
    daemon = ["sh", "-c", "sleep infinity & "]
    place.toml("daemon", f'model = "contract"\nexec_start = {daemon}\n')
    place.toml("plain", 'exec_start = ["sleep", "infinity"]\n')
    place.stoker("up", "-d", place.directory)
    for name in ("daemon", "plain"):
        place.wait_for(name, "online")
    old = place.manager()
    os.kill(old, signal.SIGKILL)
    place.until(lambda: place.manager() != old, "another manager")
    for name in ("daemon", "plain"):
        place.wait_for(name, "online")
    place.stoker("restart", "*").ok()
    for name, status in (("daemon", None), ("plain", -15)):
        place.until(lambda name=name: len(runs(place, name)) == 2, f"the second run of {name}")
        place.until(lambda name=name: runs(place, name)[0]["ended"], f"the first of {name} over")
        assert runs(place, name)[0]["status"] == status
        assert runs(place, name)[1]["ended"] is None


def test_a_command_that_ended_while_nobody_looked_has_ended(place: Scenario) -> None:
    place.toml("job", 'model = "transient"\nexec_start = ["sleep", "infinity"]\n')
    place.stoker("up", "-d", "--no-wait", place.directory)
    place.until(lambda: runs(place, "job") and runs(place, "job")[0]["pid"], "its command")
    manager, command = place.manager(), runs(place, "job")[0]["pid"]
    os.kill(manager, signal.SIGSTOP)
    os.kill(command, signal.SIGKILL)
    os.kill(manager, signal.SIGKILL)
    place.until(lambda: runs(place, "job")[0]["ended"], "the end of what nobody saw")
    assert runs(place, "job")[0]["status"] == -signal.SIGKILL
