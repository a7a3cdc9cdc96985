"""The dependency graph: groups and edges between instances, with cached values and counters.

An edge's value is how far its target is from what the group wants of it, on a scale of five, and a
group keeps how many of its edges have which value. So one change of one target costs one step for
each group that cites it, whatever its size (`values.py` computes the values). The graph is built
anew when definitions change; between that only values move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.model import Dependency, Grouping, RestartOn

from .facts import COMING, Fault, Instance
from .loops import cycle, draw, find_loops

if TYPE_CHECKING:
    from .core import Core

__all__ = ["RANK", "Edge", "Group", "build", "calm_for", "unlink"]

RANK = {RestartOn.NONE: 0, RestartOn.ERROR: 1, RestartOn.RESTART: 2, RestartOn.REFRESH: 3}
RESTART_RANK = 2
CYCLE = "dependency_cycle"


class Edge:
    """One target of a group. `instances` is empty for a fact, and for what does not exist."""

    __slots__ = ("group", "inner", "instances", "is_fact", "is_service", "target", "up", "value")

    def __init__(self, group: Group, target: str) -> None:
        self.group = group
        self.target = target
        self.instances: list[Instance] = []
        self.is_fact = not target.startswith("svc:")
        self.is_service = not self.is_fact and ":" not in target[5:]
        self.value = 0
        self.up = False
        self.inner = False  # it points at another of the ordering loop that its owner is part of


class Group:
    """One dependency of one instance, with its counters and the stamps of its targets' departures.

    `going`: targets that are on their way down and wait for us. `ups`: exclude targets that run.
    """

    __slots__ = (
        "arrived",
        "counts",
        "departed_fault",
        "departed_restart",
        "dependency",
        "edges",
        "excludes",
        "going",
        "goner",
        "kind",
        "owner",
        "rank",
        "refreshed",
        "source",
        "ups",
        "value",
    )

    def __init__(self, owner: Instance, dependency: Dependency) -> None:
        self.owner = owner
        self.dependency = dependency
        self.kind = dependency.grouping
        self.excludes = dependency.grouping == Grouping.EXCLUDE_ALL
        self.rank = RANK[dependency.restart_on]
        self.edges = [Edge(self, target) for target in dependency.targets]
        self.counts = [0, 0, 0, 0, 0]
        self.value = 4
        self.going = 0
        self.goner: Instance | None = None
        self.ups = 0
        self.departed_fault = 0
        self.departed_restart = 0
        self.refreshed = 0
        self.arrived = 0
        self.source: Instance | str = ""

    def recount(self) -> None:
        """Set `value` from the counters."""
        counts = self.counts
        if self.kind == Grouping.REQUIRE_ANY and self.edges:
            self.value = next((n for n in (4, 3, 2, 1, 0) if counts[n]), 4)
        else:
            self.value = next((n for n in (0, 1, 2, 3) if counts[n]), 4)


def build(core: Core) -> None:
    """Make all groups, edges and orderings from the definitions that are there now."""
    instances = list(core.instances.values())
    services: dict[str, list[Instance]] = {}
    for i in instances:
        services.setdefault(i.fmri.rpartition(":")[0], []).append(i)
    core.services = services
    core.cited_facts = {}
    cycled = [i for i in instances if i.static is not None]
    for i in instances:
        i.watchers, i.earlier, i.later, i.downs = [], [], [], []
        i.held = i.after_waits = 0
        i.loop, i.circle, i.static = "", 0, None
        i.hope, i.tangled = COMING, False
    plain = True
    for i in instances:
        d = i.definition
        if d.dependencies:
            plain = False
            i.groups = [_bind(core, Group(i, one)) for one in d.dependencies]
        else:
            i.groups = []
        if d.fault:
            i.static = Fault(d.fault, "restart", f"its definition is not usable ({d.fault})")
    plain = _order(core, instances) and plain
    _closures(core, instances)
    if not plain:
        _cycles(instances)
    core.looped = [i for i in instances if i.loop or i.static is not None]
    for i in core.looped:
        for edge in [edge for group in i.groups for edge in group.edges]:
            edge.inner = bool(i.loop) and any(o.loop == i.loop for o in edge.instances)
    for i in cycled:
        if i.static is None and i.fault is None and i.effective:
            i.settled = False  # what kept it from ever trying is mended
            core.touch(i)
    for i in instances:
        _downs(i)
    _resume(core, instances)
    core.rewatch()


def _bind(core: Core, group: Group) -> Group:
    """Connect the edges of a group with what they name."""
    for edge in group.edges:
        target = edge.target
        if edge.is_fact:
            core.cited_facts.setdefault(target, []).append(edge)
            stamp = core.fact_stamps.get(target, 0)
            if stamp > _latest(group, group):
                group.source = target
            group.departed_restart = max(group.departed_restart, stamp)
            continue
        if edge.is_service:
            edge.instances = list(core.services.get(target, ()))
        else:
            one = core.instances.get(target)
            edge.instances = [] if one is None else [one]
        if group.excludes and group.owner in edge.instances:
            edge.instances.remove(group.owner)  # nobody is in his own way
        for i in edge.instances:
            i.watchers.append(edge)
            if _latest(group, i) > _latest(group, group):
                group.source = i
            group.departed_fault = max(group.departed_fault, i.departed_fault)
            group.departed_restart = max(group.departed_restart, i.departed_restart)
            group.refreshed = max(group.refreshed, i.refreshed)
            if core.customs.bounced_by_return:
                group.arrived = max(group.arrived, i.arrived)
    return group


def _latest(group: Group, of: Instance | Group) -> int:
    """The stamp of the last thing that could make the group's owner stale."""
    arrived = 0 if group.kind == Grouping.REQUIRE_ALL else of.arrived
    return max(of.departed_fault, of.departed_restart, of.refreshed, arrived)


