"""A log file that cannot be read to its end hides nothing of the others, and is named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from stoker.recorder.compress import compress
from stoker.recorder.logfile import last_of
from stoker.recorder.read import answer

WEB = "svc:/web:default"
LINES = 3000  # a file; so many that the middle of the compressed one is not its first block


def line(number: int) -> str:
    return f"2026-11-21T10:11:12.{number:06d}Z o 1 {number}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, the first two of them compressed."""
    found = tmp_path / "web"
    found.mkdir()
    for part, name in enumerate(("20261121T100000.000000Z", "20261121T110000.000000Z", "current")):
        path = found / name
        path.write_text("".join(line(part * LINES + number) for number in range(LINES)))
        if name != "current":
            compress(str(path))
    return found


def asked(folder: Path, **more: Any) -> tuple[list[int], list[dict[str, Any]]]:
    """The numbers of the lines that are told, and what is said besides."""
    told: list[bytes] = []
    question = {"do": "logs", "names": [WEB], **more}
    answer(str(folder.parent), "", json.dumps(question).encode(), lambda data, _: told.append(data))
    rows = [json.loads(row) for row in b"".join(told).splitlines()]
    return [int(row["text"]) for row in rows if "text" in row], [r for r in rows if "text" not in r]


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "empty":
        data = bytearray()
    elif how == "nonsense":
        data = bytearray(b"this was never compressed\n")
    else:
        middle = len(data) // 2
        data[middle : middle + 64] = b"\xff" * 64
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "empty", "nonsense", "changed"])
def test_the_others_are_told_and_it_is_named(folder: Path, how: str) -> None:
    path = folder / "20261121T100000.000000Z.gz"
    damage(path, how)
    numbers, besides = asked(folder)
    assert numbers[-2 * LINES :] == list(range(LINES, 3 * LINES))
    assert len(numbers) < 3 * LINES
    if how in ("cut", "empty", "nonsense"):  # what is changed in the middle may still be lines
        assert numbers == [*range(len(numbers) - 2 * LINES), *range(LINES, 3 * LINES)]
    assert [row.get("damaged") for row in besides] == [str(path), None]
    assert besides[0]["why"]
    assert besides[-1] == {"end": True}


def test_it_is_named_once_however_it_is_asked_for(folder: Path) -> None:
    path = folder / "20261121T110000.000000Z.gz"
    damage(path, "empty")
    numbers, besides = asked(folder, n=LINES + 5)
    assert numbers == [*range(LINES - 5, LINES), *range(2 * LINES, 3 * LINES)]
    assert [row.get("damaged") for row in besides] == [str(path), None]


def test_what_is_not_asked_for_is_not_looked_at(folder: Path) -> None:
    damage(folder / "20261121T100000.000000Z.gz", "cut")
    numbers, besides = asked(folder, n=5)
    assert numbers == list(range(3 * LINES - 5, 3 * LINES))
    assert besides == [{"end": True}]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads it all the same")
def test_one_that_may_not_be_read_is_named_too(folder: Path) -> None:
    path = folder / "20261121T100000.000000Z.gz"
    path.chmod(0)
    numbers, besides = asked(folder)
    assert numbers == list(range(LINES, 3 * LINES))
    assert [row.get("damaged") for row in besides] == [str(path), None]


def test_one_that_is_compressed_while_it_is_opened_is_read_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "20261121T120000.000000Z"
    text = "".join(line(number) for number in range(100_000))
    path.write_text(text)
    seen, left = os.stat, [path]

    def stat(name: Any, *args: Any, **more: Any) -> os.stat_result:
        found = seen(name, *args, **more)
        if str(name) == str(path) and left:
            compress(str(left.pop()))
        return found

    monkeypatch.setattr(os, "stat", stat)
    last = last_of(str(path), WEB, 3, lambda _record: True)
    assert [int(record.text) for record in last] == [99_997, 99_998, 99_999]
