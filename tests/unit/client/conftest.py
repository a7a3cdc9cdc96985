"""A served fake manager for each test."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "interfaces"))
from control_fake import Served, served


@pytest.fixture
def door() -> Iterator[Served]:
    base = Path(tempfile.mkdtemp(prefix="st-"))  # short: the path of a socket is limited
    try:
        with served(base) as place:
            yield place
    finally:
        shutil.rmtree(base, ignore_errors=True)
