"""`bench`: an executor with real processes, once for each way of containing them that there is
here.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stoker.linux import cgroup
from stoker.process import building


def _load(name: str) -> ModuleType:
    """A plain module beside this file."""
    full = f"stoker_process_{name}"
    if full not in sys.modules:
        path = Path(__file__).with_name(f"{name}.py")
        spec = importlib.util.spec_from_file_location(full, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


@pytest.fixture(params=["cgroup", "session"])
def bench(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A `Bench` (bench.py)."""
    if request.param == "cgroup" and cgroup.usable() is None:
        pytest.skip("no cgroup can be made here")
    made = _load("bench").Bench(request.param)
    yield made
    made.close()


@pytest.fixture
def alive() -> Any:
    """`alive(pid)`: a zombie does not."""
    return _load("bench").alive


@pytest.fixture
def root() -> None:
    """Skips where the test is not run by root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def compiled_spawner(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The spawner of spawner.c, compiled for these tests."""
    target = str(tmp_path_factory.mktemp("spawner") / "spawner")
    why = building.build(target)
    if why:
        pytest.skip(why)
    return target
