"""The bundle format: a directory whose programs are a service (nosh's bundles; the directories of
daemontools, daemontools-encore, runit and s6, and s6-rc's sources).

A bundle says with programs what other formats say with keys: `run` is the service, `start`,
`restart` and `stop` stand around it, and directories of links are its relations. It ends when its
whole contract is empty. Families of directories differ in what they call these programs and in who
decides whether to run again: `bundle_kinds` has one function for each.

A `log` beside or in it is a service of its own, whose input is this one's output. It is named
NAME/log where it stands in the bundle.
"""

from __future__ import annotations

import os

import msgspec

from stoker.errors import UsageError
from stoker.model import Definition, LogSettings, Mistaken, display, service_of

from .bundle_kinds import family
from .bundle_links import identify, is_bundle, links, name_of
from .bundle_roots import GOAL
from .entry import Entry, Reading, Surroundings, readable, unforeseen

__all__ = ["Bundle", "elsewhere", "plumbed"]

_NO_TEXT = ("its path is not UTF-8", "rename it")
_GOAL = name_of(f"target/{GOAL}")

_RELATIONS = {
    "wants": "wants",
    "conflicts": "conflicts",
    "after": "after",
    "before": "before",
    "required-by": "required_by",
}
"""Directories of links, and the field that each is. The others (`wanted-by`, `stopped-by`,
`requires`) mean something only to enable and disable.
"""


class Bundle:
    """The format of a directory with `run` or `service/run`."""

    name = "bundle"

    def claims(self, entry: Entry) -> bool:
        return entry.is_directory and is_bundle(entry.path)

    def read(self, entry: Entry, surroundings: Surroundings) -> Reading:
        path = entry.path
        reading = Reading(path=path)
        try:
            name = name_of(surroundings.bundles.prefix(entry.directory) + entry.name)
        except UsageError as wrong:
            return _refused(reading, wrong.message, wrong.hint)
        reading.claims.append(name)
        if readable(path) != path:
            return _refused(reading, *_NO_TEXT)
        known = surroundings.bundles
        first = identify(path, known)
        if first != name:
            reading.claims.clear()
            reading.same_as = display(first)
            return reading
        enabled = entry.directory not in known.passive or name == _GOAL
        _add(reading, path, name, surroundings, enabled=enabled)
        return reading


def elsewhere(surroundings: Surroundings) -> list[Reading]:
    """The bundles outside the place that links lead to, and those that these lead to. They are
    there to be started by what wants them, so none is enabled.
    """
    known = surroundings.bundles
    readings: dict[str, Reading] = {}
    while left := [name for name in known.elsewhere if name not in readings]:
        for name in left:
            reading = readings[name] = Reading(path=known.elsewhere[name])
            try:
                _lead(reading, name, surroundings)
            except Exception as wrong:  # told as a mistake in it
                reading.mistakes.append(unforeseen(reading.path, wrong))
    return list(readings.values())


def _lead(reading: Reading, name: str, surroundings: Surroundings) -> None:
    """Read one that lies elsewhere, if it is a bundle."""
    if not is_bundle(reading.path):
        return
    reading.claims.append(name)
    if readable(reading.path) != reading.path:
        _refused(reading, *_NO_TEXT)
        return
    _add(reading, reading.path, name, surroundings, enabled=False)


def _add(
    reading: Reading,
    path: str,
    name: str,
    surroundings: Surroundings,
    *,
    enabled: bool,
) -> None:
    known = surroundings.bundles
    definition = family(path).define(path, name, surroundings, reading)
    if not reading.good:
        return
    relations = {
        field: getattr(definition, field) + links(path, relation, known, reading)
        for relation, field in _RELATIONS.items()
    }
    definition = msgspec.structs.replace(
        definition,
        format=Bundle.name,
        source=path,
        enabled=definition.enabled and enabled,
        **relations,
    )
    logger = _logger(path, name, surroundings, reading)
    if logger:
        definition = msgspec.structs.replace(
            definition,
            log=LogSettings(mode="service", path=logger),
            wants=(*definition.wants, logger),
            after=(*definition.after, logger),
        )
    reading.definitions.append(definition)


def _logger(path: str, name: str, surroundings: Surroundings, reading: Reading) -> str:
    """The FMRI of the service that this one's output goes to; "" without one. A directory `log`
    in the bundle is read here, as the service NAME/log.
    """
    log = f"{path}/log"
    if not os.path.isdir(log) or not is_bundle(log):
        return ""
    if os.path.islink(log):
        return identify(log, surroundings.bundles)
    service = service_of(name).removeprefix("svc:/")
    inner = f"svc:/{service}/log:default"
    reading.claims.append(inner)
    own = family(log, path).define(log, inner, surroundings, reading)
    reading.definitions.append(
        msgspec.structs.replace(own, format=Bundle.name, source=log, stdin="pipe")
    )
    return inner


def _refused(reading: Reading, message: str, hint: str) -> Reading:
    reading.mistakes.append(Mistaken(message, readable(reading.path), hint=hint))
    return reading


def plumbed(definitions: list[Definition]) -> list[Definition]:
    """Give those whose input is another's output the pipe that they read."""
    readers = {one.log.path for one in definitions if one.log.mode == "service"}
    return [
        msgspec.structs.replace(one, stdin="pipe") if one.fmri in readers else one
        for one in definitions
    ]
