"""What one service puts upon another: a manifest's `dependent` is a dependency of its target."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from stoker.model import Definition, Dependency, Mistaken, display, is_instance, service_of

from .entry import readable

__all__ = ["impose"]


def impose(
    definitions: list[Definition],
    dependents: Iterable[tuple[str, Dependency, str]],
    mistakes: list[Mistaken],
) -> list[Definition]:
    """The definitions with the dependencies that others put upon them: (target, dependency, file).

    A target that does not exist (yet) gets none. Where a target has a dependency of that name
    already, its own counts, and that is told.
    """
    added: dict[str, list[tuple[Dependency, str]]] = {}
    for target, dependency, file in dependents:
        added.setdefault(target, []).append((dependency, file))
    if not added:
        return definitions
    found = []
    for one in definitions:
        more = added.get(one.fmri, []) + added.get(service_of(one.fmri), [])
        found.append(_with(one, more, mistakes) if more else one)
    return found


def _with(
    one: Definition, more: list[tuple[Dependency, str]], mistakes: list[Mistaken]
) -> Definition:
    groups = {group.name: group for group in one.dependencies}
    for dependency, file in more:
        if one.fmri in dependency.targets or (
            service_of(one.fmri) in dependency.targets and not is_instance(dependency.targets[0])
        ):
            continue  # nobody depends on himself
        known = groups.setdefault(dependency.name, dependency)
        if known != dependency:
            mistakes.append(
                Mistaken(
                    f"{display(one.fmri)} has a dependency {dependency.name!r} of its own",
                    readable(file),
                    None,
                    f'dependent "{dependency.name}"',
                    "give the dependent another name",
                    "warning",
                    one.fmri,
                )
            )
    return msgspec.structs.replace(one, dependencies=tuple(groups.values()))
