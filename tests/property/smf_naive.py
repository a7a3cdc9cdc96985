"""A second model of SMF's dependencies: edge-triggered, recursive, without counters.

Written from the rules of smf(7) and of illumos' graph engine, not from ours, so that the two can
disagree. Every service starts at once and always succeeds; time does not exist. `act` applies one
thing that a person did or a process suffered, then starts whatever may start until nothing more
may.

What is left to timing, and therefore not compared: in which order two services that may both
start do so. It shows where `exclude_all` lets only one of them run, and in how often a
`require_any` or `optional_all` dependent with restart_on restart or refresh is bounced by members
that come up one after the other (illumos bounces it for each).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

RANK = {"none": 0, "error": 1, "restart": 2, "refresh": 3}
CAUSE = {"fault": 1, "restart": 2, "refresh": 3}


@dataclass
class Group:
    """One dependency of a node."""

    targets: tuple[str, ...]
    grouping: str
    restart_on: str


@dataclass
class Node:
    """One instance: `state` is disabled, offline, online or maintenance."""

    enabled: bool
    groups: list[Group] = field(default_factory=list)
    state: str = "disabled"
    left: int = 0


class Naive:
    """All nodes, by name. A target that is no node is absent."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes
        for node in nodes.values():
            node.state = "offline" if node.enabled else "disabled"
        self.start_all()

    # -- smf.md 3.1, 3.2

    def value(self, name: str) -> int:
        """1 satisfied, 0 not yet, -1 impossible without an administrator."""
        node = self.nodes.get(name)
        if node is None or node.state in ("disabled", "maintenance"):
            return -1
        if node.state == "online":
            return 1
        return -1 if any(self.group(one) == -1 for one in node.groups) else 0

    def group(self, group: Group) -> int:
        """Value of one dependency."""
        if group.grouping == "require_all":
            return min((self.value(t) for t in group.targets), default=1)
        if group.grouping == "require_any":
            return max((self.value(t) for t in group.targets), default=1)
        if group.grouping == "optional_all":
            return int(all(self.optional(t) for t in group.targets))
        return min((self.excluded(t) for t in group.targets), default=1)

    def optional(self, name: str) -> bool:
        """Whether one member of an optional_all lets the dependent start."""
        node = self.nodes.get(name)
        if node is None or node.state in ("maintenance", "online"):
            return True
        return self.value(name) == -1

    def excluded(self, name: str) -> int:
        """Value of one member of an exclude_all."""
        node = self.nodes.get(name)
        if node is None or node.state in ("disabled", "maintenance"):
            return 1
        return -1 if node.state == "online" else 0

    def may_start(self, name: str) -> bool:
        """Whether an offline instance may start now."""
        node = self.nodes[name]
        return node.state == "offline" and all(self.group(one) == 1 for one in node.groups)

    # -- smf.md 3.3, 3.4

    def start_all(self) -> None:
        """Start what may start until nothing more may. Bounded: mutual bounces would never end."""
        for _ in range(50 * len(self.nodes)):
            name = next((n for n in sorted(self.nodes) if self.may_start(n)), None)
            if name is None:
                return
            self.nodes[name].state = "online"
            self.arrived(name)

    def dependents(self, name: str) -> Iterator[tuple[str, Group]]:
        """Who cites this one, and by which group."""
        for other, node in self.nodes.items():
            for group in node.groups:
                if name in group.targets:
                    yield other, group

    def arrived(self, name: str) -> None:
        """One came online: exclusion, and illumos' bounce of those that are content with some."""
        for other, group in list(self.dependents(name)):
            if self.nodes[other].state != "online":
                continue
            if group.grouping == "exclude_all":
                if group.restart_on != "none":
                    self.leave(other, "offline", "restart")
            elif group.grouping != "require_all" and RANK[group.restart_on] >= 2:
                self.leave(other, "offline", "restart")

    def leave(self, name: str, state: str, cause: str) -> None:
        """A running one goes; dependents go with it as their restart_on says."""
        node = self.nodes[name]
        node.state = state
        node.left += 1
        self.tell(name, cause)

    def tell(self, name: str, cause: str) -> None:
        """Stop the running dependents for which this cause is enough."""
        for other, group in list(self.dependents(name)):
            if self.nodes[other].state != "online" or group.grouping == "exclude_all":
                continue
            if CAUSE[cause] <= RANK[group.restart_on]:
                self.leave(other, "offline", "restart")

    # -- what happens

    def act(self, what: str, name: str) -> None:
        """One happening: enable, disable, restart, refresh, mark, clear, exit, core."""
        node = self.nodes[name]
        running = node.state == "online"
        if what == "enable":
            node.enabled = True
            if node.state == "disabled":
                node.state = "offline"
        elif what == "disable":
            node.enabled = False
            # Dependents with restart_on restart or refresh go first; they have class restart, so
            # what they cause is what telling them afterwards would have caused.
            if running:
                self.leave(name, "disabled", "restart")
            node.state = "disabled"
        elif what == "mark":
            if running:
                self.leave(name, "maintenance", "restart")
            node.state = "maintenance"
        elif what == "clear":
            if node.state == "maintenance":
                node.state = "offline" if node.enabled else "disabled"
        elif running and what == "refresh":
            self.tell(name, "refresh")
        elif running:
            self.leave(name, "offline", "fault" if what == "core" else "restart")
        self.start_all()

    def states(self) -> dict[str, str]:
        """The state of each."""
        return {name: node.state for name, node in self.nodes.items()}

    def departures(self) -> dict[str, int]:
        """How often each left online."""
        return {name: node.left for name, node in self.nodes.items()}

    def has_exclusion(self) -> bool:
        """Whether some group's outcome depends on who came first."""
        return any(g.grouping == "exclude_all" for n in self.nodes.values() for g in n.groups)

    def bounces_on_arrival(self) -> bool:
        """Whether some dependent is bounced by members that come up."""
        return any(
            g.grouping in ("require_any", "optional_all") and RANK[g.restart_on] >= 2
            for n in self.nodes.values()
            for g in n.groups
        )
