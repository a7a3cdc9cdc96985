"""A keeper that is killed while its manager still begins, at any point of that, has a successor:
that very manager. So it is with the first of a place, and with one that takes services over.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from stoker.testing import Scenario


def also(*points: str) -> list[Any]:
    return [pytest.param(point, marks=pytest.mark.long) for point in points]


REST = also("gathered", "append", "adopted", "pipe", "spawn")
FIRST = ("imported", "greeted", "put-state", "put", *REST)
LATER = ("imported", "greeted", "gathered", *also("append", "adopted"))


def begun(place: Scenario) -> None:
    """All is up, under a keeper that lives."""

    def up() -> bool:
        return place.stoker("up", "-d", str(place.directory)).status == 0

    place.until(up, "all is up")


def survives(place: Scenario) -> None:
    """The keeper, which is a manager of before, restarts what ends, and takes the place down."""
    pid = place.pid("web")
    os.kill(pid, signal.SIGKILL)
    place.until(lambda: place.instance("web")["pid"] not in (None, pid), "web is back")
    place.wait_for("web", "online")
    assert "said by web" in place.stoker("logs", "web").ok().out
    place.down()


@pytest.mark.parametrize("point", FIRST)
def test_the_first_manager_becomes_the_keeper(point: str, tmp_path: Path) -> None:
    once = tmp_path / "once"
    once.touch()
    with Scenario(environment={"STOKER_FAULT": f"^{point}:1:{once}"}) as place:
        place.script("web", "echo said by web; exec sleep infinity")
        begun(place)
        assert not once.exists()
        place.wait_for("web", "online")
        assert place.manager_log().count("becoming the keeper") == 1
        survives(place)


@pytest.mark.parametrize("point", LATER)
def test_a_later_one_too_and_has_what_it_took_over(point: str, tmp_path: Path) -> None:
    once = tmp_path / "once"
    with Scenario(environment={"STOKER_FAULT": f"^{point}:1:{once}"}) as place:
        place.script("web", "echo said by web; exec sleep infinity")
        place.script("off", "exec sleep infinity")
        begun(place)
        place.stoker("stop", "off").ok()
        pid, keeper = place.pid("web"), place.keeper()
        once.touch()
        os.kill(place.manager(), signal.SIGKILL)
        place.gone(keeper)
        place.until(lambda: place.keeper() not in (0, keeper), "another keeper")
        place.wait_for("web", "online")
        assert (place.pid("web"), place.instance("web")["run"]) == (pid, 1)
        assert place.instance("off")["pid"] is None  # as the records alone say
        survives(place)


def test_one_that_waits_for_choices_becomes_the_keeper(tmp_path: Path) -> None:
    once = tmp_path / "once"
    with Scenario(environment={"STOKER_FAULT": f"^waiting:1:{once}"}) as place:
        place.script("web", "echo said by web; exec sleep infinity")
        place.script("off", "exec sleep infinity")
        begun(place)
        place.stoker("disable", "off").ok()
        place.down()
        once.touch()
        begun(place)
        assert not once.exists()
        place.wait_for("web", "online")
        assert place.instance("off")["state"] == "disabled"
        survives(place)
