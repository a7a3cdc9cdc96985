"""Which instance a directory stands for, and what the links of a bundle lead to (nosh.md 1.1, 1.4).

A bundle is known by device and inode, not by its path: two names of one directory are one instance,
named by the first. One that stands in a directory of the place or in the search path is
`svc:/NAME`, a target there `svc:/target/NAME`, any other bundle `svc:/bundle/PATH`.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable

from stoker.errors import UsageError
from stoker.model import Mistaken, canonical, fmri, of_name

from .entry import Known, Reading, Reference, readable, slurp

__all__ = ["identify", "is_bundle", "links", "name_of", "service_directory"]

RUNS = ("run", "service/run")


def is_bundle(path: str) -> bool:
    """Whether a directory is a bundle: it says what to run, or is an s6-rc source directory."""
    return any(os.path.lexists(f"{path}/{name}") for name in RUNS) or _is_source(path)


def _is_source(path: str) -> bool:
    try:
        kind = slurp(f"{path}/type", 64)
    except OSError:  # no such file, or not ours to read: then it is no source directory of s6-rc
        return False
    return kind.strip() in (b"longrun", b"oneshot", b"bundle")


def service_directory(bundle: str) -> str:
    """Where its programs are: BUNDLE/service, or BUNDLE itself where there is none."""
    inner = f"{bundle}/service"
    return inner if os.path.isdir(inner) else bundle


def identify(path: str, known: Known) -> str:
    """The FMRI of the bundle at `path`. Raises OSError when it is not there, UsageError when no
    FMRI can be made of its path.
    """
    found = os.stat(path)
    if known.names is None:
        known.names = {}
        for directory in known.directories:
            for identity, own in _look([directory], known.prefix(directory), known.taken).items():
                known.names.setdefault(identity, own)
    name = known.names.get((found.st_dev, found.st_ino))
    if name is None:
        real = os.path.realpath(path)
        name = _searched(found, known) or fmri(f"bundle/{real.lstrip('/')}")
        known.names[found.st_dev, found.st_ino] = name
        known.elsewhere[name] = real
    return name


def _searched(found: os.stat_result, known: Known) -> str:
    """The name of a directory that lies in the search path; "" when it does not, or when that name
    is another's.
    """
    assert known.names is not None
    if known.roots is None:
        known.roots = {}
        taken = {*known.names.values(), *known.taken}
        for kind, roots in known.searched.items():
            prefix = "target/" if kind == "targets" else ""
            for identity, name in _look(roots, prefix).items():
                if name not in taken:
                    known.roots.setdefault(identity, name)
                    taken.add(name)
    return known.roots.get((found.st_dev, found.st_ino), "")


def _look(
    directories: Iterable[str], prefix: str, taken: set[str] | None = None
) -> dict[tuple[int, int], str]:
    """The directories in these directories; the first name of each counts. `taken` gets the names
    of what is no directory.
    """
    names: dict[tuple[int, int], str] = {}
    for directory in directories:
        try:
            with os.scandir(directory) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:  # said by who reads the directories
            continue
        for entry in entries:
            try:
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    if taken is not None:
                        taken.add(name_of(entry.name.removesuffix(".toml")))
                    continue
                found = os.stat(entry.path)
                name = name_of(prefix + entry.name)
                names.setdefault((found.st_dev, found.st_ino), name)
            except (OSError, UsageError):  # said by who reads the entry
                continue
    return names


def name_of(entry: str) -> str:
    """The FMRI of a bundle by the name of its directory. Raises UsageError."""
    return fmri(*of_name(entry))


def links(bundle: str, relation: str, known: Known, reading: Reading) -> tuple[str, ...]:
    """The FMRIs that the links of BUNDLE/RELATION lead to, in the order of their names. One that
    leads nowhere is a warning: nosh passes it over.
    """
    folder = f"{bundle}/{relation}"
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return ()
    except OSError as wrong:
        why = f"cannot be read as a directory: {wrong.strerror}"
        reading.mistakes.append(Mistaken(why, readable(folder), level="warning"))
        return ()
    found = []
    for name in names:
        if name.startswith("."):
            continue
        path = f"{folder}/{name}"
        try:
            targets = _targets(path, name, known)
        except (OSError, UsageError, ValueError) as wrong:
            why = str(wrong.strerror if isinstance(wrong, OSError) else wrong)
            reading.mistakes.append(
                Mistaken(
                    f"leads to nothing that can be a service: {why}",
                    readable(path),
                    hint="it is passed over",
                    level="warning",
                )
            )
            continue
        found += targets
        for target in targets:
            reading.references.append(Reference(target, readable(path), None, relation))
    return tuple(dict.fromkeys(found))


def _targets(path: str, name: str, known: Known) -> list[str]:
    """What one entry leads to; nothing for what is neither a directory nor a link (nosh 1.1)."""
    if name.startswith("svc:"):
        return [canonical(name.replace("%2F", "/").replace("%2f", "/"))]
    if not os.path.islink(path) and not os.path.isdir(path):
        return []
    if not stat.S_ISREG(os.stat(path).st_mode):
        return [identify(path, known)]
    file = os.path.realpath(path)
    return _in_manifest(file) if file.endswith(".xml") else [_definition(file)]


def _in_manifest(path: str) -> list[str]:
    """The instances of a manifest. Raises ValueError when it has none, or is none."""
    from .manifest import read_bundle

    services = read_bundle(path).services
    found = [f"{one.fmri}:{instance}" for one in services for instance in one.instances]
    if not found:
        raise ValueError("it is no manifest with instances")
    return found


def _definition(path: str) -> str:
    """The FMRI of a file that a link leads to: a native definition, or a script."""
    stem = os.path.basename(path)
    if stem.endswith(".toml"):
        stem = stem.removesuffix(".toml")
        given = tomllib.loads(slurp(path).decode()).get("id")
        if isinstance(given, str):
            stem = given
    return fmri(*of_name(stem))
