"""Bundles and daemontools' directories run as they are (nosh.md C7, C8, C9, C14, C24, C30, C54)."""

from __future__ import annotations

import os
import shutil
import signal

from bundles import FOREVER, bundle, lines

from stoker.testing import Scenario


def test_start_once_then_run_restart_run_and_stop_at_last(place: Scenario) -> None:
    note = place.directory / "note"
    say = f'echo "$0 $*" >> {note}'
    bundle(
        place.directory / "web" / "service",
        start=f"{say}; pwd >> {note}; exit 7",
        run=f"{say}; exit 3",
        restart=f"{say}; test $(grep -c restart {note}) -lt 3",
        stop=say,
    )
    place.stoker("up", "-d", str(place.directory))  # it may have been up when that looked
    place.wait_for("web", "disabled")
    again = ["./run ", "./restart exit 3"]
    inside = str(place.directory / "web" / "service")
    assert lines(note) == ["./start ", inside, *again * 3, "./stop "]
    assert "its restart program said no" in place.stoker("explain", "web").ok().out


def test_what_it_wants_is_started_along_and_one_elsewhere_too(place: Scenario) -> None:
    far = bundle(place.directory.parent / f"{place.directory.name}-far", run=FOREVER)
    try:
        one = bundle(place.directory / "one", run=FOREVER, restart="exit 0")
        (one / "wants").mkdir()
        (one / "wants" / "far").symlink_to(far)
        place.up()
        names = {name for name, seen in place.instances().items() if seen["state"] == "online"}
        assert len(names) == 2
        assert any(name.endswith("-far") for name in names)
        place.down()
    finally:
        shutil.rmtree(far)


def test_a_log_service_reads_what_was_written_before_it_and_across_a_manager(
    place: Scenario,
) -> None:
    kept, go = place.directory / "kept", place.directory / "go"
    web = bundle(
        place.directory / "web",
        run="i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done",
    )
    bundle(web / "log", run=f"test -e {go} || exec sleep infinity; exec cat >> {kept}")
    place.up()
    writer, idle = place.pid("web"), place.pid("web/log")
    go.touch()
    os.kill(idle, signal.SIGKILL)  # it has read nothing; its next run does
    place.until(lambda: len(lines(kept)) > 10, "first lines")
    reader = place.pid("web/log")
    os.kill(place.manager(), signal.SIGKILL)
    have = len(lines(kept))
    place.until(lambda: len(lines(kept)) > have + 10, "more lines")
    assert (place.pid("web"), place.pid("web/log")) == (writer, reader)
    numbers = [int(line.split()[1]) for line in lines(kept)[:-1]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_finish_runs_between_two_runs_and_125_is_the_end(place: Scenario) -> None:
    note = place.directory / "note"
    runit = bundle(place.directory / "runit", run=FOREVER, finish=f'echo "r $*" >> {note}')
    assert runit.is_dir()
    six = bundle(
        place.directory / "six",
        run="echo >&4; exec sleep infinity",
        finish=f'echo "s $*" >> {note}; exit 125',
    )
    (six / "notification-fd").write_text("4\n")
    place.up()
    for name in ("runit", "six"):
        os.kill(place.pid(name), signal.SIGKILL)
    place.wait_for("six", "disabled")
    place.until(lambda: len(lines(note)) == 2, "both finished")
    assert sorted(lines(note)) == ["r -1 9", "s 256 9"]
    place.wait_for("runit", "online")


def test_one_with_down_stays_down_and_one_that_cannot_run_is_over(place: Scenario) -> None:
    bundle(place.directory / "off", run=FOREVER, down="")
    bad = bundle(place.directory / "bad", run=FOREVER, restart=f"echo $* > {place.directory}/note")
    (bad / "run").chmod(0o644)
    up = place.stoker("up", "-d", str(place.directory))
    assert "is not executable" in up.err
    assert place.instance("off")["state"] == "disabled"
    place.until(lambda: place.instance("bad")["state"] != "online", "not up")
