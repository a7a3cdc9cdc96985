"""What a native file says: values key by key, then one definition for each of its instances."""

from __future__ import annotations

from typing import Any

from stoker.errors import UsageError
from stoker.model import fmri, of_name

from .build import Builder
from .entry import Reading, Reference, Surroundings
from .keys import DEFINITION
from .kinds import BAD, told
from .positions import Path, line_of
from .tables import Table
from .toml import Toml, dotted

__all__ = ["read_definition"]

LONGEST = 200  # characters of an FMRI: names of cgroups and log files are made of it


def read_definition(file: Toml, stem: str, surroundings: Surroundings) -> Reading:
    """What a file says, with its name `stem`. `file.data` None means that its mistakes are noted
    already.
    """
    data = file.data
    if data is None:
        return Reading(mistakes=file.mistakes, claims=_claims(file, stem, {}, {}), path=file.path)
    spot = file.spot()
    given = data.get("instances", {})
    tables: dict[str, Any] = {}
    values = _present(DEFINITION, {k: v for k, v in data.items() if k != "instances"}, file)
    if "instances" in data:
        found = DEFINITION.keys["instances"].kind.read(given, spot.at("instances"))
        tables = {} if found is BAD else found
    overrides = {name: _override(name, table, file) for name, table in tables.items()}
    claims = _claims(file, stem, values, overrides)
    reading = Reading(claims=claims, path=file.path)
    references: dict[Reference, None] = {}
    each: dict[str, dict[str, Any]] = overrides or {"": {}}
    # Without a name it is built all the same, for the mistakes that only building finds.
    for name, (instance, override) in zip(claims or [""] * len(each), each.items(), strict=False):
        builder = Builder(file, name, instance, values, override, surroundings)
        reading.definitions.append(builder.build())
        for target, path in builder.references():
            line = line_of(file.lines, path)
            references[Reference(target, file.path, line, dotted(path))] = None
    reading.mistakes = file.mistakes
    reading.references = list(references)
    if not reading.good:
        reading.definitions.clear()
    return reading


def _present(table: Table, data: dict[str, Any], file: Toml, *below: str) -> dict[str, Any]:
    """The values that are there; bad ones too, as BAD, so that a key that is wrong is not also
    missing.
    """
    found = {}
    spot = file.spot().at(*below)
    for name, item in data.items():
        key = table.spellings.get(name)
        if key is None:
            table.unknown(name, spot.at(name))
        else:
            found[key.name] = key.kind.read(item, spot.at(name))
    return found


def _override(name: str, data: Any, file: Toml) -> dict[str, Any]:
    spot = file.spot().at("instances", name)
    if not isinstance(data, dict):
        spot.wrong(f"expected a table, not {told(data)}", f"write [instances.{name}]")
        return {}
    for key in ("id", "instances"):
        if key in data:
            spot.at(key).wrong(f'"{key}" cannot stand in an instance')
    rest = {key: value for key, value in data.items() if key not in ("id", "instances")}
    return _present(DEFINITION, rest, file, "instances", name)


def _claims(file: Toml, stem: str, values: dict[str, Any], overrides: dict[str, Any]) -> list[str]:
    """The FMRIs that the file stands for, in the order of its instances."""
    named = values.get("id", stem)
    service, instance = of_name(stem if named is BAD else named)
    where: Path = ("id",) if "id" in values else ()
    try:
        if not overrides:
            found = [fmri(service, instance)]
        elif of_name(named if named is not BAD else stem)[1] != "default":
            file.hear(
                ("instances",),
                f"{service}@{instance} is one instance already",
                "name the file after the service alone",
            )
            return [fmri(service, instance)]
        else:
            where = ("instances",)
            found = [fmri(service, name) for name in overrides]
    except UsageError as wrong:
        file.hear(where, wrong.message, wrong.hint)
        return []
    if any(len(name) > LONGEST for name in found):
        file.hear(where, f"the name is too long ({LONGEST} characters at most)")
    return found
