"""The client: the wire, and what it says when something is wrong with the other side."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoker.client import Client, connect, fast, quote
from stoker.client.fast import decode, encode
from stoker.errors import NoManager, NoSuchService, NotYet, ProtocolError, Refused, UsageError


@pytest.fixture
def short() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="st-"))
    yield base
    shutil.rmtree(base)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -3,
        1.5,
        "",
        'äö\n"\\\x00',
        [1, ["a"], {}],
        {"a": {"b": [None]}, "c": "d"},
    ],
)
def test_json_is_json(value: Any) -> None:
    assert json.loads(encode(value)) == value
    assert decode(json.dumps(value)) == value
    assert decode(json.dumps(value, indent=3) + "\n") == value


@pytest.mark.parametrize("text", ["", "{", "nope", '{"a":}', "[1,"])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)


class Demanding:
    """The scanner of a Python to come, which looks for what we do not have."""

    @staticmethod
    def make_scanner(context: Any) -> Any:
        return context.of_a_python_to_come


@pytest.mark.parametrize("scanner", [None, Demanding])
def test_json_is_read_without_the_scanner_too(
    scanner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "_json", scanner)
    monkeypatch.setattr(fast, "_scan", None)
    assert decode('{"a": [1, null]}') == {"a": [1, None]}
    with pytest.raises(ValueError):
        decode("{")


def test_quote() -> None:
    assert quote("svc:/a b:ü") == "svc%3A%2Fa%20b%3A%C3%BC"


def test_questions_on_one_connection(door: Any) -> None:
    with connect(door.fake.place) as client:
        for _ in range(3):
            assert len(client.get("/v1/instances")["instances"]) == 3
        answer = client.post("/v1/operations", {"verb": "stop", "names": ["web"]})
        assert answer["operation"]["outcome"] == "done"


def test_refusals_become_errors_of_their_kind(door: Any) -> None:
    with connect(door.fake.place) as client:
        with pytest.raises(NoSuchService) as wrong:
            client.get("/v1/instances/wbe")
        assert wrong.value.candidates == ["web"]
        with pytest.raises(UsageError):
            client.post("/v1/operations", {"verb": "explode", "names": ["web"]})
        assert client.get("/v1")["version"] == 1


def test_a_stream_is_read_as_it_comes(door: Any) -> None:
    client = connect(door.fake.place)
    stream = client.stream("/v1/events?follow=1&cursor=0")
    assert stream.read(block=False) == []

    def happen() -> None:
        for number in range(500):
            door.fake.happens("svc:/web:default", n=number, filler="x" * 300)
        door.fake.turn()

    door.do(happen)
    found: list[int] = []
    for event in stream:
        found.append(event["data"]["n"])
        if len(found) == 500:
            break
    assert found == list(range(500))
    stream.close()


def test_a_missing_socket(short: Path) -> None:
    with pytest.raises(NoManager, match="there is no socket"):
        Client(str(short / "control")).open()


def test_a_stale_socket(short: Path) -> None:
    path = str(short / "control")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    with pytest.raises(NoManager, match="nobody listens"):
        Client(path).open()


def test_a_socket_that_is_not_for_us(short: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may use every socket")
    path = str(short / "control")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        os.chmod(path, 0)
        with pytest.raises(Refused):
            Client(path).open()


def answering(short: Path, data: bytes) -> str:
    """A socket that answers one question with `data` and hangs up."""
    path = str(short / "control")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen()

    def serve() -> None:
        with sock:
            for _ in range(1 if data else 5):
                one, _address = sock.accept()
                with one:
                    one.recv(65536)
                    one.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return path


def test_something_else_that_listens(short: Path) -> None:
    client = Client(answering(short, b"SSH-2.0-nonsense\r\n\r\n"))
    with pytest.raises(ProtocolError):
        client.get("/v1")


def test_a_manager_that_hangs_up(short: Path) -> None:
    with pytest.raises(NoManager, match="hung up"):
        Client(answering(short, b"")).get("/v1")


def test_a_manager_that_does_not_answer(short: Path) -> None:
    path = str(short / "control")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        with pytest.raises(NotYet, match="did not answer"):
            Client(path).get("/v1", patience=0.05)


def test_a_connection_that_was_closed_meanwhile_is_opened_again(door: Any) -> None:
    with connect(door.fake.place) as client:
        client.get("/v1")
        door.do(lambda: [one.close() for one in list(door.door._clients)])
        answer = client.post("/v1/operations", {"verb": "stop", "names": ["web"]})
        assert answer["operation"]["outcome"] == "done"
    assert len(door.fake.requests) == 1
