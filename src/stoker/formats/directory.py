"""Reads a list of directories: the first that has a name wins, one name twice in one directory is
refused.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

import msgspec

from stoker.model import MARK, Definition, Dependency, Loaded, Mistaken, display, service_of

from .bundle import elsewhere
from .entry import Entry, Format, Reading, Reference, Surroundings, readable, unforeseen
from .registry import format_of, leftover

__all__ = ["Found", "folders_of", "read_directories", "read_manifests"]

_OURS = (MARK, ".stoker.toml")


class Found(msgspec.Struct):
    """What a list of directories came to.

    `claims`: every FMRI that something stands for. `refused`: those of them that are not loaded, to
    the file at fault. `gone`: directories that could not be read at all; `shut`: those of them that
    are there. `dependents`: what one puts upon another: target, dependency, file.
    """

    definitions: list[Definition] = []
    mistakes: list[Mistaken] = []
    ignored: list[tuple[str, str]] = []
    claims: dict[str, str] = {}
    refused: dict[str, str] = {}
    gone: list[str] = []
    shut: list[str] = []
    stems: dict[str, str] = {}
    references: list[Reference] = []
    dependents: list[tuple[str, Dependency, str]] = []


def read_directories(
    directories: list[str],
    surroundings: Surroundings,
    *,
    needed: bool = True,
    loaded: Sequence[Loaded] = (),
) -> Found:
    """Read them all. `needed`: one that does not exist is a mistake (else only when none does).
    `loaded`: what clients have loaded besides.
    """
    found = Found()
    missing = []
    for directory in directories:
        try:
            entries = _entries(directory, found, surroundings)
        except FileNotFoundError:
            missing.append(directory)
            found.gone.append(directory)
            continue
        except OSError as wrong:
            why = f"cannot be read as a directory: {wrong.strerror or wrong}"
            found.mistakes.append(Mistaken(why, readable(directory)))
            found.gone.append(directory)
            found.shut.append(directory)
            continue
        _take(directory, entries, surroundings, found)
    for reading in elsewhere(surroundings):
        _add(reading, found, {})
    if loaded:
        from .loaded import load_plain

        for reading in load_plain(list(loaded), surroundings):
            _add(reading, found, {})
    if missing and (needed or len(missing) == len(directories)):
        for directory in missing:
            found.mistakes.append(
                Mistaken(
                    "there is no such directory",
                    readable(directory),
                    hint="`stoker new NAME -- COMMAND` writes a first definition",
                    level="error" if needed else "warning",
                )
            )
    return found


def folders_of(roots: Iterable[str]) -> tuple[str, ...]:
    """These directories and all below them, in the order of names; those that are not there stay,
    to be missed.
    """
    found: dict[str, None] = {}
    for root in roots:
        found[root] = None
        for folder, below, _names in os.walk(root):
            below[:] = sorted(name for name in below if not name.startswith("."))
            found[folder] = None
    return tuple(found)


def read_manifests(folders: Iterable[str], surroundings: Surroundings, found: Found) -> None:
    """Add the services of the bundles in these directories, and of nothing else there. What is
    described already counts; so does the first of two files.
    """
    for folder in folders:
        try:
            entries = _entries(folder, found, surroundings)
        except OSError as wrong:
            why = f"no manifests can be read here: {wrong.strerror or wrong}"
            found.mistakes.append(Mistaken(why, readable(folder), level="warning"))
            continue
        for entry, form in entries:
            if not (entry.is_file and entry.name.endswith(".xml")):
                continue
            reading = _read(entry, form, surroundings)
            hidden = [found.claims[name] for name in reading.claims if name in found.claims]
            if hidden:
                found.ignored.append((readable(entry.path), f"hidden by {hidden[0]}"))
            else:
                _add(reading, found, {})
                found.stems.setdefault(entry.path, readable(entry.path))


def _entries(
    directory: str, found: Found, surroundings: Surroundings
) -> list[tuple[Entry, Format]]:
    """The entries that some format may read, in the order of names; the others are noted as
    ignored.
    """
    entries: list[tuple[Entry, Format]] = []
    with os.scandir(directory) as listing:
        for item in sorted(listing, key=lambda item: item.name):
            name = item.name
            if name in _OURS or item.path in surroundings.bundles.kinds:
                continue
            why: str | None = None
            if name.startswith("."):
                why = "its name begins with a dot"
            elif leftover(name) and not surroundings.every_name:
                why = "left over by an editor or a package"
            else:
                try:
                    entry = Entry(directory, name, item.stat().st_mode)
                except OSError as wrong:
                    why = _broken(directory, name, wrong, found)
                else:
                    form = format_of(entry)
                    if form is not None:
                        entries.append((entry, form))
                    else:
                        why = _unread(entry)
            if why:
                found.ignored.append((readable(f"{directory}/{name}"), why))
    return entries


def _broken(directory: str, name: str, wrong: OSError, found: Found) -> str | None:
    """An entry that cannot even be looked at: a mistake where it is meant as a definition."""
    why = f"cannot be looked at: {wrong.strerror or wrong}"
    if not name.endswith((".toml", ".xml")):
        return why
    found.mistakes.append(
        Mistaken(
            why, readable(f"{directory}/{name}"), hint="a link to something that is not there?"
        )
    )
    return None


def _unread(entry: Entry) -> str:
    """Why an entry is of no format."""
    if entry.is_directory:
        return "a directory without run"
    if entry.is_file:
        return "not executable, and neither NAME.toml nor NAME.xml"
    return "neither a file nor a directory"


def _take(
    directory: str, entries: list[tuple[Entry, Format]], surroundings: Surroundings, found: Found
) -> None:
    """Read the entries of one directory and settle whose each name is."""
    owners: dict[str, list[Reading]] = {}
    stems: dict[str, str] = {}
    readings = []
    prefix = surroundings.bundles.prefix(directory)
    for entry, form in entries:
        stem = prefix + entry.stem
        reading = _read(entry, form, surroundings)
        if reading.same_as:
            why = f"another name of the bundle {reading.same_as}"
            found.ignored.append((readable(entry.path), why))
            continue
        hidden = [found.claims[name] for name in reading.claims if name in found.claims]
        hidden += [found.stems[stem]] if stem in found.stems else []
        if hidden:
            found.ignored.append((readable(entry.path), f"hidden by {hidden[0]}"))
            continue
        readings.append(reading)
        # NAME.toml and the executable NAME are one service, whichever instances each has.
        together = {service_of(name) for name in reading.claims}
        for name in {*reading.claims, *(f"{stem} {service}" for service in together)}:
            owners.setdefault(name, []).append(reading)
        stems[reading.path] = stem
    found.stems.update({prefix + one.stem: readable(one.path) for one, _ in reversed(entries)})
    for reading in readings:
        stem = stems[reading.path]
        double = {
            name: owners[name] if len(owners[name]) > 1 else owners[f"{stem} {service_of(name)}"]
            for name in reading.claims
        }
        double = {name: who for name, who in double.items() if len(who) > 1}
        for name, who in double.items():
            others = [readable(one.path) for one in who if one is not reading]
            found.mistakes.append(
                Mistaken(
                    f"{display(name)} is defined twice in {readable(directory)}",
                    readable(reading.path),
                    hint=f"also by {', '.join(os.path.basename(other) for other in others)}",
                )
            )
        _add(reading, found, double)


def _add(reading: Reading, found: Found, double: Collection[str]) -> None:
    """Take over what was read; nothing of it is loaded where it has a mistake or is there twice."""
    found.mistakes += reading.mistakes
    found.references += reading.references
    good = reading.good and not double
    if good:
        found.definitions += reading.definitions
        found.dependents += [(to, what, reading.path) for to, what in reading.dependents]
    for name in reading.claims:
        found.claims.setdefault(name, readable(reading.path))
        if not good:
            found.refused.setdefault(name, readable(reading.path))


def _read(entry: Entry, form: Format, surroundings: Surroundings) -> Reading:
    try:
        return form.read(entry, surroundings)
    except Exception as wrong:  # told as a mistake in it
        return Reading([], [unforeseen(entry.path, wrong)], [], entry.path)
