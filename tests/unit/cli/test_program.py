"""The script itself: it leaves by the short way, and nothing is lost on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stoker.cli

SCRIPT = [sys.executable, str(Path(sys.executable).with_name("stoker"))]  # as it is installed


def run(*words: str, **keywords: object) -> subprocess.CompletedProcess[str]:
    command = [*SCRIPT, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **keywords)  # type: ignore[call-overload, no-any-return]


def test_all_output_arrives_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert stoker.cli.main(["completion", "bash"]) == 0
    expected = capsys.readouterr().out
    done = run("completion", "bash")
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_the_status_and_the_complaint_arrive() -> None:
    done = run("no-such-verb")
    assert done.returncode == 2
    assert "no such verb: no-such-verb" in done.stderr
    assert run("-C", "/nonexistent", "ls").returncode == 3


def test_nobody_reads() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*SCRIPT, "help"], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
