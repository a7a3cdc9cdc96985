"""Cycles in a directed graph: found without recursion, drawn for people."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from stoker.model import display

__all__ = ["cycle", "draw", "find_loops"]


def find_loops(graph: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The strongly connected parts that hold a cycle, each in the order of `graph`'s keys.

    What has no cycle is peeled off first, so a graph without one costs one look at each edge.
    """
    left = _core_of(graph)
    if not left:
        return []
    part: dict[str, int] = {}
    found: list[list[str]] = []
    for members in _components(graph, left):
        one = next(iter(members))
        if len(members) > 1 or one in graph[one]:
            for name in members:
                part[name] = len(found)
            found.append([])
    for name in graph:
        if name in part:
            found[part[name]].append(name)
    place = {name: at for at, name in enumerate(graph)}
    return sorted(found, key=lambda members: place[members[0]])


def _core_of(graph: Mapping[str, Sequence[str]]) -> set[str]:
    """What is left when everything that nothing points at is taken away, again and again."""
    pointed = dict.fromkeys(graph, 0)
    for targets in graph.values():
        for target in targets:
            if target in pointed:
                pointed[target] += 1
    free = [name for name, count in pointed.items() if not count]
    left = len(graph)
    while free:
        name = free.pop()
        left -= 1
        for target in graph[name]:
            if target in pointed:
                pointed[target] -= 1
                if not pointed[target]:
                    free.append(target)
    return {name for name, count in pointed.items() if count} if left else set()


def _components(graph: Mapping[str, Sequence[str]], within: set[str]) -> Iterable[list[str]]:
    """Tarjan's strongly connected components, with a stack of our own."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on: set[str] = set()
    for root in graph:
        if root in index or root not in within:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on.add(root)
        while work:
            name, targets = work[-1]
            for target in targets:
                if target not in within:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on.add(target)
                    work.append((target, iter(graph[target])))
                    break
                if target in on:
                    low[name] = min(low[name], index[target])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[name])
                if low[name] == index[name]:
                    members = []
                    while True:
                        member = stack.pop()
                        on.discard(member)
                        members.append(member)
                        if member == name:
                            break
                    yield members


def cycle(graph: Mapping[str, Sequence[str]], members: Sequence[str]) -> list[str]:
    """A shortest cycle through the first of `members`: each name points at the next, the last at
    the first.
    """
    inside, start = set(members), members[0]
    came: dict[str, str] = {}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        for target in graph[name]:
            if target == start:
                path = [name]
                while path[-1] != start:
                    path.append(came[path[-1]])
                return path[::-1]
            if target in inside and target not in came:
                came[target] = name
                queue.append(target)
    return list(members)


def draw(way: Sequence[str]) -> str:
    """A cycle for people: "a → b → a"."""
    return " → ".join(display(one) for one in [*way, *way[:1]])
