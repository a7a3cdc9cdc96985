"""When something is due: by the calendar, as systemd writes it, and by what was before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from stoker.compat import run
from stoker.compat.nosh import timing
from stoker.compat.nosh.occasions import occasion
from stoker.compat.nosh.timing import Past, due
from stoker.errors import Failed


def at(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.mark.parametrize(
    ("event", "after", "found"),
    [  # the 21st of November 2026 is a Saturday
        ("minutely", "2026-11-21T10:20:30", "2026-11-21T10:21"),
        ("hourly", "2026-11-21T10:20:30", "2026-11-21T11:00"),
        ("daily", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("weekly", "2026-11-21T10:20:30", "2026-11-23T00:00"),
        ("monthly", "2026-12-31T10:20:30", "2027-01-01T00:00"),
        ("quarterly", "2026-11-21T10:20:30", "2027-01-01T00:00"),
        ("semiannually", "2026-02-21T10:20:30", "2026-07-01T00:00"),
        ("yearly", "2026-11-21T10:20:30", "2027-01-01T00:00"),
        ("12:30", "2026-11-21T12:30", "2026-11-22T12:30"),
        ("12:30:15", "2026-11-21T12:30", "2026-11-21T12:30:15"),
        ("*:0/15", "2026-11-21T10:20", "2026-11-21T10:30"),
        ("*-*-* *:*:0/20", "2026-11-21T10:20:21", "2026-11-21T10:20:40"),
        ("08..17:05", "2026-11-21T17:05", "2026-11-22T08:05"),
        ("Mon..Fri 9:00", "2026-11-21T08:00", "2026-11-23T09:00"),
        ("Sat,Sun 9:00", "2026-11-21T09:00", "2026-11-22T09:00"),
        ("Fri..Mon 9:00", "2026-11-23T09:00", "2026-11-27T09:00"),
        ("Wednesday", "2026-11-21T09:00", "2026-11-25T00:00"),
        ("*-02-29", "2026-11-21T09:00", "2028-02-29T00:00"),
        ("*-*~1", "2026-11-21T09:00", "2026-11-30T00:00"),
        ("*-02~3 6:00", "2026-11-21T09:00", "2027-02-26T06:00"),
        ("Mon *-05~07/1", "2026-11-21T09:00", "2027-05-31T00:00"),
        ("*-02~05..03", "2027-02-25T00:00", "2027-02-26T00:00"),
        ("2027-1-1,15 1:00", "2027-01-01T01:00", "2027-01-15T01:00"),
        ("27-06-01", "2026-11-21T09:00", "2027-06-01T00:00"),
        ("*-1/4-1", "2026-11-21T09:00", "2027-01-01T00:00"),
        ("06-11 UTC", "2026-11-21T09:00", "2027-06-11T00:00"),
    ],
)
def test_an_event_has_its_moment(event: str, after: str, found: str) -> None:
    zoned = occasion(event)._replace(zone=occasion("0:00 UTC").zone)
    assert zoned.after(at(after)) == at(found)


def test_what_will_not_be_has_none() -> None:
    assert occasion("2020-01-01 UTC").after(at("2026-01-01T00:00")) is None


@pytest.mark.parametrize(
    "event",
    ["", "sometimes", "25:", "1-2-3-4", "*/0:00", "0:0:0:0", "UTC", "0:00 0:00", "a-b", "1:2.5",
     "0:00 No/Where", "Mon..Foo", "17..8:00"],
)  # fmt: skip
def test_what_is_no_event_is_refused(event: str) -> None:
    with pytest.raises(Failed):
        occasion(event)


PAST = Past(boot=1000.0, start=5000.0)


@pytest.mark.parametrize(
    ("kind", "value", "past", "moment"),
    [
        ("boot", "2h", PAST, 8200),
        ("boot", "1h", PAST, 4600),  # past already: at once
        ("startup", "1h", PAST, 4600),
        ("boot", "1h", PAST._replace(service=5001.0), None),  # it has been
        ("boot", "2h", PAST._replace(service=5001.0), 8200),
        ("boot", "2h", PAST._replace(service=8199.5), None),  # that was it, as far as one can tell
        ("active", "10min", PAST, 5600),
        ("active", "10min", PAST._replace(service=5600.5), None),
        ("active", "10min", PAST._replace(service=4000.0), 5600),
        ("unit-active", "1h", PAST, None),  # it has not been active
        ("unit-active", "1h", PAST._replace(service=6000.0), 9600),
        ("unit-inactive", "1h", PAST._replace(service=6000.0), None),  # not ended yet
        ("unit-inactive", "1h", PAST._replace(service=6000.0, restart=6100.0), 9700),
    ],
)
def test_what_was_says_what_will_be(
    kind: str, value: str, past: Past, moment: float | None
) -> None:
    assert due([(kind, value)], False, past, 7000.0) == moment


def test_the_earliest_counts_and_what_was_missed_if_it_is_asked_for() -> None:
    given = [("calendar", "*-*-* 0:00 UTC"), ("boot", "10h")]
    day = 86_400.0
    assert due(given, False, Past(), 10 * day + 5) == 36_000
    assert due(given[:1], False, Past(service=8 * day), 10 * day + 5) == 11 * day
    assert due(given[:1], True, Past(service=8 * day), 10 * day + 5) == 9 * day
    assert due(given[:1], True, Past(), 10 * day + 5) == 11 * day


@pytest.mark.parametrize(
    "line",
    ["timer-wait", "timer-wait --on-boot=1", "timer-wait --on-boot=1 --",
     "timer-wait --persistent -- x",
     "timer-wait --on-boot -- x", "timer-wait --on-moon=1 -- x", "timer-wait --on-boot=x -- x",
     "socket-listen", "socket-listen /x", "socket-listen -- x", "socket-listen nothing -- x",
     "socket-listen --mode x @x -- x", "socket-listen --user no-such-user @x -- x",
     "socket-listen --backlog 99999999999 @x -- x", "socket-listen --mode -1 @x -- x",
     "socket-listen --user 99999999999 /x -- x", "socket-listen --connection-limit x @x -- x",
     "socket-listen --accept datagram:@x -- x",
     "socket-listen --color @x -- x", "socket-listen /proc/none -- x"],
)  # fmt: skip
def test_what_is_not_understood_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *words = line.split()
    assert run(name, words) == 1
    assert capsys.readouterr().err.startswith(f"{name}: ")


def test_what_is_due_is_stamped_as_of_then_so_that_it_is_due_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is stamped by a clock that is behind by up to a tick."""
    monkeypatch.chdir(tmp_path)
    for _ in range(20):
        moment = time.time() + 0.003
        timing._wait(lambda moment=moment: moment)
        timing._touch("stamp")
        assert os.stat("stamp").st_mtime >= moment


@pytest.mark.parametrize("line", ["timer-wait --on-boot=0", "socket-listen @{}"])
def test_the_program_is_as_if_nobody_had_been_in_its_place(tmp_path: Path, line: str) -> None:
    look = "grep -z -c LC_CTYPE /proc/self/environ; grep SigIgn /proc/self/status"
    words = line.format(tmp_path.name + str(os.getpid())).split()
    done = subprocess.run(
        [Path(sys.executable).with_name("stoker"), *words, "--", "/bin/sh", "-c", look],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "LANG": "C"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = done.stdout.split()
    ours = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert (found[0], int(found[2], 16) & ours) == ("0", 0), done.stderr
