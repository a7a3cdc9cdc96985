"""Whose is a process that somebody asks about: of which run, if of any."""

from __future__ import annotations

import os
from collections.abc import Iterable

from stoker.linux import proc

from .runs import Run

__all__ = ["run_of"]

_DEEPEST = 64  # generations; a process further down is looked for by its contract


def run_of(runs: Iterable[Run], pid: int) -> Run | None:
    """The run that a living process belongs to. None for a process that is not below us or whoever
    started us, which is found out without looking at every contract.
    """
    ours, keeper = os.getpid(), os.getppid()
    mains = {run.main.pid: run for run in runs if run.main is not None}
    at = pid
    for _ in range(_DEEPEST):
        found = mains.get(at)
        if found is not None:
            return found
        stat = proc.stat(at)
        if stat is None or at == 1:
            return None
        if stat.ppid in (ours, keeper):
            break
        at = stat.ppid
    return next((run for run in runs if run.contract.contains(pid)), None)
