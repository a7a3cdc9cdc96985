"""Circles of dependencies: found by the engine, told as a way round."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from stoker.engine import Defined, Engine, Instance, Now
from stoker.model import Definition, display

__all__ = ["draw_loop", "loops"]


def loops(definitions: Iterable[Definition]) -> list[list[str]]:
    """The dependency cycles among `definitions`: for each, the FMRIs in the order of a shortest way
    round (each needs the next one, the last needs the first).

    Instances that lie on several circles are told once, with the first.
    """
    engine = Engine()
    engine.handle([Defined(one) for one in definitions], Now(0, 0))
    left = [name for name in engine.fmris() if _in_cycle(engine.instance(name))]
    members = {name: _needs(engine.instance(name), set(left)) for name in left}
    found = []
    told: set[str] = set()
    for name in left:
        if name not in told:
            way = _round(members, name)
            told.update(way)
            found.append(way)
    return found


def draw_loop(loop: Sequence[str]) -> str:
    """A cycle for people: "a → b → a"."""
    return " → ".join(display(name) for name in [*loop, *loop[:1]])


def _in_cycle(i: Instance) -> bool:
    return i.static is not None and i.static.word == "dependency_cycle"


def _needs(i: Instance, within: set[str]) -> list[str]:
    found: dict[str, None] = {}
    for group in i.groups:
        if not group.excludes:
            for edge in group.edges:
                found |= {o.fmri: None for o in edge.instances if o.fmri in within}
    return list(found)


def _round(needs: dict[str, list[str]], start: str) -> list[str]:
    """A shortest way from `start` to itself; all that can be reached, if there is none."""
    came: dict[str, str] = {}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        for target in needs[name]:
            if target == start:
                way = [name]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return way[::-1]
            if target not in came:
                came[target] = name
                queue.append(target)
    return [start]
