"""system-control: jobs on bundles wherever they are (nosh.md 5; C1-C3, C30-C36, C40, C41, C46, C47,
C50, C63, C75).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import FOREVER, bundle, lines, pid, relate, served, status
from nosh_host import control, run

from stoker.testing import Scenario


@pytest.fixture(scope="module")
def place() -> Iterator[Scenario]:
    """A manager that has nothing to run of its own: what is started is loaded first."""
    with Scenario() as scenario:
        scenario.up()
        yield scenario


@pytest.fixture
def base(place: Scenario, tmp_path: Path) -> Path:
    """Where a test has its bundles: away from the place, and from other tests."""
    return tmp_path


def make(base: Path, name: str, run: str = FOREVER, **more: str) -> Path:
    return bundle(base / name / "service", run=run, **more).parent


def state(one: Path) -> int:
    return status(one)[18]


def test_a_bundle_anywhere_is_loaded_and_started_once_by_whatever_name(
    place: Scenario, base: Path
) -> None:
    one = make(base, "web", f"pwd > {base}/note; {FOREVER}")
    (base / "alias").symlink_to(one)
    told = control(place, "start", "--verbose", one, base / "alias").ok()
    assert f"start: ready {base}/alias" in told.err
    place.until(lambda: lines(base / "note") == [str(one / "service")], "run in its directory")
    first = pid(one)
    assert control(place, "start", one).ok().err == ""  # it runs: nothing happens
    assert pid(one) == first
    assert control(place, "is-active", one).status == 0
    assert control(place, "is-loaded", one).status == 0
    shown = control(place, "status", one).ok().out
    assert "State   : running" in shown
    assert f"Main PID: {first}" in shown
    control(place, "stop", one).ok()
    assert (state(one), pid(one)) == (0, 0)
    assert control(place, "is-active", one).status == 100
    control(place, "unload-when-stopped", one).ok()
    place.until(lambda: not served(one), "unloaded")
    assert control(place, "is-active", one).status == 111
    assert control(place, "is-loaded", one).status == 100
    control(place, "stop", one).ok()  # not loaded is stopped


def test_wants_conflicts_and_required_by_and_what_only_orders(place: Scenario, base: Path) -> None:
    note = base / "note"
    names = ("t", "a", "b", "other", "enemy", "lib", "app", "c")
    ones = {
        name: make(base, name, start=f"echo {name} >> {note}", stop=f"echo no {name} >> {note}")
        for name in names
    }
    relate(ones["t"], "wants", ones["a"], ones["b"], base / "nowhere")
    relate(ones["b"], "after", ones["a"])
    relate(ones["a"], "after", ones["other"])  # which pulls nothing in
    relate(ones["t"], "requires", ones["c"])  # which only enable looks at
    for relation in ("conflicts", "after"):
        relate(ones["t"], relation, ones["enemy"])
    relate(ones["lib"], "required-by", ones["app"])
    relate(ones["app"], "after", ones["lib"])
    control(place, "start", ones["enemy"], ones["lib"], ones["app"]).ok()
    control(place, "start", ones["t"]).ok()
    place.until(lambda: "b" in lines(note), "all is up")
    place.until(lambda: state(ones["enemy"]) == 0, "the enemy is gone")
    order = lines(note)
    assert order.index("lib") < order.index("app")
    assert order.index("a") < order.index("b")
    assert order.index("no enemy") < order.index("t")
    assert not {"other", "c"} & set(order)
    control(place, "stop", ones["lib"]).ok()
    assert (state(ones["lib"]), state(ones["app"])) == (0, 0)
    assert lines(note)[-2:] == ["no app", "no lib"]


def test_impossible_jobs_fail_before_anything_is_done(place: Scenario, base: Path) -> None:
    one, two, three = (make(base, name) for name in ("one", "two", "three"))
    relate(one, "conflicts", one)
    relate(two, "after", three)
    relate(three, "after", two)
    told = control(place, "start", one).ended(1)
    assert "Conflicting job requirements." in told.err
    assert "Ordering loop." in control(place, "start", two, three).ended(1).err
    assert "there is no such bundle" in control(place, "start", two, base / "no").ended(1).err
    assert [state(each) for each in (one, two, three)] == [0, 0, 0]


def test_reset_does_what_down_says_and_pretending_does_nothing(place: Scenario, base: Path) -> None:
    up, down = make(base, "up"), make(base, "down")
    control(place, "start", down).ok()
    (down / "service" / "down").touch()
    assert control(place, "is-enabled", down).status == 100
    assert control(place, "is-enabled", up).status == 0
    before = state(down), pid(down)
    control(place, "stop", "--pretend", down).ok()
    assert (state(down), pid(down)) == before == (3, before[1])
    control(place, "start", "--pretend", up).ok()
    assert not (up / "supervise").exists()
    control(place, "reset", up, down).ok()
    assert (state(up), state(down)) == (3, 0)


def test_a_target_keeps_up_and_is_ready_when_its_run_has_ended(place: Scenario, base: Path) -> None:
    target = make(base, "target", "exec true", restart="exit 0")
    (target / "service" / "remain").touch()
    once = make(base, "once", f"echo done >> {base}/note", restart="exit 0")
    for flag in ("ready_after_run", "remain"):
        (once / "service" / flag).touch()
    later = make(base, "later", f"cat {base}/note > {base}/seen; {FOREVER}")
    relate(later, "wants", once, target)
    relate(later, "after", once, target)
    control(place, "start", later).ok()
    place.until(lambda: lines(base / "seen") == ["done"], "it waited for the other to have run")
    place.until(lambda: (state(target), pid(target)) == (3, 0), "its run has ended")
    assert (state(once), pid(once)) == (3, 0)
    assert "ready" in run(place, "svstat", once).ok().out


def test_what_programs_are_told(place: Scenario, base: Path) -> None:
    one, two = make(base, "one"), make(base, "two")
    relate(one, "wants", two)
    control(place, "start", one).ok()
    found = json.loads(control(place, "show-json", one, two).ok().out)
    assert list(found) == [str(one), str(two)]
    assert list(found[str(one)]) == [
        *("DaemontoolsState", "DaemontoolsEncoreState", "MainPID", "Timestamp", "UTCTimestamp"),
        *("Want", "Paused", "Enabled", "RemainAfterExit", "ReadyAfterRun"),
        *("Wants", "Wanted-By", "Before", "After", "Expects", "Requires", "Required-By"),
        *("Conflicts", "Stopped-By"),
    ]
    assert found[str(one)]["MainPID"] == pid(one)
    assert found[str(one)]["Wants"] == [str(two)]
    text = control(place, "show", one).ok().out
    assert text.startswith(f"[{one}]\nDaemontoolsState=up\nDaemontoolsEncoreState=running\n")
    assert f"{one}: running (pid {pid(one)}) since " in run(place, "svstat", one).ok().out
    assert control(place, "nagios-check-service", "-s", "0", one, two).ok().out.startswith("OK: ")
    assert "run:exec sleep infinity" in control(place, "cat", one).out
    assert run(place, "service-is-up", one).status == 0
    assert run(place, "svok", base).status == 100
    assert run(place, "svok", base / "no").status == 111
    os.kill(pid(one), 0)


def test_without_a_manager_a_job_fails(tmp_path: Path) -> None:
    with Scenario() as nobody:
        one = make(tmp_path, "web")
        assert control(nobody, "start", one).status == 1
        assert control(nobody, "is-service-manager-client").status == 100
        assert control(nobody, "echo", "hi").ended(1).err == (
            "system-control: there is no subcommand echo\n"
        )


def test_other_inits_names_for_it(place: Scenario, base: Path) -> None:
    one = make(base, "web")
    run(place, "service", one, "start").ok()
    first = pid(one)
    run(place, "service", one, "restart").ok()
    assert first != pid(one) != 0
    run(place, "chkconfig", one, "off").ok()
    assert run(place, "chkconfig", one).status == 100
    run(place, "invoke-rc.d", one, "restart").ok()  # which leaves down what is disabled
    assert state(one) == 0
    control(place, "unload-when-stopped", one).ok()
