"""One scratch place a test, taken down whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stoker.testing import Scenario


@pytest.fixture
def place() -> Iterator[Scenario]:
    with Scenario() as scenario:
        yield scenario
