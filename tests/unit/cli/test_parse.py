"""Command lines: what is understood, and what is said about what is not."""

from __future__ import annotations

import time

import pytest

from stoker.cli.parse import parse
from stoker.errors import UsageError


def test_options_may_stand_anywhere() -> None:
    for line in (
        "-C D stop --no-wait web db",
        "stop web -C D db --no-wait",
        "stop --no-wait -CD web db",
    ):
        call = parse(line.split())
        assert call.verb.name == "stop"
        assert call.names == ["web", "db"]
        assert call.get("project") == "D"
        assert call.get("no_wait") is True


def test_short_options_together_and_with_values() -> None:
    call = parse(["logs", "-fn5", "web"])
    assert (call.get("follow"), call.get("lines")) == (True, 5)
    assert parse(["logs", "-n", "7"]).get("lines") == 7
    assert parse(["logs", "--lines=9"]).get("lines") == 9


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("res", "restart"),
        ("sche", "schema"),
        ("stat", "status"),
        ("l", None),
        ("st", None),
        ("ls", "ls"),
    ],
)
def test_verbs_may_be_abbreviated_when_that_is_clear(word: str, verb: str | None) -> None:
    if verb is None:
        with pytest.raises(UsageError, match="may be"):
            parse([word, "x"])
    else:
        assert parse([word, *(["x"] if verb == "restart" else [])]).verb.name == verb


def test_long_options_may_be_abbreviated_when_that_is_clear() -> None:
    assert parse(["stop", "--tim", "3s", "web"]).get("timeout") == 3.0
    with pytest.raises(UsageError, match="--no-wait"):
        parse(["stop", "--no", "web"])


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("stpo web", "stop"),
        ("list", "ls"),
        ("stop --tmeout 3 web", "--timeout"),
        ("mark degarded web", "degraded"),
        ("wait --for onlin web", ""),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(line: str, near: str) -> None:
    with pytest.raises(UsageError) as wrong:
        parse(line.split())
    assert near in wrong.value.hint
    assert wrong.value.exit_status == 2


@pytest.mark.parametrize(
    "line",
    [
        "stop",
        "stop --timeout",
        "stop --timeout soon web",
        "stop --dry-run=1 web",
        "logs -n many",
        "signal",
        "signal HUP",
        "mark web",
        "up a b",
        "disable --until yesteryear web",
        "--nonsense ls",
        "--timeout 3 stop web",
        "",
    ],
)
def test_what_makes_no_sense_is_a_usage_error(line: str) -> None:
    words = line.split() or ["stop", "--"]
    with pytest.raises(UsageError):
        parse(words)


def test_times_become_numbers() -> None:
    assert parse(["stop", "--timeout", "1m30s", "web"]).get("timeout") == 90.0
    assert parse(["stop", "--timeout", "5", "web"]).get("timeout") == 5.0
    until = parse(["disable", "--until", "+2h", "web"]).get("until")
    assert 7100 < until / 1e9 - time.time() < 7300
    since = parse(["logs", "--since", "-1h"]).get("since")
    assert 3500 < time.time() - since / 1e9 < 3700


def test_a_command_after_two_dashes_is_left_alone() -> None:
    call = parse(["new", "web", "--", "python3", "-m", "http.server", "--json"])
    assert call.arguments["command"] == ["python3", "-m", "http.server", "--json"]
    assert not call.json


def test_a_name_that_begins_with_a_dash_comes_after_two() -> None:
    assert parse(["stop", "--", "-web"]).names == ["-web"]


def test_why_is_reason() -> None:
    assert parse(["mark", "maintenance", "--why", "disk", "web"]).get("reason") == "disk"


def test_help_and_version_win() -> None:
    assert parse(["stop", "--help"]).arguments == {"verb": "stop"}
    assert parse(["--version"]).verb.name == "version"
    assert parse([]).verb.name == "help"
