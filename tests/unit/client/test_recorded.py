"""An answer that ends before its end is no answer."""

from __future__ import annotations

import os
from typing import Any

import pytest

from stoker.client.recorded import Records
from stoker.errors import Failed

LINE = b'{"text": "said"}\n'


def answered(*parts: bytes) -> Records:
    """What a reader has written before it ended."""
    reader, writer = os.pipe()
    os.write(writer, b"".join(parts))
    os.close(writer)
    return Records(reader, 0, reader)


def told(answer: Records) -> list[dict[str, Any]]:
    with answer:
        return list(answer)


def test_a_whole_one() -> None:
    assert told(answered(LINE, LINE, b'{"end": true}\n')) == [{"text": "said"}] * 2


@pytest.mark.parametrize("parts", [(), (LINE,), (LINE, b'{"end": tr')])
def test_a_reader_that_was_killed(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(Failed, match="before its answer did"):
        told(answered(*parts))


def test_a_follower_ends_with_whoever_told_it() -> None:
    found = told(answered(LINE, b'{"now": true}\n', LINE))
    assert found == [{"text": "said"}, {"now": True}, {"text": "said"}]


def test_what_could_not_be_read_is_named_beside_the_records() -> None:
    answer = answered(b'{"damaged": "/x.gz", "why": "cut"}\n', LINE, b'{"end": true}\n')
    assert told(answer) == [{"text": "said"}]
    assert answer.damaged == [("/x.gz", "cut")]
