"""The blob between those who read definitions and the manager."""

from __future__ import annotations

import msgspec
import pytest

from stoker.errors import Mistake, ProtocolError
from stoker.errors import Place as Where
from stoker.model import (
    Compiled,
    Definition,
    Dependency,
    Mistaken,
    Role,
    Settings,
    Step,
    decode_compiled,
    encode_compiled,
    mask,
)


def test_everything_comes_back() -> None:
    compiled = Compiled(
        definitions=[
            Definition(
                "svc:/web:default",
                start=(Step(("/bin/é", "\n")),),
                dependencies=(Dependency(("svc:/db", "input:TIME")),),
            )
        ],
        mistakes=[Mistaken("wrong", "/a.toml", 3, "exec_start", "mend it")],
        ignored=[("/a~", "left over")],
        settings=Settings(roles=(Role("operate", users=("ada",)),), concurrency=4),
        kept=["svc:/web:default"],
    )
    assert decode_compiled(encode_compiled(compiled)) == compiled


def test_parts_that_are_default_are_shared_after_reading() -> None:
    blob = encode_compiled(
        Compiled(definitions=[Definition("svc:/a:default"), Definition("svc:/b:default")])
    )
    one, two = decode_compiled(blob).definitions
    assert one.restart is two.restart
    assert one.log is two.log
    assert len(blob) < 120


@pytest.mark.parametrize("blob", [b"", b"\xff", b"\xc1", b"not a blob at all"])
def test_a_damaged_blob_is_said_to_be_one(blob: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_compiled(blob)


def test_a_torn_blob_is_said_to_be_one() -> None:
    blob = encode_compiled(Compiled(definitions=[Definition("svc:/a:default")]))
    for end in range(len(blob)):
        with pytest.raises(ProtocolError):
            decode_compiled(blob[:end])


def test_another_version_is_refused() -> None:
    with pytest.raises(ProtocolError, match="version 2"):
        decode_compiled(msgspec.msgpack.encode({"version": 2}))


def test_a_later_version_may_add_fields() -> None:
    blob = msgspec.msgpack.encode(
        {"version": 1, "definitions": [{"fmri": "svc:/a:default", "unheard_of": 1}], "new": {}}
    )
    assert decode_compiled(blob).definitions[0].fmri == "svc:/a:default"


def test_a_mistake_in_both_shapes() -> None:
    mistake = Mistake("wrong", Where("/a.toml", 3, "user"), "mend it")
    one = Mistaken.of(mistake)
    assert one.mistake() == mistake
    assert str(one) == "/a.toml:3: user: error: wrong (mend it)"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("DB_PASSWORD", "x", "********"),
        ("api_key", "x", "********"),
        ("GITHUB_TOKEN", "x", "********"),
        ("ClientSecret", "x", "********"),
        ("PASSWORD", "", ""),
        ("PORT", "8080", "8080"),
        ("URL", "postgres://ada:hunter2@db/x", "postgres://ada:********@db/x"),
        ("URL", "http://host:80/a@b", "http://host:80/a@b"),
    ],
)
def test_secrets_are_masked(name: str, value: str, shown: str) -> None:
    assert mask(name, value) == shown
