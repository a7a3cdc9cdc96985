"""S19: a second `up` on the same place joins the first; a second keeper says who has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import stoker
from stoker.testing import Scenario


def test_up_twice_is_one_manager(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    place.up()
    keeper, pid = place.keeper(), place.pid("web")
    place.up()
    assert (place.keeper(), place.pid("web")) == (keeper, pid)


def test_many_ups_at_once_are_one_manager(place: Scenario) -> None:
    place.script("web", f"echo run >> {place.base}/runs; exec sleep infinity")
    ups = [place.begin("up", "-d", str(place.directory)) for _ in range(4)]
    for process in ups:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    assert place.instance("web")["state"] == "online"
    assert (place.base / "runs").read_text() == "run\n"


def test_a_second_keeper_names_the_first(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    place.up()
    program = Path(stoker.__file__).with_name("keeper.py")
    second = subprocess.run(
        [
            *(sys.executable, "-I", "-S", str(program), "--run", str(place.runtime)),
            *("--socket", str(place.base / "other"), "--log", str(place.base / "second.log")),
            *("--", "/bin/true", ";", "/bin/true"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 75
    assert str(place.keeper()) in second.stderr
    assert place.instance("web")["state"] == "online"
