"""The program of the stand-ins does what /bin/sh would do, or is not there."""

from __future__ import annotations

import os
import platform
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from stoker.compat.sysmgr.standin import image, install


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "runsyssv"
    if not install(str(path)):
        pytest.skip(f"no program for {platform.machine()}, or nothing may be executed here")
    return path


def test_it_ends_with_its_standard_input(program: Path) -> None:
    child = subprocess.Popen([program], stdin=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(b"bytes mean nothing")
    child.stdin.flush()
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(30) == 0


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "ABRT", "USR1", "USR2", "KILL"])
def test_every_signal_has_its_default_meaning(program: Path, name: str) -> None:
    number = getattr(signal, f"SIG{name}")
    with subprocess.Popen([program], stdin=subprocess.PIPE) as child:
        child.send_signal(number)
        assert child.wait(30) == -number


def test_it_goes_on_after_it_was_stopped(program: Path) -> None:
    with subprocess.Popen([program], stdin=subprocess.PIPE) as child:
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        child.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, child.pid, os.WCONTINUED)
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(30) == 0


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 62), ("aarch64", 183)])
def test_the_file_is_a_small_program_of_that_machine(machine: str, number: int) -> None:
    data = image(machine)
    assert data is not None and len(data) < 200
    assert data[:5] == b"\x7fELF\x02"
    kind, machine_number = struct.unpack_from("<HH", data, 16)
    assert (kind, machine_number) == (2, number)
    entry = struct.unpack_from("<Q", data, 24)[0]
    _, flags, offset, address, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", data, 64)
    assert (flags, offset, size) == (5, 0, len(data))  # read and execute, never write
    assert address <= entry < address + size


def test_another_machine_has_none(tmp_path: Path) -> None:
    path = tmp_path / "runsyssv"
    path.write_text("of an earlier time")
    assert not install(str(path), "vax")
    assert not path.exists()


def test_one_that_does_not_work_here_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (b"no program", b"#!/bin/false\n"):
        monkeypatch.setattr("stoker.compat.sysmgr.standin.image", lambda _m, wrong=wrong: wrong)
        path = tmp_path / "runsyssv"
        assert not install(str(path))
        assert not path.exists()


def test_where_nothing_can_be_written_there_is_none(tmp_path: Path) -> None:
    assert not install(str(tmp_path / "missing" / "runsyssv"))
