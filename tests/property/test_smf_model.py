"""The engine in its simulated world, held against a second model of SMF that knows nothing of it.

States are equal after every act wherever nothing excludes another; how often each left online is
equal where the order of simultaneous starts cannot show (see `smf_naive`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import combinations, product

import pytest
from history_rules import contradictory
from smf_naive import Group, Naive, Node

from stoker.engine import Engine, World
from stoker.model import Definition, Dependency, Grouping, Request, Restart, RestartOn, Step

GROUPINGS = ("require_all", "require_any", "optional_all")
RESTART_ON = ("none", "error", "restart", "refresh")
ACTS = ("enable", "disable", "restart", "refresh", "mark", "clear", "exit", "core")
AT_ONCE = Restart(delay=0.0, cap=0.0, jitter=0.0)
RUN = (Step(argv=("/bin/service",)),)

Graph = dict[str, tuple[bool, list[Group]]]


def fmri(name: str) -> str:
    return f"svc:/{name}:default"


class Pair:
    """Both models of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.naive = Naive({n: Node(on, list(groups)) for n, (on, groups) in graph.items()})
        self.definitions = [
            Definition(
                fmri(name),
                start=RUN,
                enabled=on,
                restart=AT_ONCE,
                dependencies=tuple(
                    Dependency(
                        tuple(map(fmri, one.targets)),
                        Grouping(one.grouping),
                        RestartOn(one.restart_on),
                    )
                    for one in groups
                ),
            )
            for name, (on, groups) in graph.items()
        ]
        self.world = World(Engine(), keep_log=False)
        self.world.define(*self.definitions)
        self.acts: list[tuple[str, str]] = []
        self.settle()

    def settle(self) -> None:
        assert self.world.run(600), self

    def act(self, what: str, name: str) -> None:
        """The same to both."""
        self.acts.append((what, name))
        self.naive.act(what, name)
        world = self.world
        if what == "exit":
            world.exit(fmri(name), 1)
        elif what == "core":
            world.kill(fmri(name), 11)
        else:
            state = "maintenance" if what == "mark" else ""
            world.ask(Request(what, (fmri(name),), who="root", state=state))
        self.settle()

    def states(self) -> dict[str, str]:
        return {name: self.world.state(fmri(name)) for name in self.graph}

    def departures(self) -> dict[str, int]:
        found = dict.fromkeys(self.graph, 0)
        for one in self.world.published:
            if one.old_state == "online" != one.state:
                found[one.fmri.split("/")[1].split(":")[0]] += 1
        return found

    def compare(self) -> None:
        assert self.states() == self.naive.states(), self
        if not self.naive.bounces_on_arrival():
            assert self.departures() == self.naive.departures(), self

    def __repr__(self) -> str:
        lines = [f"{name}: {on} {groups}" for name, (on, groups) in self.graph.items()]
        return "\n".join([*lines, f"acts: {self.acts}"])


def groups_over(earlier: Sequence[str]) -> Iterator[list[Group]]:
    """No dependency, or one of each kind over each set of what comes before."""
    yield []
    for size in range(1, len(earlier) + 1):
        for targets in combinations(earlier, size):
            for grouping, restart_on in product(GROUPINGS, RESTART_ON):
                yield [Group(targets, grouping, restart_on)]


def small_graphs() -> list[Graph]:
    """All graphs of up to three, each with at most one dependency an instance."""
    found: list[Graph] = []
    for second, third in product(groups_over("a"), groups_over("ab")):
        found.append({"a": (True, []), "b": (True, second), "c": (True, third)})
    return found


def random_graph(rnd: random.Random, most: int, groupings: Sequence[str]) -> Graph:
    """Up to `most`, in no order that their names would show; some targets do not exist."""
    names = [f"n{at}" for at in range(rnd.randint(2, most))]
    rnd.shuffle(names)
    graph: Graph = {}
    for at, name in enumerate(names):
        groups = []
        for _ in range(rnd.choice((0, 1, 1, 1, 2, 3)) if at else 0):
            known = [*names[:at], *(["gone"] if rnd.random() < 0.1 else [])]
            targets = rnd.sample(known, min(len(known), rnd.randint(1, 3)))
            groups.append(Group(tuple(targets), rnd.choice(groupings), rnd.choice(RESTART_ON)))
        graph[name] = (rnd.random() < 0.85, groups)
    names.sort()
    return {name: graph[name] for name in names}


SMALL = small_graphs()
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_all_small_graphs(part: int) -> None:
    """Every act on every one of them, in an order that differs from graph to graph."""
    for number in range(part, len(SMALL), PARTS):
        rnd = random.Random(number)
        for _ in range(2):
            graph = {n: (rnd.random() < 0.8, groups) for n, (_, groups) in SMALL[number].items()}
            pair = Pair(graph)
            pair.compare()
            acts = list(product(ACTS, graph))
            rnd.shuffle(acts)
            for what, name in acts:
                pair.act(what, name)
                pair.compare()


@pytest.mark.parametrize("part", range(PARTS))
def test_random_graphs(part: int) -> None:
    """Up to twelve instances, thirty acts."""
    for seed in range(part * 40, (part + 1) * 40):
        rnd = random.Random(seed)
        pair = Pair(random_graph(rnd, 12, GROUPINGS))
        pair.compare()
        for _ in range(30):
            pair.act(rnd.choice(ACTS), rnd.choice(list(pair.graph)))
            pair.compare()


def test_where_something_excludes_another_both_come_to_a_state_that_their_rules_allow() -> None:
    """Who came first may differ; nobody may then run who could not have started, or wait who
    could."""
    groupings = (*GROUPINGS, "exclude_all")
    compared = 0
    for seed in range(200):
        rnd = random.Random(seed)
        pair = Pair(random_graph(rnd, 6, groupings))
        if contradictory({one.fmri: one for one in pair.definitions}):
            continue
        for _ in range(10):
            what, name = rnd.choice(ACTS), rnd.choice(list(pair.graph))
            pair.act(what, name)
            other = Naive({n: Node(on, groups) for n, (on, groups) in pair.graph.items()})
            for n, state in pair.states().items():
                other.nodes[n].state = state
            assert not [n for n in other.nodes if other.may_start(n)], pair
            compared += 1
    assert compared > 1000
