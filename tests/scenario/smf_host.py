"""What tests of SMF's commands share: calling one in this process for a running place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stoker.compat import run
from stoker.testing import Scenario

__all__ = ["DOCTYPE", "SLEEP", "Call", "caller"]

Call = Callable[..., tuple[int, str, str]]
"""Runs a command: its exit status, output, errors."""

SLEEP = 'exec_start = ["sleep", "infinity"]\n'
DOCTYPE = "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"


def caller(
    place: Scenario, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """How to call a command of SMF for the place."""
    monkeypatch.setenv("STOKER_RUNTIME_DIR", str(place.runtime))
    monkeypatch.chdir(place.directory)

    def call(name: str, *words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run(name, words)
        return (status, *capsys.readouterr())

    return call
