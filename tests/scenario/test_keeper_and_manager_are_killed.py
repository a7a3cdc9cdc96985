"""Keeper and manager are killed together, so that nobody is left to follow them: services go on,
are recorded, and are taken over as who they are by the next `up`, which says what it found.
"""

from __future__ import annotations

import os
import signal

from storm import programs

from stoker.testing import Scenario


def test_the_next_up_takes_over(place: Scenario) -> None:
    place.script("count", "N=0; while :; do N=$((N + 1)); echo $N; sleep 0.02; done")
    place.toml("two", 'exec_start = "setsid sleep infinity & exec sleep infinity"\n')
    place.script("off", "exec sleep infinity")
    place.up()
    place.stoker("disable", "off").ok()
    before = place.pid("count"), place.pid("two")
    keeper, manager, recorder = place.keeper(), place.manager(), programs(place)["recorder"][0]
    os.kill(keeper, signal.SIGSTOP)  # so that it starts no other manager
    os.kill(manager, signal.SIGKILL)
    place.gone(manager)
    os.kill(keeper, signal.SIGKILL)
    place.gone(keeper)

    place.up()
    assert place.keeper() != keeper
    assert (place.pid("count"), place.pid("two")) == before
    rows = place.instances()
    assert {name: row["state"] for name, row in rows.items()} == {
        "count": "online", "two": "online", "off": "disabled"
    }  # fmt: skip
    assert "taking over 2 services that run already" in place.manager_log()
    assert "was found running" in str(place.stoker("status", "count", "--json").ok().json())

    os.kill(before[1], signal.SIGKILL)
    place.until(lambda: place.instance("two")["pid"] not in (None, before[1]), "two is back")
    place.down()
    for pid in (*before, recorder):
        place.gone(pid)
    said = [int(line) for line in place.stoker("logs", "--plain", "count").ok().out.split()]
    assert said == list(range(1, len(said) + 1))
