"""Circles of dependencies: found by the engine, told as a way round."""

from __future__ import annotations

from collections.abc import Iterable

from stoker.engine import Defined, Engine, Now, cycle, find_loops, hard_targets
from stoker.engine import draw as draw_loop
from stoker.model import Definition

__all__ = ["draw_loop", "loops"]


def loops(definitions: Iterable[Definition]) -> list[list[str]]:
    """The dependency cycles among `definitions`: for each, the FMRIs in the order of a shortest way
    round (each needs the next one, the last needs the first).

    Instances that lie on several circles are told once, with the first.
    """
    engine = Engine()
    engine.handle([Defined(one) for one in definitions], Now(0, 0))
    needs = {
        name: [target.fmri for target in hard_targets(engine.instance(name))]
        for name in engine.fmris()
    }
    found = []
    for members in find_loops(needs):
        told: set[str] = set()
        for name in members:
            if name not in told:
                way = cycle(needs, [name, *members])
                told.update(way)
                found.append(way)
    return found
