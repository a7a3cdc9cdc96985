"""Milestones: only what one instance needs is to be up (svcadm(8), svc.startd(8)).

The milestone is an option of the place, which comes with the compiled definitions. What is outside
is stopped as a person's `stop` does, wholly and in reverse order, and nothing that was chosen for
good is changed; when the bound changes, temporary words inside are taken back. The engine knows no
milestone: it is asked for these two things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from stoker.model import Definition, Grouping, Request, display, service_of

if TYPE_CHECKING:
    from stoker.engine import Instance

    from .core import Manager

__all__ = ["Milestone", "needed"]

_WORDS = ("person", "requirement", "wants", "conflict")
"""Who gives temporary words that a change of the milestone takes back: not who has done its work.
"""


def needed(
    known: Mapping[str, Definition], milestone: str, enabled: Callable[[str], bool]
) -> set[str]:
    """What may be up: all for "", for "none" only what tells us of the machine; else the milestone
    and whatever it needs, over all steps; what is optional, as far as it is enabled.
    """
    if not milestone:
        return set(known)
    services: dict[str, list[str]] = {}
    for name in known:
        services.setdefault(service_of(name), []).append(name)
    found = {name for name, one in known.items() if one.gives}
    work = [milestone, *found]
    while work:
        one = known.get(work.pop())
        if one is None:
            continue
        found.add(one.fmri)
        for target, optional in _targets(one):
            for name in [target] if target in known else services.get(target, ()):
                if name not in found and (not optional or enabled(name)):
                    found.add(name)
                    work.append(name)
    return found


def _targets(one: Definition) -> Iterable[tuple[str, bool]]:
    for dependency in one.dependencies:
        if dependency.grouping != Grouping.EXCLUDE_ALL:
            optional = dependency.grouping == Grouping.OPTIONAL_ALL
            yield from ((target, optional) for target in dependency.targets)
    yield from ((target, True) for target in one.wants)


class Milestone:
    """The bound of a manager's place. `now`: the one that its instances were brought to."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._defined: dict[str, Definition] = {}
        self.now = ""

    def begin(self, fresh: bool) -> None:
        """The first turn is to come. `fresh`: nothing ran before, so whatever is outside is new."""
        self.now = self._manager.compiled.milestone
        if not (fresh and self.now):
            return
        try:
            self._bound({one.fmri for one in self._manager.compiled.definitions})
        except Exception as error:  # without a bound is better than not at all
            self._manager.failed(error)

    def take(self, fresh: Iterable[Definition], who: str) -> None:
        """The definitions were read again; `fresh` are those that were not there."""
        before, self.now = self.now, self._manager.compiled.milestone
        if before == self.now:
            if self.now:
                self._bound({one.fmri for one in fresh})
            return
        self._manager.log(f"milestone: {display(self.now) or 'all'}")
        for request in self.requests(self.now, who):
            self._manager.ask(request)

    def requests(self, milestone: str, who: str) -> Iterator[Request]:
        """What is asked of the engine, one after the other, when this one is to hold from now on
        ("": no bound).
        """
        names = {one.fmri for one in self._manager.compiled.definitions}
        inside = self._inside(milestone)
        yield from self._stop(names - inside, milestone, who)
        yield from self._free(inside, who)

    def _bound(self, names: set[str]) -> None:
        """Stop what is outside among these."""
        outside = names - self._inside(self.now)
        for request in self._stop(outside, self.now, "the milestone"):
            self._manager.ask(request)

    def _inside(self, milestone: str) -> set[str]:
        self._defined = {one.fmri: one for one in self._manager.compiled.definitions}
        return needed(self._defined, milestone, self._enabled)

    def _stop(self, outside: Iterable[str], milestone: str, who: str) -> Iterator[Request]:
        names = tuple(name for name in sorted(outside) if self._wanted(name))
        if names:
            yield Request(verb="stop", names=names, who=who, why=f"milestone {display(milestone)}")

    def _free(self, inside: set[str], who: str) -> Iterator[Request]:
        """Take temporary words back: what is stopped until now is as it was chosen from now on."""
        known = self._manager.engine.instances
        those = [i for name, i in known.items() if name in inside and _temporary(i)]
        those += _along(known.values(), those)
        if those:
            names = tuple(sorted(i.fmri for i in those))
            until = self._manager.now().wall
            yield Request("stop", names, who=who, why="milestone", until=until)

    def _enabled(self, fmri: str) -> bool:
        """Whether it is to be up for good."""
        manager = self._manager
        known = manager.engine.instances.get(fmri)
        intent = known.intent if known is not None else None
        if known is None and manager.link is not None:
            intent = manager.link.intents.get(fmri)
        return self._defined[fmri].enabled if intent is None else intent.enabled

    def _wanted(self, fmri: str) -> bool:
        known = self._manager.engine.instances.get(fmri)
        if known is not None and known.override is not None:
            return known.override.value
        return self._enabled(fmri)


def _temporary(i: Instance) -> bool:
    return i.override is not None and i.override.by in _WORDS


def _along(among: Iterable[Instance], those: list[Instance]) -> list[Instance]:
    """What a stop of those would take along: it is named with them, so that it is free again at the
    same moment.
    """
    names = {name for one in those for name in (one.fmri, service_of(one.fmri))}
    required = {target for one in those for target in one.definition.required_by}
    return [
        i
        for i in among
        if i.fault is None
        and i not in those
        and not (
            names.isdisjoint(i.definition.part_of)
            and required.isdisjoint((i.fmri, service_of(i.fmri)))
        )
    ]
