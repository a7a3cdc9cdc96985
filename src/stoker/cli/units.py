"""`import systemd UNIT…`: native definitions from systemd's units, with a report."""

from __future__ import annotations

import os
from collections.abc import Sequence

from stoker.errors import Failed, NoSuchService, StokerError, UsageError

from .call import Call
from .say import clean, dump, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.formats import Converted, Unit

__all__ = ["import_units"]


def import_units(call: Call, names: Sequence[str]) -> int:
    """Convert these, and write what they come to; 1 when one of them could not be converted."""
    from stoker.formats import convert_unit

    if not names:
        raise UsageError("no unit is named", hint="stoker import systemd nginx.service")
    dry = bool(call.get("dry_run"))
    said: list[str] = []
    units, sockets = _read(names, said)
    aliases = _aliases(units)
    units = [unit for unit in units if unit.name not in aliases]
    known = {unit.name for unit in units} | _there(call, dry)
    rows: list[dict[str, Any]] = []
    for unit in units:
        made = convert_unit(unit, known, sockets.get(unit.name, ()))
        path = ""
        if made.text and not dry:
            path = _write(_directory(call), made)
        rows.append({"unit": unit.name, "name": made.name, "path": path or None, "why": made.why,
                     "text": made.text, "settings": [_row(one) for one in made.rows]})  # fmt: skip
    if call.json:
        dump({"version": 1, "units": rows, "aliases": aliases, "said": said})
    else:
        for text in said:
            note(clean(text))
        for name, other in aliases.items():
            note(clean(f"{name} is another name of {other}"))
        for row in rows:
            _show(row)
    return 1 if said or any(row["why"] for row in rows) else 0


def _read(names: Sequence[str], said: list[str]) -> tuple[list[Unit], dict[str, list[Unit]]]:
    """The units of these names, and for each service its sockets; a socket brings its service.
    What cannot be read is said.
    """
    from stoker.formats import Unit, read_unit, socket_service

    units: dict[str, Unit] = {}
    sockets: dict[str, list[Unit]] = {}
    for name in names:
        try:
            unit = read_unit(name)
            if unit.kind != "socket" or unit.template:
                units.setdefault(unit.name, unit)
                continue
            service = socket_service(unit)
            found = units.get(service) or _beside(unit, service)
            if found.template:  # a process of it for each connection: it has no other name
                found = Unit(f"{unit.stem}.service", found.file, found.settings, found.wanted)
            units.setdefault(found.name, found)
            sockets.setdefault(found.name, []).append(unit)
        except StokerError as error:
            said.append(str(error))
    return list(units.values()), sockets


def _aliases(units: Sequence[Unit]) -> dict[str, str]:
    """Those whose files are links to others of them, by which one."""
    names = {unit.name for unit in units}
    real = {unit.name: os.path.basename(os.path.realpath(unit.file)) for unit in units}
    return {name: other for name, other in real.items() if other != name and other in names}


def _beside(unit: Unit, name: str) -> Unit:
    """A unit that another speaks of: of the same directory, or else of the search path."""
    from stoker.formats import read_unit

    try:
        return read_unit(os.path.join(os.path.dirname(unit.file), name))
    except NoSuchService:
        return read_unit(name)


def _row(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _directory(call: Call) -> str:
    given = call.get("to")
    return os.path.abspath(given) if given else call.place().directories[0]


def _there(call: Call, dry: bool) -> set[str]:
    """The units whose services are in that directory already."""
    try:
        names = os.listdir(_directory(call))
    except (OSError, StokerError):  # it will be told when something is to be written there
        return set()
    found = {name.removesuffix(".toml") for name in names if name[0] != "."}
    return {f"{name}.service" for name in found}


def _write(directory: str, made: Converted) -> str:
    path = os.path.join(directory, made.name.replace("/", "-") + ".toml")
    try:
        os.makedirs(directory, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise Failed(f"{path} is there already", hint="remove it, or use --to") from None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None
    with open(fd, "w", encoding="utf-8") as file:
        file.write(made.text)
    return path


def _show(row: dict[str, Any]) -> None:
    if row["why"]:
        note(clean(f"{row['unit']}: cannot be converted: {row['why']}"))
        return
    if row["path"]:
        print(clean(f"{row['unit']}: wrote {row['path']}"))
    else:
        print(clean(f"{row['unit']}: {row['name']}"))
        for line in row["text"].splitlines():
            print(clean(line))
    for one in row["settings"]:
        why = f": {one['why']}" if one["why"] else ""
        print(clean(f"  {one['what']:<12} {one['key']}={one['value'][:60]}{why}"))
