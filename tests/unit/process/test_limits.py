"""What limits come to in the files of a cgroup, and in setrlimit(2)."""

from __future__ import annotations

import pytest

from stoker.formats import reference_rows
from stoker.linux import limits as kernel
from stoker.model import Limits
from stoker.process.cgroups import controllers


def test_what_is_written() -> None:
    assert controllers(Limits()) == {}
    found = controllers(Limits(memory=1 << 20, memory_high=1 << 19, cpu=0.5, pids=7))
    assert found == {
        "memory.max": "1048576",
        "memory.high": "524288",
        "cpu.max": "50000 100000",
        "pids.max": "7",
    }


def test_devices_by_path_and_by_number() -> None:
    # /dev/null is 1:3 and /dev/zero 1:5 on every Linux.
    io = {"/dev/null": "rbps=1", "weight": "200", "/dev/zero": "wiops=max", "8:0": "riops=2"}
    assert controllers(Limits(io=io)) == {
        "io.weight": "200",
        "io.max": "1:3 rbps=1\n1:5 wiops=max\n8:0 riops=2",
    }


def test_a_device_that_is_not_there() -> None:
    io = {"/dev/no-such-device": "rbps=1"}
    assert controllers(Limits(io=io)) == {}
    with pytest.raises(FileNotFoundError):
        controllers(Limits(io=io, missing="refuse"))


def test_every_rlimit_that_may_be_written_exists() -> None:
    others = {"memory", "memory_high", "cpu", "pids", "io", "missing"}
    rows = {row["key"] for row in reference_rows() if row["table"] == "[limits]"} - others
    assert {"cpu" if name == "cpu_time" else name for name in rows} <= set(kernel.NAMES)
