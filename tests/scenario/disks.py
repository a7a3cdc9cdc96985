"""A small disk for a test that fills it, or takes away that it can be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stoker.testing import Scenario

__all__ = ["small_disk"]


@contextmanager
def small_disk(place: Scenario, path: Path) -> Iterator[Path]:
    """A disk of two megabytes on the directory PATH, which is made; `place` ends before it goes.
    Skips the test where nothing may be mounted.
    """
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "stoker-test", str(path)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode != 0:
        pytest.skip("nothing may be mounted here")
    try:
        yield path
    finally:
        try:
            place.close()
        finally:
            subprocess.run(["umount", "-l", str(path)], check=True)
