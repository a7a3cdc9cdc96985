"""Durations, sizes, times and signals."""

from __future__ import annotations

import signal
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.errors import UsageError
from stoker.model import (
    duration,
    parse_time,
    rfc3339,
    show_duration,
    signal_name,
    signal_number,
    size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10.0),
        ("100ms", 0.1),
        ("1.5s", 1.5),
        ("1h 30m", 5400.0),
        ("1m30s", 90.0),
        ("2d", 172800.0),
        ("5 min", 300.0),
        ("0s", 0.0),
        ("7us", 7e-6),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "10x", "-1s", "1s 2", "1e9s", "١s", "9" * 99 + "s", "9" * 999]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError):
        duration(text)


def test_a_number_without_a_unit_is_told_how_to_get_one() -> None:
    with pytest.raises(UsageError) as caught:
        duration("10")
    assert caught.value.hint == 'write "10s"'


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.1, "100ms"),
        (0.00025, "250us"),
        (1.5, "1.5s"),
        (10, "10s"),
        (60, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (100_000, "1d3h"),
    ],
)
def test_shown_durations(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown


@given(st.floats(1e-6, 1e8))
def test_a_shown_duration_is_near_and_can_be_read(seconds: float) -> None:
    assert duration(show_duration(seconds)) == pytest.approx(seconds, rel=0.05)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("512", 512),
        ("10K", 10 * 1024),
        ("10M", 10 * 1024**2),
        ("1.5G", 1536 * 1024**2),
        ("2T", 2 * 1024**4),
        ("10KiB", 10 * 1024),
        ("10MB", 10_000_000),
        ("10kb", 10_000),
        ("0", 0),
        ("7B", 7),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "M", "-1", "10X", "10 Mbit", "1..2M", "iB", "9" * 50])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        size(text)


def test_rfc3339() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"
    assert rfc3339(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456Z"


NOW = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z
SECOND = 1_000_000_000


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_utc")
@pytest.mark.parametrize(
    ("text", "past", "meant"),
    [
        ("now", False, "2023-11-14T22:13:20.000000Z"),
        ("+2h", False, "2023-11-15T00:13:20.000000Z"),
        ("-2h", False, "2023-11-14T20:13:20.000000Z"),
        ("2h", False, "2023-11-15T00:13:20.000000Z"),
        ("2h", True, "2023-11-14T20:13:20.000000Z"),
        ("23:00", False, "2023-11-14T23:00:00.000000Z"),
        ("18:00", False, "2023-11-15T18:00:00.000000Z"),
        ("18:00", True, "2023-11-14T18:00:00.000000Z"),
        ("23:00", True, "2023-11-13T23:00:00.000000Z"),
        ("tomorrow", False, "2023-11-15T00:00:00.000000Z"),
        ("tomorrow 09:30", False, "2023-11-15T09:30:00.000000Z"),
        ("today 08:00", False, "2023-11-14T08:00:00.000000Z"),
        ("noon", False, "2023-11-15T12:00:00.000000Z"),
        ("2026-11-21", False, "2026-11-21T00:00:00.000000Z"),
        ("2026-11-21 10:41", False, "2026-11-21T10:41:00.000000Z"),
        ("2026-11-21T10:41:25.5Z", False, "2026-11-21T10:41:25.500000Z"),
        ("2026-11-21T10:41:25+02:00", False, "2026-11-21T08:41:25.000000Z"),
        ("@1700000000", False, "2023-11-14T22:13:20.000000Z"),
    ],
)
def test_times(text: str, past: bool, meant: str) -> None:
    assert rfc3339(parse_time(text, NOW, past=past)) == meant


def test_a_clock_time_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "EST5")
    time.tzset()
    try:
        assert rfc3339(parse_time("18:00", NOW)) == "2023-11-14T23:00:00.000000Z"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    ["", "25:00", "18:60", "2026-13-01", "2026-02-30", "someday", "tomorrow 9", "+", "@", "10"],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text, NOW)


def test_what_rfc3339_writes_is_read_back() -> None:
    assert parse_time(rfc3339(NOW + 123_000), NOW) == NOW + 123_000


@pytest.mark.parametrize("text", ["HUP", "SIGHUP", "hup", "1", " Hup "])
def test_signals(text: str) -> None:
    assert signal_number(text) == signal.SIGHUP


def test_real_time_signals() -> None:
    assert signal_number("RTMIN+3") == signal.SIGRTMIN + 3
    assert signal_number(signal_name(signal.SIGRTMIN + 3)) == signal.SIGRTMIN + 3
    assert signal_name(1) == "HUP"


@pytest.mark.parametrize("text", ["", "0", "-1", "65", "NOPE", "SIG", "RTMIN+99", "1.0", "9" * 30])
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(UsageError):
        signal_number(text)


def test_a_misspelt_signal_gets_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        signal_number("TREM")
    assert caught.value.hint == "did you mean TERM?"
