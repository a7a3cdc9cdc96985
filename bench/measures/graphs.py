"""Services that wait for each other's readiness: a chain, and a random graph."""

from __future__ import annotations

import random

from ..peers import Edges, Peer
from .scene import Scene, running

__all__ = ["Chain", "Graph"]


class Chain(Scene):
    """Each of `count` waits until the one before is ready."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.name = "chain"

    def suits(self, peer: Peer) -> bool:
        return peer.graphs

    def measure(self, peer: Peer) -> dict[str, float]:
        edges = {number: [number - 1] for number in range(1, self.count)}
        with running(peer, self.count, edges) as up:
            took = up.stamps.slot(self.count - 1)[0] - up.stamps.slot(0)[0]
            found = {
                f"chain of {self.count}, from nothing, s": up.took,
                "chain, each link, ms": took / 1e6 / (self.count - 1),
            }
            found[f"chain of {self.count}, stop, s"] = up.stop()
        return found


class Graph(Scene):
    """A random graph: each of `count` waits for up to three of those before it; always the same."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.name = "graph"

    def suits(self, peer: Peer) -> bool:
        return peer.graphs

    def measure(self, peer: Peer) -> dict[str, float]:
        with running(peer, self.count, _edges(self.count)) as up:
            found = {f"random graph of {self.count}, from nothing, s": up.took}
            found[f"random graph of {self.count}, stop, s"] = up.stop()
        return found


def _edges(count: int) -> Edges:
    chance = random.Random(count)
    return {
        number: sorted(chance.sample(range(number), min(number, chance.randrange(4))))
        for number in range(1, count)
    }
