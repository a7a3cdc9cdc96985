"""Directories that clients have loaded: bundles wherever they are, or two directories that only the
client knows to belong together.
"""

from __future__ import annotations

import os

import msgspec

from stoker.errors import StokerError, UsageError
from stoker.model import (
    Definition,
    Loaded,
    LogSettings,
    Mistaken,
    Place,
    Supervise,
    decode_loaded,
    fmri,
)

from .bundle import Bundle
from .bundle_kinds import by_family
from .bundle_links import identify, is_bundle
from .entry import Known, Reading, Surroundings, readable

__all__ = ["find_loaded", "load_plain", "plumb_loaded"]

NOWHERE = (0, 0)  # no directory has that device and inode


def find_loaded(place: Place, known: Known, mistakes: list[Mistaken]) -> list[Loaded]:
    """What is loaded in a place. Those that are bundles are known as such from now on."""
    try:
        with open(place.loaded, "rb") as file:
            rows = decode_loaded(file.read())
    except FileNotFoundError:
        return []
    except (OSError, StokerError) as wrong:
        mistakes.append(Mistaken(str(wrong), readable(place.loaded), level="warning"))
        return []
    for one in rows:
        bundle = bundle_of(one)
        if bundle:
            try:
                identify(bundle, known)
            except (OSError, UsageError):  # it is gone: then it is nothing
                continue
    return rows


def bundle_of(one: Loaded) -> str:
    """The bundle whose two parts they are; "" when they are of none."""
    above = os.path.dirname(one.service)
    candidates = [one.service] if os.path.basename(one.service) != "service" else [above]
    for bundle in candidates:
        if is_bundle(bundle) and _same(f"{bundle}/supervise", one.supervise):
            return bundle
    return ""


def load_plain(rows: list[Loaded], surroundings: Surroundings) -> list[Reading]:
    """Those that are no bundle, as nosh runs them."""
    readings = []
    for one in rows:
        if one.known or bundle_of(one) or not os.path.isdir(one.service):
            continue
        reading = Reading(path=one.service)
        try:
            name = fmri(f"bundle/{os.path.realpath(one.supervise).lstrip('/')}")
        except UsageError:  # of a path that cannot be a name
            continue
        reading.claims.append(name)
        made = by_family("nosh").define(one.service, name, surroundings, reading)
        reading.definitions.append(
            msgspec.structs.replace(
                made,
                description=one.name,
                format=Bundle.name,
                source=one.service,
                enabled=False,
                supervise=Supervise(one.supervise),
            )
        )
        readings.append(reading)
    return readings


def plumb_loaded(definitions: list[Definition], rows: list[Loaded]) -> list[Definition]:
    """What clients have said of these beside their files."""
    if not rows:
        return definitions
    by_path = {}
    for one in definitions:
        if one.supervise is not None and (found := _identity(one.supervise.path)) is not None:
            by_path[found] = one
    changed: dict[str, Definition] = {}
    for row in rows:
        mine = by_path.get(_identity(row.supervise) or NOWHERE)
        if mine is not None:
            target = by_path.get(_identity(row.plumb) or NOWHERE) if row.plumb else None
            changed[mine.fmri] = _with(mine, row, target)
    return [changed.get(one.fmri, one) for one in definitions]


def _with(mine: Definition, row: Loaded, target: Definition | None) -> Definition:
    new = mine
    if row.piped:
        new = msgspec.structs.replace(new, stdin="pipe")
    if target is not None:
        new = msgspec.structs.replace(new, log=LogSettings(mode="service", path=target.fmri))
    nosh = new.supervise is not None and new.supervise.form == "nosh"
    if nosh and row.remain:
        new = msgspec.structs.replace(new, ends="never")
    elif nosh and not row.known and new.ends == "never":
        # The flag is the client's affair, and this one has not said it (C68).
        new = msgspec.structs.replace(new, ends="main" if new.ready.kind == "exit" else "empty")
        new = msgspec.structs.replace(new, model="contract")
    return new


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:  # gone, or not made yet
        return None
    return found.st_dev, found.st_ino


def _same(one: str, two: str) -> bool:
    found = _identity(one)
    return found is not None and found == _identity(two)
