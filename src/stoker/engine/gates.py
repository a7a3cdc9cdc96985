"""The predicates: what keeps an instance from starting, and what makes one stop.

Each answers None or says why (`Reason`, `Halt`), never a bare boolean: explaining is asking again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stoker.model import Class, Condition, Grouping, Stage, display, restart_digest, show_duration

from . import causes
from .facts import SECOND, Cause, Halt, Instance
from .given import lacking
from .graph import RESTART_RANK, Edge, Group, calm_for
from .values import OK

if TYPE_CHECKING:
    from .core import Core

__all__ = [
    "Reason",
    "blocked",
    "differs",
    "effective",
    "halt",
    "hurried",
    "reasons",
    "stale",
    "wanted",
]


class Reason:
    """Why an instance does not start.

    `code`: disabled, maintenance, removed, shutdown, inactive, dependency, order, ordering_loop,
    backoff, concurrency, contract. `text`: a sentence's end for people ("waits for db, …").
    `targets`: canonical names of what it is about.
    """

    __slots__ = ("_targets", "_text", "code")

    def __init__(
        self,
        code: str,
        text: str | Callable[[], str],
        targets: Callable[[], list[str]] | None = None,
    ) -> None:
        self.code = code
        self._text = text
        self._targets = targets

    @property
    def text(self) -> str:
        """For people; made when asked for."""
        return self._text if isinstance(self._text, str) else self._text()

    @property
    def targets(self) -> list[str]:
        """Canonical names."""
        return self._targets() if self._targets is not None else []

    def __repr__(self) -> str:
        return f"Reason({self.code}: {self.text})"


def effective(i: Instance) -> bool:
    """Override, else the administrator's choice, else the definition."""
    return i.override.value if i.override is not None else i.enabled


def wanted(core: Core, i: Instance) -> bool:
    """It is to run: effective, no fault, not removed, no shutdown."""
    return (
        i.effective
        and i.fault is None
        and i.static is None
        and not i.removed
        and core.shutdown is None
    )


def hurried(core: Core, i: Instance) -> bool:
    """What is left of it is killed, and nobody is waited for."""
    o = i.override
    return core.hurried or (o is not None and o.hard and not o.value)


def blocked(core: Core, i: Instance) -> Reason | None:
    """The first thing that keeps a wanted, idle instance from starting now."""
    if i.deps != OK:
        for group in i.groups:
            if group.value != OK:
                return _dependency(core, group)
    for group in i.groups:
        if group.going and group.rank >= RESTART_RANK and not group.excludes:
            return _going(group)
    if not core.active and not i.definition.gives:
        return _asleep(core)
    if i.after_waits:
        return _ordered(i)
    if i.not_before is not None and core.now.mono < i.not_before:
        left = i.not_before - core.now.mono
        return Reason("backoff", f"is tried again in {show_duration(left / SECOND)}")
    if i.populated:
        return Reason("contract", "processes of its last run are still there")
    if core.starts.full(core.cap):
        return _crowded(core)
    return None


def reasons(core: Core, i: Instance) -> list[Reason]:
    """Everything that keeps an instance from being up; empty when nothing does."""
    if i.stage in (Stage.UP, Stage.REFRESH) and not i.aside:
        return []
    found = []
    if i.removed:
        found.append(Reason("removed", "its definition is gone"))
    if core.shutdown is not None:
        found.append(Reason("shutdown", "everything is being stopped"))
    fault = i.static or i.fault
    if fault is not None:
        found.append(Reason("maintenance", f"is in maintenance: {fault.text}"))
    if not i.effective:
        found.append(Reason("disabled", causes.choice(i).text))
    found += [_dependency(core, group) for group in i.groups if group.value != OK]
    found += [
        _going(group)
        for group in i.groups
        if group.value == OK and group.going and group.rank >= RESTART_RANK and not group.excludes
    ]
    if not core.active and not i.definition.gives:
        found.append(_asleep(core))
    if i.after_waits:
        found.append(_ordered(i))
    if i.stage is not Stage.IDLE:
        return found
    if i.not_before is not None and core.now.mono < i.not_before:
        left = show_duration((i.not_before - core.now.mono) / SECOND)
        found.append(Reason("backoff", f"is tried again in {left}"))
    if i.populated:
        found.append(Reason("contract", "processes of its last run are still there"))
    if not found and core.starts.full(core.cap):
        found.append(_crowded(core))
    return found


