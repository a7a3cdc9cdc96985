"""One scratch place a test, taken down whatever happens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.testing import Scenario

sys.path.insert(0, str(Path(__file__).parent))  # for what several tests here share

from smf_host import Call, caller


@pytest.fixture
def place() -> Iterator[Scenario]:
    with Scenario() as scenario:
        yield scenario


@pytest.fixture
def smf(
    place: Scenario, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Calls a command of SMF for the place of the test: status, output, errors."""
    return caller(place, monkeypatch, capsys)
