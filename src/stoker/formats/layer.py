"""Properties above files: imported services, and what administrators set and refreshed.

The recorder writes them to STATE/layer.json, from the repository; they are composed here with what
files say. An `Overlay` of an instance is what was set on its service and on itself: group by
group, property by property; a null hides what is below.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from stoker.errors import UsageError
from stoker.model import FIELDS, Definition, Group, Mistaken, Property, compose, put, view

from .entry import readable
from .services import Service

__all__ = ["Layer", "Overlay", "OverlayGroup", "lay_over", "overlaid", "read_layer"]

VERSION = 1
SET = "set by an administrator"


class OverlayGroup(msgspec.Struct, omit_defaults=True):
    """What is set of one group. `gone`: the group as a whole is hidden."""

    type: str = ""
    properties: dict[str, Property | None] = {}
    gone: bool = False


class Overlay(msgspec.Struct, omit_defaults=True):
    """What is in effect for one instance."""

    service: dict[str, OverlayGroup] = {}
    instance: dict[str, OverlayGroup] = {}


class Layer(msgspec.Struct):
    """All of a place. `running`: by the FMRI of the instance. `options`: what is set of the manager
    itself.
    """

    services: dict[str, Service] = {}
    running: dict[str, Overlay] = {}
    options: dict[str, OverlayGroup] = {}

    def instances(self, service: str) -> list[str]:
        """Names of a service's instances that have an overlay."""
        start = service + ":"
        return [name.removeprefix(start) for name in self.running if name.startswith(start)]

    def option(self, name: str, now: bool) -> str:
        """An option of the manager, "" where none is set. `now`: also what holds until everything
        goes down.
        """
        for group in ("options_ovr", "options") if now else ("options",):
            found = self.options.get(group, OverlayGroup()).properties.get(name)
            if found is not None and found.values:
                return found.values[0]
        return ""


def read_layer(path: str, mistakes: list[Mistaken]) -> Layer:
    """The layer in a file; an empty one where there is none, or none that can be read (told)."""
    if not os.path.lexists(path):
        return Layer()
    try:
        with open(path, "rb") as file:
            head, body = file.readline(), file.read()
        if msgspec.json.decode(head).get("version") != VERSION:
            raise ValueError("it is of another version")
        return msgspec.json.decode(body, type=Layer)
    except (OSError, ValueError, msgspec.MsgspecError) as wrong:
        hint = "the manager writes it anew when it starts"
        text = f"what was imported and set cannot be read: {wrong}"
        mistakes.append(Mistaken(text, readable(path), hint=hint))
        return Layer()


def overlaid(groups: Mapping[str, Group], over: Mapping[str, OverlayGroup]) -> dict[str, Group]:
    """Groups with what is set above them."""
    found = dict(groups)
    for name, one in over.items():
        if one.gone:
            found.pop(name, None)
            continue
        old = found.get(name, Group(one.type or "application"))
        properties = dict(old.properties)
        for key, value in one.properties.items():
            if value is None:
                properties.pop(key, None)
            else:
                properties[key] = value
        found[name] = Group(one.type or old.type, properties)
    return found


def lay_over(
    definitions: Iterable[Definition], layer: Layer, mistakes: list[Mistaken]
) -> list[Definition]:
    """Definitions of other formats, with what is set above the fields that properties stand for."""
    found = []
    for one in definitions:
        over = layer.running.get(one.fmri)
        if over is None or one.format == "manifest":
            found.append(one)
            continue
        try:
            groups = _touched(one, over)
            origins = one.origins | dict.fromkeys(_keys(groups, over), SET)
            found.append(msgspec.structs.replace(put(one, groups), origins=origins))
        except UsageError as wrong:
            what = f"what is set for {one.fmri} makes no sense: {wrong.message}"
            hint = "svccfg delprop takes it back"
            mistakes.append(Mistaken(what, readable(one.source), None, None, hint, "warning"))
            found.append(one)
    return found


def _keys(groups: Mapping[str, Group], over: Overlay) -> Iterator[str]:
    """The keys of a native file that what is set stands above, as their origins name them."""
    for name in groups:
        given = {
            key
            for part in (over.service, over.instance)
            if name in part
            for key in part[name].properties
        }
        for row in FIELDS:
            if row.property not in given:
                continue
            if row.group == name:
                yield row.field.removeprefix("context.")
            elif row.group == "METHOD" and name in _COMMANDS:
                yield _COMMANDS[name] + ("_timeout" if row.field == "METHOD.timeout" else "")


_COMMANDS = {
    "prepare": "exec_start_pre",
    "start": "exec_start",
    "stop": "exec_stop",
    "refresh": "exec_refresh",
    "cleanup": "exec_stop_post",
}


def _touched(one: Definition, over: Overlay) -> dict[str, Group]:
    """The groups that are set, whole, with what the definition has for the rest of them."""
    below = view(one)
    found: dict[str, Group] = {}
    for name in {**over.service, **over.instance}:
        base = {name: below[name]} if name in below else {}
        both: dict[str, Group] = base
        for part in (over.service, over.instance):
            if name in part:
                both = compose(both, overlaid(both, {name: part[name]}))
        if name not in both:
            continue
        hidden = {
            key: Property("", ())
            for part in (over.service, over.instance)
            if name in part
            for key, value in part[name].properties.items()
            if value is None and key not in both[name].properties
        }
        found[name] = Group(both[name].type, {**both[name].properties, **hidden})
    return found
