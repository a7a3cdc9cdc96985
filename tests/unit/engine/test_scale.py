"""The cost of one instance does not grow with their number."""

from __future__ import annotations

import gc
import time

from stoker.engine import Defined, Engine, Now, Spawned, cycle, draw, find_loops
from stoker.model import Definition, Dependency, Step

START = (Step(argv=("/bin/service",)),)


def cost(count: int) -> float:
    """Seconds of processor time for one instance: defined, begun, up, below one require_all."""
    names = [f"svc:/s{n}:default" for n in range(count)]
    definitions = [Definition(fmri=name, start=START) for name in names]
    top = Definition("svc:/top:default", start=START, dependencies=(Dependency(tuple(names)),))
    gc.collect()
    gc.disable()
    try:
        engine = Engine()
        began = time.process_time()
        engine.handle([Defined(d) for d in [*definitions, top]], Now(1, 1))
        for n, name in enumerate(names):
            engine.handle([Spawned(name, 1, "start", n + 2)], Now(2, 2))
        spent = time.process_time() - began
    finally:
        gc.enable()
    assert engine.instance("svc:/top:default").stage == "start"
    return spent / count


def test_twenty_thousand_cost_as_much_each_as_two_thousand():
    small = min(cost(2_000) for _ in range(3))
    assert cost(20_000) <= 3 * small


def test_a_chain_of_thousands_needs_no_recursion():
    count = 5_000
    definitions = [
        Definition(
            f"svc:/s{n}:default",
            dependencies=(Dependency((f"svc:/s{n + 1}:default",)),) if n + 1 < count else (),
        )
        for n in range(count)
    ]
    engine = Engine()
    engine.handle([Defined(d) for d in definitions], Now(1, 1))
    assert {i.stage for i in engine.instances.values()} == {"up"}


def test_a_cycle_of_thousands_is_found_and_drawn():
    count = 5_000
    graph = {f"svc:/s{n}:default": [f"svc:/s{(n + 1) % count}:default"] for n in range(count)}
    found = find_loops(graph)
    assert [len(loop) for loop in found] == [count]
    assert draw(cycle(graph, found[0])).startswith("s0 → s1 → s2")


def test_loops_are_found_and_what_hangs_on_them_is_not():
    graph = {"a": ["b"], "b": ["c", "x"], "c": ["b"], "d": ["d"], "x": [], "e": ["a", "d"]}
    assert find_loops(graph) == [["b", "c"], ["d"]]
    assert find_loops({"a": ["b"], "b": []}) == []
