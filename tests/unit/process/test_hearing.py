"""Whom the kernel killed because memory was at its limit is known from others that were killed."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stoker.model import Definition
from stoker.process.hearing import starved
from stoker.process.reaper import End
from stoker.process.runs import Run

KILLED = End("signal", signal.SIGKILL)


def run_in(path: str | None) -> Run:
    contract: Any = SimpleNamespace(path=path)
    return Run("svc:/x:default", 1, 1, Definition("svc:/x:default"), contract)


def events(folder: Path, kills: int) -> None:
    """memory.events as the kernel writes it (cgroup-v2.rst)."""
    (folder / "memory.events").write_text(
        f"low 0\nhigh 0\nmax 12\noom {kills}\noom_kill {kills}\noom_group_kill 0\n"
    )


def test_each_kill_of_the_kernel_is_one_end(tmp_path: Path) -> None:
    run = run_in(str(tmp_path))
    events(tmp_path, 0)
    assert not starved(run, KILLED)  # by a person, say
    events(tmp_path, 1)
    assert starved(run, KILLED)
    assert not starved(run, KILLED)  # the next one was somebody else's
    events(tmp_path, 2)
    assert starved(run, KILLED)


@pytest.mark.parametrize("end", [End("exit", 9), End("signal", signal.SIGTERM), End("unknown")])
def test_other_ends_are_not_of_that_kind(tmp_path: Path, end: End) -> None:
    events(tmp_path, 1)
    assert not starved(run_in(str(tmp_path)), end)


def test_without_the_controller_nobody_can_tell(tmp_path: Path) -> None:
    assert not starved(run_in(str(tmp_path)), KILLED)
    assert not starved(run_in(None), KILLED)