def _crowded(core: Core) -> Reason:
    return Reason("concurrency", f"{core.starts.busy} others are starting, which is the limit")


def _asleep(core: Core) -> Reason:
    return Reason(
        "inactive",
        lambda: f"the system is not active: it {core.active_cause.text}",
        lambda: ["active"],
    )


def _going(group: Group) -> Reason:
    """A target is on its way down, and would take us with it at once."""
    names = [o.name for edge in group.edges for o in edge.instances if o.goes]
    return Reason("dependency", f"waits until {_some(names)} has stopped")


def _ordered(i: Instance) -> Reason:
    if i.loop:
        return Reason(
            "ordering_loop",
            f"is part of an ordering loop: {i.loop}",
            lambda: [o.fmri for o in i.earlier if not calm_for(o, i)],
        )

    def text() -> str:
        names = [o.name for o in i.earlier if not o.calm]
        return f"comes after {_some(names)}, which is not settled yet"

    return Reason("order", text, lambda: [o.fmri for o in i.earlier if not o.calm])


def _dependency(core: Core, group: Group) -> Reason:
    return Reason(
        "dependency",
        lambda: _waits_for(core, group),
        lambda: [edge.target for edge in group.edges if edge.value != OK],
    )


def _waits_for(core: Core, group: Group) -> str:
    wanting: list[Edge] = []
    for edge in group.edges:
        if edge.value != OK:
            wanting.append(edge)
            if len(wanting) == 3:
                break
    more = len(group.edges) - group.counts[OK] - len(wanting)
    parts = [_target(core, edge) for edge in wanting]
    if more > 0:
        parts.append(f"and {more} more")
    if group.kind == Grouping.EXCLUDE_ALL:
        return f"cannot run beside {', '.join(parts)}"
    words = {
        Grouping.REQUIRE_ALL: "requires",
        Grouping.REQUIRE_ANY: "requires one of",
        Grouping.OPTIONAL_ALL: "waits for",
    }
    return f"{words[group.kind]} {', '.join(parts)}"


def _target(core: Core, edge: Edge) -> str:
    """A target and what is wrong with it: "db (offline: …)"."""
    if edge.is_fact:
        kind, _, name = edge.target.partition(":")
        if kind == "file":
            state = "is there" if edge.group.excludes else "is not there"
            return f"file {name.removeprefix('//')} ({state})"
        return f"input {name} ({'met' if edge.group.excludes else lacking(core, name)})"
    name = display(edge.target)
    if not edge.instances:
        return f"{name} (does not exist)"
    i = edge.instances[0]
    state = i.shown_state + (f", {_condition(edge)}" if i.shown_state == "online" else "")
    if i.stage is Stage.IDLE and (i.static or i.fault):
        fault = i.static or i.fault
        assert fault is not None
        return f"{name} ({state}: {fault.text})"
    if i.stage is Stage.IDLE and not i.effective:
        return f"{name} ({state}: {causes.choice(i).text.removeprefix('was ')})"
    if i.shown_next and i.shown_next != i.shown_state:
        state += f", becoming {i.shown_next}"
    return f"{name} ({state})"


def _condition(edge: Edge) -> str:
    condition = edge.group.dependency.condition
    if edge.group.excludes:
        return "running"
    if condition == Condition.HEALTHY:
        return "not healthy yet"
    if condition == Condition.COMPLETED:
        return "not completed yet"
    return "going down"


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def halt(core: Core, i: Instance) -> Halt | None:
    """The first thing that makes what runs stop. Things that let dependents go first come first,
    because whoever is withdrawn must not leave early for a lesser reason.
    """
    if i.removed:
        return Halt(
            "removed", Class.RESTART, "removed", Cause("was removed from the definitions"), True
        )
    if core.shutdown is not None:
        return Halt("shutdown", Class.RESTART, "disable_request", core.shutdown.cause, True)
    if not i.effective:
        waits = core.customs.dependents_first or i.override is not None
        return Halt("withdrawn", Class.RESTART, "disable_request", causes.choice(i), waits)
    fault = i.static or i.fault
    if i.aside and i.static is None:
        return _set_aside(core, i)
    if fault is not None:
        kind = "fault" if i.static is None else "static"
        return Halt(kind, fault.cls, fault.word, Cause(f"went to maintenance: {fault.text}"))
    if not core.active and not i.definition.gives:
        return _inactive(core)
    for group in i.groups:
        found = _group_halt(core, i, group)
        if found is not None:
            return found
    if i.bounce > i.baseline:
        return Halt("bounce", i.bounce_class, i.bounce_reason, i.bounce_cause)
    if i.run_definition is not i.definition and not _changes_later(i) and differs(i):
        return Halt("changed", Class.RESTART, "per_configuration", Cause("has a new definition"))
    return None


