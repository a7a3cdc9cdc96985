"""A restarter that is a service: the one of the examples, with real processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from smf_host import DOCTYPE, Call

from stoker.client import Client
from stoker.errors import StokerError
from stoker.testing import Scenario

PROGRAM = Path(__file__).resolve().parents[2] / "examples/restarter/restarter.py"
RESTARTER = f"exec_start = ['{sys.executable}', '{PROGRAM}']\nready = {{ notify = true }}\n"
WORKER = 'restarter = "plain"\nexec_start = ["sleep", "1000"]\n'
MANIFEST = """<service_bundle type='manifest' name='t'>
<service name='site/theirs' type='service' version='1'>
<create_default_instance enabled='true'/>
<restarter><service_fmri value='svc:/plain:default'/></restarter>
<exec_method type='method' name='start' exec='/bin/sleep 1001' timeout_seconds='60'/>
</service></service_bundle>"""


def children(place: Scenario) -> list[int]:
    """The processes of the restarter that are not itself."""
    pid = place.pid("plain")
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in told]


@pytest.fixture
def plain(place: Scenario) -> Scenario:
    place.toml("plain", RESTARTER)
    place.toml("worker", WORKER)
    return place


def test_it_starts_and_stops_what_is_left_to_it(plain: Scenario, smf: Call) -> None:
    (plain.directory / "theirs.xml").write_text(DOCTYPE + MANIFEST)
    plain.toml("app", 'exec_start = ["sleep", "1000"]\n[[dependency]]\ntargets = ["worker"]\n')
    plain.up()
    assert {row["state"] for row in plain.instances().values()} == {"online"}
    assert len(children(plain)) == 2
    # It is the restarter's process, and not ours.
    assert plain.instance("worker")["pid"] is None
    status, out, _ = smf("svcs", "-l", "worker")
    assert status == 0
    assert "restarter    svc:/plain:default\n" in out
    assert smf("svcs", "-Ho", "inst,fmri", "-R", "plain:default")[1].split() == [
        *("default", "svc:/site/theirs:default"),
        *("default", "svc:/worker:default"),
    ]
    plain.stoker("stop", "worker").ok()
    assert plain.instance("worker")["state"] == "disabled"
    assert len(children(plain)) == 1
    plain.stoker("restart", "site/theirs").ok()
    assert plain.instance("site/theirs")["run"] == 2
    plain.stoker("start", "worker").ok()
    assert len(children(plain)) == 2

    # A program that is not there, and out of that again.
    plain.toml("worker", WORKER.replace("sleep", "/nonexistent/sleep"))
    plain.stoker("reload")
    plain.stoker("restart", "worker").ended(1)
    row = plain.wait_for("worker", "maintenance")
    assert row["reason"] == "method_failed"
    assert "cannot be started" in row["note"]
    plain.toml("worker", WORKER)
    plain.stoker("reload")
    plain.stoker("clear", "worker").ok()

    # What ends by itself is started again, by us.
    run = plain.instance("worker")["run"]
    plain.stoker("signal", "KILL", "worker").ok()
    plain.until(lambda: plain.instance("worker")["run"] > run)
    plain.wait_for("worker", "online")

    # First those that it runs, then the restarter.
    plain.stoker("stop", "plain").ok()
    states = {name: row["state"] for name, row in plain.instances().items()}
    assert (states["plain"], states["worker"], states["site/theirs"]) == (
        *("disabled", "offline", "offline"),
    )
    plain.stoker("start", "plain").ok()
    plain.wait_for("worker", "online")
    plain.down()


def test_a_restarter_that_dies(plain: Scenario) -> None:
    plain.up()
    (child,) = children(plain)
    restarter, run = plain.pid("plain"), plain.instance("worker")["run"]
    os.kill(restarter, signal.SIGKILL)
    plain.gone(child)  # with the contract of the restarter
    plain.until(lambda: plain.instance("worker")["run"] > run)
    plain.wait_for("worker", "online")
    assert plain.pid("plain") != restarter
    assert len(children(plain)) == 1


def test_a_manager_that_dies(plain: Scenario) -> None:
    plain.up()
    (child,) = children(plain)
    before = plain.instance("worker")
    old = plain.manager()
    os.kill(old, signal.SIGKILL)
    plain.until(lambda: plain.manager() != old, "another manager")
    assert plain.instance("worker") == before
    assert children(plain) == [child]
    # It hears of what is asked by the new one, and of what ended meanwhile.
    old = plain.manager()
    os.kill(old, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    plain.until(lambda: plain.manager() != old, "another manager")
    plain.until(lambda: plain.instance("worker")["run"] > before["run"])
    plain.wait_for("worker", "online")
    plain.stoker("stop", "worker").ok()
    assert children(plain) == []


def test_a_restarter_that_is_not_there(place: Scenario, smf: Call) -> None:
    place.toml("worker", WORKER)
    place.toml("self", WORKER.replace('"plain"', '"self"'))
    place.up(status=1)
    for name in ("worker", "self"):
        row = place.instance(name)
        assert (row["state"], row["reason"]) == ("maintenance", "invalid_restarter")
    assert "its restarter: plain is not here" in place.stoker("check").out
    place.toml("plain", RESTARTER)
    place.stoker("reload")
    place.wait_for("worker", "online")
    assert smf("svcs", "-Ho", "state", "self")[1].split() == ["maintenance"]


class Spoken:
    """The test itself is the restarter: what it hears, and what it says."""

    def __init__(self, place: Scenario) -> None:
        self.client = Client(str(place.runtime / "control"))
        self.stream = Client(str(place.runtime / "control")).stream("/v1/restarters/plain")
        self.heard: list[dict[str, Any]] = []

    def until(self, event: str) -> list[str]:
        """The names of events up to the next one of that name."""
        names: list[str] = []
        while event not in names:
            if not self.heard:
                self.heard = self.stream.read()
                assert self.heard, "the stream has ended"
            names.append(self.heard[0]["event"])
            self.last = self.heard.pop(0)
        return names

    def say(self, state: str, run: int, **more: str) -> dict[str, Any]:
        body = {"instance": "worker", "run": run, "state": state, **more}
        found: dict[str, Any] = self.client.post("/v1/restarters/plain/states", body)["instance"]
        return found


def test_what_is_said(place: Scenario) -> None:
    place.toml("plain", 'exec_start = ["sleep", "1000"]\n')
    place.toml("worker", WORKER)
    place.stoker("up", "-d", "--no-wait", str(place.directory)).ok()
    place.wait_for("plain", "online")
    one = Spoken(place)
    assert one.until("synced")[:2] == ["add_instance", "start"]
    assert one.say("offline", 1, next_state="online")["next_state"] == "online"
    assert one.say("online", 1)["state"] == "online"
    assert one.say("degraded", 1, text="half")["note"] == "half"
    assert one.say("online", 1, reason="none")["state"] == "online"

    def ask(*words: str) -> None:
        place.stoker(*words, "--no-wait").ok()

    ask("refresh", "worker")
    assert one.until("refresh") == ["refresh"]
    ask("mark", "degraded", "worker")
    assert one.until("degraded") == ["degraded"]
    ask("clear", "worker")
    assert one.until("restore") == ["restore"]
    ask("mark", "maintenance", "worker")
    assert one.until("maintenance_on") == ["stop", "maintenance_on"]
    assert one.say("maintenance", 1)["state"] == "maintenance"
    ask("clear", "worker")
    assert one.until("maintenance_off") == ["start", "maintenance_off"]
    for wrong, body in (
        ("is over", {"run": 1, "state": "online"}),
        ("no such state", {"run": 2, "state": "well"}),
        ("one word", {"run": 2, "state": "online", "reason": "of two words"}),
        ("is not left to", {"run": 1, "state": "online", "instance": "plain"}),
    ):
        with pytest.raises(StokerError, match=wrong):
            one.client.post("/v1/restarters/plain/states", {"instance": "worker"} | body)
    one.say("online", 2)
    ask("mark", "--immediate", "maintenance", "worker")
    assert one.until("maintenance_on_immediate") == ["maintenance_on_immediate"]
    ask("disable", "worker")
    assert one.until("maintenance_off") == ["stop", "disable", "maintenance_off"]

    # Who comes later is the restarter, and hears what holds.
    other = Spoken(place)
    assert other.until("synced") == ["add_instance", "stop", "synced"]
    assert one.until("replaced") == ["replaced"]
    assert other.say("disabled", 2)["state"] == "disabled"
    with pytest.raises(StokerError, match="is not to run"):
        other.say("online", 2)
    (place.directory / "worker.toml").unlink()
    place.stoker("reload").ok()
    assert other.until("remove_instance") == ["remove_instance"]

    # When the run of a restarter is over, so is everything of it.
    place.toml("worker", WORKER)
    place.stoker("reload")
    ask("enable", "worker")
    other.until("start")
    run = other.last["run"]
    other.say("online", run)
    other.stream.close()
    os.kill(place.pid("plain"), signal.SIGKILL)
    place.until(lambda: place.instance("worker")["run"] > run)
    assert place.instance("worker")["next_state"] == "online"
