"""The manager as a program: what it does of its own, beside composing the rooms."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from stoker import daemon, interfaces

SETTLE = """
import gc
gc.disable()
from stoker.daemon import Daemon
from stoker.interfaces import ControlSocket
class Door(ControlSocket):
    __init__ = object.__init__
import sys
one = object.__new__(Daemon)
one.door = Door()
before = "h11" in sys.modules
one._settle()
print(before, gc.isenabled(), gc.get_freeze_count() > 1000, "h11" in sys.modules)
"""


def test_garbage_is_looked_for_and_http_is_whole_once_it_has_settled() -> None:
    """The search is switched off by the command that the keeper was given."""
    done = subprocess.run(
        [sys.executable, "-c", SETTLE], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "True", "True", "True"]


class Loop:
    """Notes what is to be done later."""

    def __init__(self) -> None:
        self.later: list[Callable[[], object]] = []

    def at(self, _when: int, call: Callable[[], object]) -> None:
        self.later.append(call)


class Keeping:
    """A keeper that holds nothing."""

    put = None

    def take(self, _prefix: str) -> dict[str, int]:
        return {}


def test_it_settles_whatever_becomes_of_its_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_words: Any) -> None:
        raise AssertionError("a mistake of ours")

    broken.HELD = "rpc/"  # type: ignore[attr-defined]
    monkeypatch.setattr(interfaces, "RPC", broken, raising=False)
    one: Any = object.__new__(daemon.Daemon)
    one.loop, one.keeping = Loop(), Keeping()
    with pytest.raises(AssertionError):
        one._serve(None)
    assert one.loop.later == [one._settle]
