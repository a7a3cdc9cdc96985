"""nosh's commands on a place: by their names, in this process, which is quicker."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator

from stoker.compat import run as run_command
from stoker.testing import Result, Scenario


@contextlib.contextmanager
def inside(place: Scenario) -> Iterator[None]:
    """With the environment and the working directory of a place."""
    environment, here = dict(os.environ), os.getcwd()
    os.environ.clear()
    os.environ.update(place.environment)
    os.chdir(place.directory)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)


def run(place: Scenario, name: str, *words: object) -> Result:
    """`NAME …` there."""
    out, err = io.StringIO(), io.StringIO()
    with inside(place), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run_command(name, [str(word) for word in words])
    return Result(status, out.getvalue(), err.getvalue())


def control(place: Scenario, *words: object) -> Result:
    """`system-control …` there."""
    return run(place, "system-control", *words)