def _inactive(core: Core) -> Halt:
    return Halt("inactive", Class.RESTART, "dependency_activity", core.active_cause, True)


def _set_aside(core: Core, i: Instance) -> Halt | None:
    """What went to maintenance with its processes keeps them until it leaves that: then they are
    swept, whatever comes next (SMF abandons them; see `verbs._mark`).
    """
    if i.fault is None:
        return Halt("aside", Class.RESTART, i.reason, i.cause)
    if not core.active and not i.definition.gives:
        return _inactive(core)
    return None


def _changes_later(i: Instance) -> bool:
    """What runs stays although its definition changed; not so where somebody else runs it now. A
    start whose definition nobody knows any more (its manager died) begins anew: when it would be
    over, nobody could say.
    """
    known = i.run_definition
    same = i.was_up if known is None else known.restarter == i.definition.restarter
    return i.definition.later and same


def differs(i: Instance) -> bool:
    """The definition changed so that the running process cannot stay; remembers when it can."""
    if not i.run_digest:
        if i.run_definition is None:
            return False
        i.run_digest = restart_digest(i.run_definition)
    if restart_digest(i.definition) != i.run_digest:
        return True
    if i.stage is Stage.UP:
        i.run_definition = i.definition
    return False


def _group_halt(core: Core, i: Instance, group: Group) -> Halt | None:
    if group.excludes:
        if group.ups and group.rank:
            name = next(display(edge.target) for edge in group.edges if edge.up)
            cause = Cause(f"cannot run beside {name}, which runs")
            return Halt("excluded", Class.RESTART, "dependency_activity", cause)
        return None
    if group.rank >= RESTART_RANK and group.going and group.goner is not None:
        goner = group.goner
        why = goner.halted.cause if goner.halted else causes.choice(goner)
        cause = causes.of_target(_relation(group), goner.name, why)
        return Halt("yield", Class.RESTART, "dependency_activity", cause, True)
    if stale(i, group):
        source = group.source
        # Starts are counted on when the cause was a fault (smf.md 3.3).
        kind = "stale" if _left_orderly(i, group) else "stale_fault"
        if isinstance(source, Instance):
            cause = causes.of_target(_relation(group), source.name, source.cause)
            return Halt(kind, Class.RESTART, "dependency_activity", cause)
        text = _fact_gone(core, source)
        return Halt("yield", Class.RESTART, "dependency_activity", Cause(text), True)
    return None


def _fact_gone(core: Core, target: str) -> str:
    kind, _, name = target.partition(":")
    if kind == "file":
        return f"needs file {name.removeprefix('//')}, which is gone"
    if core.facts.get(target):
        return f"needs input {name}, which was unmet meanwhile"
    return f"needs input {name} ({lacking(core, name)})"


def _relation(group: Group) -> str:
    return "depends on" if group.kind == Grouping.OPTIONAL_ALL else "requires"


def stale(i: Instance, group: Group) -> bool:
    """A target left since we started, in a way that this group minds (stamps, not edges)."""
    if group.rank == 0 or group.excludes:
        return False
    return group.departed_fault > i.baseline or _left_orderly(i, group)


def _left_orderly(i: Instance, group: Group) -> bool:
    """The same, and it was no fault."""
    rank, since = group.rank, i.baseline
    if rank >= RESTART_RANK:
        if group.departed_restart > since:
            return True
        if group.kind != Grouping.REQUIRE_ALL and group.arrived > since:
            return True
    return rank > RESTART_RANK and group.refreshed > since
