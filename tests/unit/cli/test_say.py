"""How values are written for people."""

from __future__ import annotations

import pytest

from stoker.cli.say import size


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (512, "512"),
        (1024, "1K"),
        (1536, "1.5K"),
        (10 * 1024**2, "10M"),
        (2048 * 1024**4, "2048T"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown
