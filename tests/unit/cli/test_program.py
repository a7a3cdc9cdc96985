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


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["help", "-C /nonexistent ls"])
def test_what_is_closed_is_not_written_to(closed: str, words: str) -> None:
    command = f'"$0" "$1" {words} {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, *SCRIPT], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == (3 if "ls" in words else 0)
    assert "Traceback" not in done.stderr


def test_a_working_directory_that_was_removed_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    command = 'cd gone && rmdir ../gone && "$0" "$1" check'
    done = subprocess.run(
        ["/bin/sh", "-c", command, *SCRIPT], capture_output=True, text=True, timeout=60,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "was removed" in done.stderr
