"""The documents' table of SMF's behaviours names tests that are there, and leaves none out."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "docs" / "from" / "smf-checks.md"


def test_every_check_has_tests_that_are_there() -> None:
    rows = re.findall(r"^\| (T\d\d) \|.*\| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert [number for number, _ in rows] == [f"T{number:02}" for number in range(1, 85)]
    lacking = []
    for number, cell in rows:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", cell)
        assert named, number
        for path, name in named:
            file = TESTS / path
            if not file.exists() or f"def {name}(" not in file.read_text(encoding="utf-8"):
                lacking.append(f"{number}: {path}::{name}")
    assert not lacking


def test_a_test_that_bears_a_number_is_in_its_row() -> None:
    rows = dict(re.findall(r"^\| (T\d\d) \|.*\| (.*) \|$", PAGE.read_text("utf-8"), re.M))
    missing = []
    for file in TESTS.rglob("test_*.py"):
        for name in re.findall(r"^def (test_t\d\d_\w+)\(", file.read_text(encoding="utf-8"), re.M):
            missing += [
                f"{number.upper()}: {name}"
                for number in re.findall(r"t\d\d(?=_)", name)
                if f"::{name}`" not in rows.get(number.upper(), "")
            ]
    assert not missing
