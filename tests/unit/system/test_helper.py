"""The helper of the boot services, as they call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stoker.system import helper, records


def test_a_boot_and_an_end_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utmp, wtmp = tmp_path / "utmp", tmp_path / "wtmp"
    monkeypatch.setattr(records.boot, "__defaults__", (str(utmp), str(wtmp), None))
    monkeypatch.setattr(records.shutdown, "__defaults__", (str(wtmp), None))
    assert helper.main(["utmp", "boot"]) == 0
    assert helper.main(["utmp", "shutdown"]) == 0
    one = utmp.stat().st_size
    assert one > 0
    assert wtmp.stat().st_size == 2 * one


def test_what_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none" / "wtmp"
    monkeypatch.setattr(records.shutdown, "__defaults__", (str(missing), None))
    assert helper.main(["utmp", "shutdown"]) == 1
    assert str(missing) in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["utmp"], ["utmp", "what"], ["what"]])
def test_other_words_are_a_mistake(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert helper.main(words) == 2
    assert "usage" in capsys.readouterr().err


def test_what_is_said_is_utf_8_whatever_the_language_of_the_machine() -> None:
    code = (
        "from stoker.system import helper, logs\n"
        "logs.kernel_log = lambda: print('\\u20ac')\n"
        "raise SystemExit(helper.main(['kernel-log']))\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.decode()) == (0, "\u20ac\n")
