"""Where our memory goes: each process of ours, with and without services, beside interpreters that
do nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from .. import proc
from ..peers import Peer
from .scene import Scene, running

__all__ = ["Memory"]

_PARTS = {"stoker.keeper": "keeper", "stoker.recorder": "recorder", "stoker.daemon": "manager"}
_BARE = 3  # as many as we are, so that they share with each other what ours share


class Memory(Scene):
    """Our processes one by one, with so many services."""

    rounds = 1

    def __init__(self, count: int) -> None:
        self.count = count
        self.name = f"memory with {count}"

    def suits(self, peer: Peer) -> bool:
        return peer.name == "stoker"

    def measure(self, peer: Peer) -> dict[str, float]:
        found = {}
        with running(peer, self.count) as up:
            time.sleep(1)
            for pid in up.place.managers():
                found[f"PSS with {self.count}: {_part(pid)}, MB"] = proc.pss([pid])
            up.stop()
        if not self.count:
            found["PSS of an interpreter that does nothing, MB"] = _bare()
        return found


def _part(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split(" --run ")[0]
    return next((part for name, part in _PARTS.items() if name in words), "spawner")


def _bare() -> float:
    argv = [sys.executable, "-I", "-S", "-c", "input()"]
    some = [subprocess.Popen(argv, stdin=subprocess.PIPE) for _ in range(_BARE)]
    try:
        time.sleep(1)
        return proc.pss([one.pid for one in some]) / _BARE
    finally:
        for one in some:
            one.communicate(b"\n")
