"""The engine alone, without a process or a file: how long each published transition takes, and how
that grows with the number of instances.

Each instance starts, ends once by itself (KILL), starts again; events come in turns of 32, as the
manager hands them over, and the records for the state log are taken after each turn.
"""

from __future__ import annotations

import gc
import time
from collections import deque

from ..peers import Peer
from .scene import Scene

__all__ = ["EngineAlone"]

_TURN = 32


class EngineAlone(Scene):
    """`count` instances that depend on nothing."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.name = f"engine with {count}"

    def suits(self, peer: Peer) -> bool:
        return peer.name == "stoker"

    def measure(self, peer: Peer) -> dict[str, float]:
        gc.collect()
        published, seconds = _live(self.count)
        return {
            f"engine alone, {self.count}: transitions, a second": published / seconds,
            f"engine alone, {self.count}: each instance, µs": seconds / self.count * 1e6,
        }


def _live(count: int) -> tuple[int, float]:
    """Transitions published, and seconds."""
    from stoker.engine import (
        Defined,
        Empty,
        Engine,
        Event,
        Exited,
        Now,
        Publish,
        Spawn,
        Spawned,
        Status,
    )
    from stoker.model import Definition, Step, fmri

    step = (Step(("/bin/true",)),)
    given = [Defined(Definition(fmri(f"s{n:06}", "default"), start=step)) for n in range(count)]
    engine, now, published = Engine(), 0, 0
    todo: deque[Event] = deque(given)
    killed = Status("signal", 9)
    begun = time.perf_counter()
    ended = False
    first = count  # the definitions come at once
    while todo:
        events = [todo.popleft() for _ in range(min(len(todo), first or _TURN))]
        first = 0
        now += 1_000_000
        for effect in engine.handle(events, Now(now, now)):
            if isinstance(effect, Publish):
                published += 1
            elif isinstance(effect, Spawn):
                todo.append(Spawned(effect.fmri, effect.run, "start", 1000))
        engine.take_changed()
        if not todo and not ended:
            ended = True
            for one in given:
                name = one.definition.fmri
                todo.append(Exited(name, 1, "main", killed))
                todo.append(Empty(name, 1))
    return published, time.perf_counter() - begun
