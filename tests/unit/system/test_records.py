"""Records of boots and ends: last(1) and who(1) are the judges."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stoker.system import records

SIZE = 384  # of a record on Linux (utmp(5))


def said(*words: str) -> str:
    """What a program says, in English and UTC."""
    env = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
    return subprocess.run(words, capture_output=True, text=True, env=env, check=True).stdout


@pytest.mark.skipif(shutil.which("last") is None, reason="there is no last(1) here")
def test_last_tells_the_boot_and_the_end(tmp_path: Path) -> None:
    utmp, wtmp = str(tmp_path / "utmp"), str(tmp_path / "wtmp")
    records.boot(utmp, wtmp, now=1_700_000_000.5)
    records.shutdown(wtmp, now=1_700_003_600.0)
    records.boot(utmp, wtmp, now=1_700_007_200.0)
    told = said("last", "-x", "--time-format", "iso", "-f", wtmp)
    assert "2023-11-14T22:13:20" in told  # 1700000000
    lines = [line.split()[0] for line in told.splitlines()[:3]]
    assert lines == ["reboot", "shutdown", "reboot"]


@pytest.mark.skipif(shutil.which("who") is None, reason="there is no who(1) here")
def test_who_knows_when_the_machine_began(tmp_path: Path) -> None:
    utmp = tmp_path / "utmp"
    records.boot(str(utmp), str(tmp_path / "wtmp"), now=1_700_000_000)
    assert "22:13" in said("who", "-b", str(utmp))


def test_a_boot_begins_utmp_anew_and_wtmp_grows(tmp_path: Path) -> None:
    utmp, wtmp = tmp_path / "utmp", tmp_path / "wtmp"
    for _ in range(3):
        records.boot(str(utmp), str(wtmp))
    assert utmp.stat().st_size == SIZE
    assert wtmp.stat().st_size == 3 * SIZE


def test_the_files_are_not_for_everybody_to_write(tmp_path: Path) -> None:
    utmp = tmp_path / "utmp"
    records.boot(str(utmp), str(tmp_path / "wtmp"))
    assert utmp.stat().st_mode & 0o7777 == 0o664


def test_a_time_beyond_32_bits_is_no_mistake() -> None:
    assert len(records.record(2, "reboot", 5e9)) == SIZE