def _order(core: Core, instances: list[Instance]) -> bool:
    """Fill `earlier` and `later` from after and before; true when there is none at all."""
    none = True
    for i in instances:
        for target in i.definition.after:
            for other in core.lookup(target):
                if other is not i and other not in i.earlier:
                    none = False
                    i.earlier.append(other)
                    other.later.append(i)
        for target in i.definition.before:
            for other in core.lookup(target):
                if other is not i and i not in other.earlier:
                    none = False
                    other.earlier.append(i)
                    i.later.append(other)
    return none


def _closures(core: Core, instances: list[Instance]) -> None:
    """Who pulls whom in, and who goes along with whom."""
    pulls: dict[str, list[Instance]] = {}
    parts: dict[str, list[Instance]] = {}
    for i in instances:
        for target in i.definition.wants:
            pulls.setdefault(i.fmri, []).extend(core.lookup(target))
        for target in i.definition.wanted_by:
            for other in core.lookup(target):
                pulls.setdefault(other.fmri, []).append(i)
        for target in i.definition.part_of:
            for other in core.lookup(target):
                parts.setdefault(other.fmri, []).append(i)
    core.pulls, core.parts = pulls, parts


def unlink(i: Instance) -> None:
    """It is no more: nobody tells it anything, or waits for it, any longer."""
    for group in i.groups:
        for edge in group.edges:
            for other in edge.instances:
                other.watchers.remove(edge)
    for other in i.earlier:
        other.later.remove(i)
    i.earlier, i.downs = [], []


def hard_targets(i: Instance) -> list[Instance]:
    """The instances that i depends on, exclude_all left out, each once, in order."""
    found: dict[str, Instance] = {}
    for group in i.groups:
        if not group.excludes:
            for edge in group.edges:
                for other in edge.instances:
                    found[other.fmri] = other
    return list(found.values())


def _cycles(instances: list[Instance]) -> None:
    """Members of a dependency cycle are at fault; members of an ordering loop remember it drawn."""
    hard = {i.fmri: [o.fmri for o in hard_targets(i)] for i in instances}
    both = {i.fmri: hard[i.fmri] + [o.fmri for o in i.earlier] for i in instances}
    tangles = find_loops(both)
    if not tangles:
        return
    by_name = {i.fmri: i for i in instances}
    for number, tangle in enumerate(tangles, 1):
        for name in tangle:
            by_name[name].circle = number
    tangled = {name for tangle in tangles for name in tangle}
    for members in find_loops(
        {n: [t for t in hard[n] if t in tangled] for n in tangled_in_order(tangled, hard)}
    ):
        drawn = draw(cycle(hard, members))
        for name in members:
            text = f"it is part of a dependency cycle: {drawn}"
            by_name[name].static = Fault(CYCLE, "restart", text)
    rest = {
        n: [t for t in both[n] if t in tangled and by_name[t].static is None]
        for n in tangled_in_order(tangled, hard)
        if by_name[n].static is None
    }
    for loop in find_loops(rest):
        text = draw(cycle(both, loop))
        for name in loop:
            by_name[name].loop = text


def tangled_in_order(tangled: set[str], names: dict[str, list[str]]) -> list[str]:
    """The members in the order of the definitions, because sets have none."""
    return [name for name in names if name in tangled]


def calm_for(i: Instance, other: Instance) -> bool:
    """May `other`, which comes after i, go on? Within a loop only what has settled is passed."""
    return i.quiet if i.loop and i.loop == other.loop else i.calm


def _downs(i: Instance) -> None:
    """Whom i holds up while it goes down: all that it depends on or comes after. What would lead
    back to i is left out: dependencies within a cycle, orderings within a circle.
    """
    if not i.groups and not i.earlier:
        return
    found = {o.fmri: o for o in hard_targets(i) if not _in_one_cycle(i, o)}
    for other in i.earlier:
        if not (i.circle and i.circle == other.circle):
            found[other.fmri] = other
    i.downs = list(found.values())


def _in_one_cycle(i: Instance, other: Instance) -> bool:
    return i.static is not None and i.static.word == CYCLE and i.static == other.static


def _resume(core: Core, instances: list[Instance]) -> None:
    """Values, and the counters that follow from what is under way."""
    from .values import refresh_signature, set_edge

    for i in instances:
        if i.watchers:
            refresh_signature(core, i)
    for i in instances:
        for group in i.groups:
            for edge in group.edges:
                set_edge(core, edge, first=True)
            group.recount()
        i.deps = min((group.value for group in i.groups), default=4)
        if i.groups and i.watchers:
            core.flow.append(i)
        if i.goes:
            for edge in i.watchers:
                edge.group.going += 1
                edge.group.goner = i
        if i.leaving:
            for other in i.downs:
                other.held += 1
        for other in i.later:
            other.after_waits += not calm_for(i, other)
        core.mark(i)
