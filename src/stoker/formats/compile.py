"""From a place to one blob: settings and definitions read, checked against each other, put in
order.

Nothing here raises for what stands in the files: it becomes a mistake in the blob. Read again for a
running manager (`previous`), what is wrong or has vanished with its directory keeps its old
definition, so that what runs goes on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from stoker.errors import StokerError
from stoker.model import (
    Compiled,
    Definition,
    Loaded,
    LogSettings,
    Mistaken,
    Place,
    Restart,
    Settings,
    decode_compiled,
    did_you_mean,
    display,
    encode_compiled,
    is_instance,
    service_of,
)

from .bundle import plumbed
from .bundle_roots import expanded, roots
from .dependents import impose
from .directory import Found, folders_of, read_directories, read_manifests
from .entry import Known, Surroundings, readable
from .shipped import watchers

__all__ = ["compile_main", "compile_place"]

_COMPARED = 50_000  # pairs of names that are compared for hints, a second at most
_DEFAULT = Definition("")
_DEFAULT_LOG = _DEFAULT.log
_SOON = Restart(cap=1.0)  # sysmgr looks again after a second
_PUBLISHED = Settings(watch=True, watch_delay=0.05)  # sysmgr finds a new script within a second
# What `stoker run` keeps is in a file system that may be memory.
_PASSING_ALONE = Settings(
    log=LogSettings("passthrough", stderr="apart"), history_count=10_000, history_age=86_400.0
)
_PASSING = msgspec.structs.replace(
    _PASSING_ALONE,
    signals={
        int(one): ("command",)
        for one in (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
    },
)


def compile_place(place: Place, previous: Compiled | None = None) -> Compiled:
    """Everything that the files of a place say. Reads the disk, writes nothing, raises nothing for
    what it finds.
    """
    settings, mistakes = _settings(place)
    if previous is not None and any(one.level == "error" for one in mistakes):
        settings = previous.settings
    directories, kinds, passive = expanded((*place.directories, *settings.directories))
    surroundings = Surroundings(
        place.working_directory,
        # The very object that is the default, so that it is left out of the blob.
        _DEFAULT_LOG if settings.log == LogSettings() else settings.log,
        _Once(),
        every_name=bool(place.published),
        execvp=bool(place.published),
        restart=_SOON if place.published else _DEFAULT.restart,
        bundles=Known(directories, kinds, passive, roots(place.kind == "user")),
    )
    surroundings.layer = _layer(place, mistakes)
    loaded = _loaded(place, surroundings, mistakes)
    found = read_directories(
        directories, surroundings, needed=place.kind == "project", loaded=loaded
    )
    if settings.manifests:
        # With all below them, for those who watch.
        folders = folders_of(settings.manifests)
        settings = msgspec.structs.replace(settings, manifests=folders)
        read_manifests(folders, surroundings, found)
    if surroundings.layer is not None:
        from .imported import take_layer

        take_layer(found, surroundings)
    if any(one.restarter for one in found.definitions):
        from .imported import take_restarter

        take_restarter(found, surroundings)
    mistakes += _named(found)
    found.definitions = impose(found.definitions, found.dependents, mistakes)
    kept = []
    if previous is not None:
        _uncover(found, directories, previous)
        kept = _keep(found, previous, mistakes)
    mistakes += _missing(found, [*(one.fmri for one in kept), *_targets(place)])
    ours, wrong = watchers([*found.definitions, *kept], settings, surroundings)
    mistakes += wrong
    if not (found.stems or found.gone or found.mistakes or place.machine):
        mistakes.append(_empty(place))
    definitions = [*found.definitions, *kept, *ours]
    if any(one.restarter for one in definitions):
        from .delegated import delegate

        definitions = delegate(definitions, mistakes)
    if place.machine:
        from .machine import machine_services

        definitions, wrong = machine_services(definitions, surroundings)
        mistakes += wrong
    if loaded:
        from .loaded import plumb_loaded

        definitions = plumb_loaded(definitions, loaded)
    if settings.smf == "solaris10":
        from .solaris10 import as_solaris10

        definitions = [as_solaris10(one) for one in definitions]
    definitions = sorted(plumbed(definitions), key=lambda one: one.fmri)
    milestone = _milestone(surroundings.layer, previous is not None, definitions, mistakes)
    return Compiled(
        definitions=definitions,
        mistakes=sorted(mistakes, key=lambda one: (one.file or "", one.line or 0)),
        ignored=found.ignored,
        settings=settings,
        kept=[one.fmri for one in kept],
        milestone=milestone,
    )


def compile_main() -> None:
    """The short-lived process of a reload: argv ends with a directory; reads its place.json,
    replaces its definitions. That is the place's runtime directory, unless nothing is to change.

    Ends with status 1, and a line on standard error, only when there is no place or nothing can be
    written.
    """
    run = sys.argv[-1]
    try:
        with open(os.path.join(run, "place.json"), "rb") as file:
            place = Place.from_json(file.read())
        blob = os.path.join(run, "definitions")
        write_compiled(compile_place(place, _previous(blob)), blob)
    except (OSError, StokerError) as wrong:
        print(f"the definitions could not be compiled: {wrong}", file=sys.stderr)
        sys.exit(1)


def write_compiled(compiled: Compiled, path: str) -> None:
    """Replace the blob at `path` in one step. Raises OSError."""
    new = f"{path}.{os.getpid()}"
    try:
        # For the owner alone: an environment may hold what others should not read.
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(encode_compiled(compiled))
        os.replace(new, path)
    except BaseException:
        if os.path.exists(new):
            os.unlink(new)
        raise


def _layer(place: Place, mistakes: list[Mistaken]) -> Any:
    """What is imported and set above the files; None where nothing ever was."""
    path = os.path.join(place.state, "layer.json")
    if not os.path.lexists(path):
        return None
    from .layer import read_layer

    return read_layer(path, mistakes)


def _milestone(
    layer: Any, running: bool, definitions: Iterable[Definition], mistakes: list[Mistaken]
) -> str:
    """The milestone that holds: of a place that runs perhaps until it goes down only."""
    name: str = layer.option("milestone", running) if layer is not None else ""
    if name in ("", "all"):
        return ""
    if name == "none" or any(one.fmri == name for one in definitions):
        return name
    text = f"the milestone {display(name)} is not here: there is no bound"
    mistakes.append(Mistaken(text, hint="`stoker milestone all --default`", level="warning"))
    return ""


def _loaded(place: Place, around: Surroundings, mistakes: list[Mistaken]) -> list[Loaded]:
    """What clients have loaded besides; hardly ever anything."""
    if not os.path.lexists(place.loaded):
        return []
    from .loaded import find_loaded

    return find_loaded(place, around.bundles, mistakes)


def _settings(place: Place) -> tuple[Settings, list[Mistaken]]:
    default = _PUBLISHED if place.published else Settings()
    if place.passes:
        default = _PASSING if place.command in place.directories else _PASSING_ALONE
    if not any(os.path.lexists(path) for path in place.settings):
        return default, []
    from .settings import read_settings

    return read_settings(place.settings, default)


def _previous(path: str) -> Compiled | None:
    """The blob that the manager runs by; None when there is none that can be read."""
    try:
        with open(path, "rb") as file:
            return decode_compiled(file.read())
    except (OSError, StokerError):
        # Without it nothing is kept, which is all that its absence means.
        return None


class _Once:
    """`os.path.exists`, asked once for each path: a thousand scripts have one interpreter."""

    def __init__(self) -> None:
        self.known: dict[str, bool] = {}

    def __call__(self, path: str) -> bool:
        there = self.known.get(path)
        if there is None:
            there = self.known[path] = "\0" not in path and os.path.exists(path)
        return there


def _uncover(found: Found, directories: Sequence[str], previous: Compiled) -> None:
    """Leave out what only stands in for definitions of a directory that cannot be read just now."""
    rank = {folder: number for number, folder in enumerate(directories)}
    covered = {
        one.fmri: rank[folder]
        for one in previous.definitions
        if (folder := os.path.dirname(one.source)) in found.shut
    }
    found.definitions = [
        one
        for one in found.definitions
        if one.fmri not in covered or rank.get(os.path.dirname(one.source), -1) < covered[one.fmri]
    ]


def _keep(found: Found, previous: Compiled, mistakes: list[Mistaken]) -> list[Definition]:
    """Old definitions that stay: their file has a mistake now, or their directory is gone."""
    have = {one.fmri for one in found.definitions}
    faulty = {one.file for one in found.mistakes if one.level == "error"}
    gone = set(found.gone)
    kept = []
    lost: dict[str, int] = {}
    for one in previous.definitions:
        if one.fmri in have:
            continue
        folder = os.path.dirname(one.source)
        if folder in gone:
            lost[folder] = lost.get(folder, 0) + 1
        elif one.fmri not in found.refused and one.source not in faulty:
            continue
        kept.append(one)
    for folder, count in lost.items():
        mistakes[:] = [one for one in mistakes if one.file != readable(folder)]
        what = "its service goes" if count == 1 else f"its {count} services go"
        mistakes.append(
            Mistaken(
                f"the directory cannot be read any more; {what} on as before",
                readable(folder),
                hint="bring it back and reload, or take everything down",
            )
        )
    return kept


def _targets(place: Place) -> list[str]:
    """FMRIs of what a machine has without a definition of its own."""
    if not place.machine:
        return []
    from .machine import shipped_targets

    return shipped_targets()


def _missing(found: Found, besides: Iterable[str]) -> list[Mistaken]:
    """Targets that nothing stands for: a warning each, where they are named (to SMF: absent).
    `besides`: instances that were not found, and are there all the same.
    """
    instances = {*found.claims, *besides}
    services: dict[str, list[str]] = {}
    for name in instances:
        services.setdefault(service_of(name), []).append(name)
    names = sorted({display(name) for name in (*instances, *services)})
    told: dict[str, tuple[str, str]] = {}
    mistakes = []
    for one in found.references:
        if one.target in instances or one.target in services:
            continue
        if one.target not in told:
            others = services.get(service_of(one.target), [])
            near = len(told) * len(names) < _COMPARED
            told[one.target] = _absent(one.target, others, names if near else [])
        message, hint = told[one.target]
        mistakes.append(Mistaken(message, one.file, one.line, one.key, hint, "warning"))
    return mistakes


def _absent(target: str, others: list[str], names: list[str]) -> tuple[str, str]:
    """Message and hint for a target that does not exist; `others` are instances of its service."""
    shown = display(target)
    if is_instance(target) and others:
        there = ", ".join(display(name) for name in sorted(others)[:5])
        return f'"{shown}": there is no such instance', f"there is {there}"
    near = did_you_mean(shown, names)
    hint = f'did you mean "{near}"?' if near else "it counts as absent until there is one"
    return f'there is no service "{shown}"', hint


def _named(found: Found) -> list[Mistaken]:
    """What was found, each error with the instances that it keeps from being loaded: who asks for
    one of them by name is told why there is none.
    """
    refused: dict[str, list[str]] = {}
    for name, file in found.refused.items():
        refused.setdefault(file, []).append(name)
    return [
        msgspec.structs.replace(one, fmri=" ".join(refused[one.file]))
        if one.level == "error" and one.file in refused
        else one
        for one in found.mistakes
    ]


def _empty(place: Place) -> Mistaken:
    return Mistaken(
        "there is nothing here to run",
        readable(place.directories[0]) if place.directories else None,
        hint="`stoker new NAME -- COMMAND` writes a first definition",
        level="warning",
    )
