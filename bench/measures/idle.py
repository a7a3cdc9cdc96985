"""Nothing happens: wake-ups and processor time of all managers, side by side over one minute."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack

from .. import proc
from ..peers import Peer
from ..results import Results
from .scene import running

__all__ = ["idle"]


def idle(peers: Iterable[Peer], count: int, seconds: float, results: Results) -> None:
    """Start everybody's `count` services, let them be, and look before and after.

    All at the same time: what each costs is read from its own processes.
    """
    with ExitStack() as stack:
        up = []
        for peer in peers:
            if peer.name == "floor":
                continue
            try:
                up.append((peer, stack.enter_context(running(peer, count))))
            except Exception as error:
                results.failed(peer.name, "idle", str(error))
        time.sleep(3)
        before = [(peer, place, place.place.managers()) for peer, place in up]
        costs = [proc.cost(pids) for _, _, pids in before]
        time.sleep(seconds)
        for (peer, _place, pids), cost in zip(before, costs, strict=True):
            spent = proc.cost(pids).since(cost)
            found = {
                f"idle with {count}: processor, ms a minute": spent.cpu * 60_000 / seconds,
                f"idle with {count}: switches, a minute": spent.switches * 60 / seconds,
            }
            results.add(peer.name, found)
        for _, place in up:
            try:
                place.stop()
            except Exception as error:
                results.failed(place.place.peer.name, "idle", f"stop: {error}")
