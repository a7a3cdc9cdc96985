"""The last lines of an instance, read quickly where that is right, else left to the reader."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stoker.client import last_lines, tail
from stoker.model import Place, project_place

FMRI = "svc:/web:default"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = project_place(str(tmp_path), {}, os.getuid(), runtime="/tmp/none")
    Path(found.logs, "web").mkdir(parents=True)
    return found


def write(place: Place, count: int, text: str = "line") -> None:
    lines = [f"2026-01-01T00:00:00.{n:06d}Z o 7 {text} {n}\n" for n in range(count)]
    Path(place.logs, "web", "current").write_text("".join(lines))


def texts(records: list[dict[str, Any]] | None) -> list[str]:
    assert records is not None
    return [record["text"] for record in records]


def test_the_end_of_a_file(place: Place) -> None:
    write(place, 1000)
    assert texts(last_lines(place, FMRI, 3)) == ["line 997", "line 998", "line 999"]


def test_all_of_a_short_file(place: Place) -> None:
    write(place, 2)
    (first, _) = last_lines(place, FMRI, 10)
    assert first == {
        "time": "2026-01-01T00:00:00.000000Z", "fmri": FMRI, "stream": "o", "run": 7,
        "text": "line 0",
    }  # fmt: skip


def test_nothing_was_ever_written(place: Place) -> None:
    assert last_lines(place, "svc:/other:default", 10) == []


@pytest.mark.parametrize(
    "data",
    [
        b"as the service wrote it\n",
        b'{"time": "x"}\n',
        b"2026-01-01T00:00:00.000000Z o 7 whole\n2026-01-01T00:00:01.000000Z o 7 half",
        b"2026-01-01T00:00:00.000000Z o 7 a\n2026-01-01T00:00:01.000000Z o 7+ b\n",
        b"2026-01-01T00:00:00.000000Z o 7 " + b"x" * 20000 + b"\n",
    ],
)
def test_what_is_not_that_simple_is_left_to_the_reader(place: Place, data: bytes) -> None:
    Path(place.logs, "web", "current").write_bytes(data)
    assert tail._quickly(place, FMRI, 2) is None


def test_lines_in_rotated_files_are_left_to_the_reader(place: Place) -> None:
    write(place, 2)
    Path(place.logs, "web", "20260101T000000.000000Z.gz").write_bytes(b"")
    assert tail._quickly(place, FMRI, 10) is None
    assert tail._quickly(place, FMRI, 2) is not None
