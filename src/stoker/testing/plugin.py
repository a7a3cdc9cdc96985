"""Fixtures for pytest. Not registered by itself; in a conftest.py write

    pytest_plugins = ["stoker.testing.plugin"]

`stoker_place` is an empty `Scenario`: a real manager over a directory of the test's own, taken down
afterwards. `stoker_world` makes a `World` of the definitions that it is given: simulated processes
and time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .scenario import Scenario
from .simulated import World

__all__ = ["stoker_place", "stoker_world"]


@pytest.fixture
def stoker_place() -> Iterator[Scenario]:
    """A place with nothing in it yet; everything is taken down after the test."""
    with Scenario() as place:
        yield place


@pytest.fixture
def stoker_world() -> Callable[..., World]:
    """Makes a simulated world: ``stoker_world(service("db"), service("web", requires="db"))``."""
    return World
