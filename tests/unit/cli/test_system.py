"""`stoker system`, its path on the control socket, and the same in the client library."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stoker.cli import main
from stoker.client import (
    connect,
    give,
    put_to_sleep,
    set_input,
    system,
    unset_input,
    wake,
)
from stoker.errors import UsageError
from stoker.model import InputView

SINCE = "2026-01-01T00:00:00.000000Z"
ROWS = [
    InputView("active", False, "person", "root", "night", SINCE, "stoker/sleep", True),
    InputView("MOUNTS", False, watcher="stoker/mounts", needed_by=["a", "web"]),
    InputView("TIME", True, "person", "root", "I looked", SINCE, "stoker/time", False, ["web"]),
    InputView("VPN", False, needed_by=["b"]),
]


@pytest.fixture
def run(door: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STOKER_RUNTIME_DIR", door.fake.place.runtime)
    monkeypatch.chdir(door.fake.place.name)
    door.fake.engine.input_views = lambda: ROWS

    def run(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_all_inputs_are_shown_with_who_gave_them_and_since_when(run: Any) -> None:
    status, out, _ = run("system")
    lines = [line.split() for line in out.splitlines()]
    assert status == 0
    assert lines[0] == ["INPUT", "VALUE", "SINCE", "BY", "NEEDED", "BY"]
    assert lines[1][:2] == ["active", "no"] and "root (night)" in out and "every service" in out
    assert lines[2][:3] == ["MOUNTS", "unmet", "-"]
    assert "nobody (stoker/mounts has said nothing yet)" in out
    assert lines[3][:2] == ["TIME", "met"]
    assert "root (I looked); stoker/time says unmet" in out
    assert out.splitlines()[4].split() == ["VPN", "unmet", "-", "nobody", "b"]


def test_as_json_it_has_a_version_and_every_field(run: Any) -> None:
    answer = json.loads(run("system", "--json")[1])
    assert answer["version"] == 1
    assert [row["name"] for row in answer["inputs"]] == ["active", "MOUNTS", "TIME", "VPN"]
    assert set(answer["inputs"][0]) == {
        *("name", "met", "by", "who", "why", "since", "watcher", "watcher_says", "needed_by"),
    }


@pytest.mark.parametrize(
    ("words", "verb", "name", "value"),
    [
        (("sleep",), "sleep", "", True),
        (("wake",), "wake", "", True),
        (("set", "TIME", "met"), "set", "TIME", True),
        (("set", "input:VPN", "unmet"), "set", "input:VPN", False),
        (("unset", "TIME"), "unset", "TIME", True),
    ],
)
def test_what_is_said_arrives(
    run: Any, door: Any, words: tuple[str, ...], verb: str, name: str, value: bool
) -> None:
    assert run("system", *words, "--reason", "because")[0] == 0
    (request,) = door.fake.requests
    found = (request.verb, request.input, request.value, request.why, request.names)
    assert found == (verb, name, value, "because", ())


@pytest.mark.parametrize(
    ("name", "remark"),
    [("TIEM", "no service needs TIEM (did you mean TIME?)\n"), ("TIME", ""), ("input:VPN", "")],
)
def test_a_condition_that_nobody_needs_is_remarked_upon(run: Any, name: str, remark: str) -> None:
    status, _, err = run("system", "set", name, "met")
    assert (status, err) == (0, remark)


@pytest.mark.parametrize(
    "words",
    [
        *(("sleep", "now"), ("set", "TIME"), ("set",), ("unset",), ("unset", "TIME", "met")),
        *(("set", "TIME", "on"), ("set", "a b", "met"), ("set", "", "met"), ("unset", "x" * 65)),
        ("nap",),
    ],
)
def test_what_is_not_understood_is_said_and_nothing_is_asked(
    run: Any, door: Any, words: tuple[str, ...]
) -> None:
    status, _, err = run("system", *words)
    assert status == 2
    assert err.startswith("stoker: ")
    assert door.fake.requests == []


def test_the_client_library_says_the_same(door: Any) -> None:
    door.fake.engine.input_views = lambda: ROWS
    with connect(door.fake.place) as client:
        assert [row["name"] for row in system(client)] == ["active", "MOUNTS", "TIME", "VPN"]
        put_to_sleep(client, why="night", wait=1)
        wake(client)
        set_input(client, "TIME", False, why="wrong")
        unset_input(client, "TIME")
        give(client, "web", "TIME", True, why="right")
        with pytest.raises(UsageError):
            set_input(client, "no such name", True)
    asked = [(one.verb, one.names, one.input, one.value, one.why) for one in door.fake.requests]
    assert asked == [
        ("sleep", (), "", True, "night"),
        ("wake", (), "", True, ""),
        ("set", (), "TIME", False, "wrong"),
        ("unset", (), "TIME", True, ""),
        ("give", ("svc:/web:default",), "TIME", True, "right"),
    ]
