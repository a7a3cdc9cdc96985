"""A served fake manager for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "interfaces"))
from control_fake import Served, served


@pytest.fixture
def door() -> Iterator[Served]:
    with served() as place:
        yield place
