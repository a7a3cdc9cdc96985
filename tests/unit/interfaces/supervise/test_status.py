"""The layouts of `status` (nosh.md 4.3), field by field as the programs that read it take them."""

from __future__ import annotations

import struct

import pytest

from stoker.interfaces.supervise.status import (
    FAILED,
    NEVER,
    RUNNING,
    STOPPED,
    Record,
    Seen,
    pack,
    unpack,
)

AT = 1_700_000_000_123_456_789
RECORDS = (
    Record(1, 7, AT),
    Record.of("signal", 15, False, AT),
    Record.of("signal", 11, True, AT),
    NEVER,
)


def test_the_87_bytes_of_nosh() -> None:
    data = pack("nosh", Seen(AT, 0x01020304, True, "d", FAILED, RECORDS))
    assert len(data) == 87
    assert data[:12] == struct.pack(">QI", (1 << 62) + 37 + 1_700_000_000, 123_456_789)
    assert data[12:19] == bytes((4, 3, 2, 1, 1, ord("d"), 5))
    assert [data[at] for at in (19, 36, 53, 70)] == [1, 2, 3, 0]
    assert [data[at + 1 : at + 5] for at in (19, 36, 53, 70)] == [
        b"\0\0\0\x07",
        b"\0\0\0\x0f",
        b"\0\0\0\x0b",
        bytes(4),
    ]
    assert data[24:36] == data[:12]
    assert data[75:87] == bytes(12)


@pytest.mark.parametrize(("form", "size"), [("daemontools", 18), ("encore", 20), ("runit", 20)])
def test_the_older_forms_count_from_1972_and_always_have_a_wish(form: str, size: int) -> None:
    data = pack(form, Seen(AT, 5, wanted=True, state=RUNNING))
    assert len(data) == size
    assert struct.unpack_from(">Q", data)[0] == 4611686018427387914 + 1_700_000_000
    assert data[17:18] == b"u"
    assert pack(form, Seen(AT))[17:18] == b"d"


def test_the_last_two_bytes_of_runit() -> None:
    assert pack("runit", Seen(AT, 5, state=RUNNING))[18:] == b"\0\1"
    assert pack("runit", Seen(AT, 5, state=RUNNING, ending=True))[18:] == b"\1\1"
    assert pack("runit", Seen(AT, 6, state=FAILED))[18:] == b"\0\2"
    assert pack("runit", Seen(AT, state=STOPPED))[18:] == b"\0\0"


def test_a_successor_reads_what_was_written() -> None:
    seen = Seen(AT, 17, True, "o", RUNNING, RECORDS)
    assert unpack(pack("nosh", seen)) == seen
    assert unpack(pack("daemontools", seen)) is None
    assert unpack(b"") is None
