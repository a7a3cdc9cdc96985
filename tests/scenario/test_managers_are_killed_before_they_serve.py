"""Managers are killed one after the other, none of them comes to serve: once one does, what an
administrator had decided before holds.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from storm import programs

from stoker.testing import Scenario

MANY = 6
"""More than the deaths after which a keeper says that the state may be what they come from."""


def test_what_was_decided_holds(tmp_path: Path) -> None:
    once = tmp_path / "once"
    with Scenario(environment={"STOKER_FAULT": f"adopted:1:{once}"}) as place:
        place.script("web", "exec sleep infinity")
        place.script("idle", "exec sleep infinity")
        place.up()
        place.stoker("stop", "idle").ok()
        pid = place.pid("web")

        def killed() -> bool:
            """Another one is to die: it does when it has taken the services over."""
            once.touch()
            manager, state, _generation = programs(place)["manager"]
            if state == "ready":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(manager, signal.SIGKILL)
            text = (place.runtime / "keeper").read_text()
            line = next(line for line in text.splitlines() if line.startswith("manager "))
            return int(line.rpartition(" ")[2]) >= MANY

        place.until(killed, "so many died")
        once.unlink(missing_ok=True)
        assert place.instance("idle")["state"] == "disabled"
        assert place.pid("web") == pid
        place.down()
