"""`stoker run` before it becomes the keeper: whoever watches that a manager comes to serve."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from typing import Any

import pytest

from stoker.cli.commands import run
from stoker.errors import NotYet

KEEPER = """
import signal, sys
both = (signal.SIGTERM, signal.SIGINT)
signal.pthread_sigmask(signal.SIG_BLOCK, both)
print("begun", flush=True)
print(*sorted(signal.Signals(signal.sigwait(both)).name for _ in both))
sys.exit(1)
"""


class Released:
    released = False

    def release(self) -> None:
        self.released = True


def test_a_keeper_whose_manager_never_serves_is_asked_twice_to_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(_place: Any, _keeper: int) -> None:
        raise NotYet("the manager of /srv did not answer")

    monkeypatch.setattr("stoker.client.wait_for", never)
    before = signal.getsignal(signal.SIGINT)
    keeper = subprocess.Popen([sys.executable, "-c", KEEPER], stdout=subprocess.PIPE, text=True)
    try:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "begun\n"
        run._see(None, Released(), keeper.pid)  # type: ignore[arg-type]
        assert keeper.wait(60) == 1
        assert keeper.stdout.readline() == "SIGINT SIGTERM\n"
    finally:
        signal.signal(signal.SIGINT, before)
        keeper.kill()
        keeper.wait()
        keeper.stdout.close()
    assert "did not answer" in capsys.readouterr().err


def test_what_is_handed_over_is_what_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    from stoker.client.launch import _handover

    reader, writer = os.pipe()
    os.close(reader)
    memory = _handover({"stdio/0": reader, "stdio/1": writer})
    try:
        data = os.pread(memory, 4096, 0)
    finally:
        os.close(memory)
    packets = []
    while data:
        length = int.from_bytes(data[:4], "little")
        packets.append(data[4 : 4 + length].split(b"\0"))
        data = data[4 + length :]
    assert packets[0] == [b"STOKER-HANDOVER", b"1"]
    assert packets[-1] == [b"END"]
    ((kind, number, name),) = packets[1:-1]
    assert (kind, name) == (b"NAME", b"stdio/1")
    copy = int(number)
    assert os.get_inheritable(copy)
    assert select.select([], [copy], [], 0)[1]
    os.close(copy)
    os.close(writer)
