"""convert-fstab-services, write-volume-service-bundles, get-mount-what and get-mount-where: bundles
of what fstab has, as nosh makes them (nosh.md 9a).

What is mounted on /var/lib is `mount@-var-lib`, checked by `fsck@-var-lib`; swap on /dev/sda2 is
`swap@-dev-sda2`. Each is a few lines of shell in `start` and `stop`, and remains. gbde, geli and
crash dumps are BSD's, and are left out. Native definitions of fstab (`formats.fstab`) know whether
they have succeeded; these do not, because the exit status of `start` counts for nothing.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from typing import NamedTuple

from stoker.errors import Failed, NoSuchService, UsageError
from stoker.formats import FstabLine, fstab_lines, roots

from .bundles import complain
from .escaping import escape

__all__ = ["convert_all", "convert_one", "entry_for", "is_automatic", "mount_what", "mount_where"]

FSTAB = "/etc/fstab"
_EARLY = "/run/service-bundles/early-supervise"
_REMOTE = {
    *("nfs", "nfs4", "smbfs", "cifs", "ncp", "ncpfs", "coda", "ocfs2", "gfs", "gfs2", "ceph"),
    *("afs", "sshfs", "glusterfs"),
}
"""Debian's old list of what needs the network, with nosh's additions."""
_API = ("/proc", "/sys", "/sys/fs/cgroup", "/dev", "/dev/pts", "/run", "/run/shm")
_OURS = ("_netdev", "noauto", "nofail", "auto", "late", "failok")
"""Options that say nothing to mount(8)."""


class _Made(NamedTuple):
    """A bundle: its programs but `run`, its links to targets and to others of these bundles."""

    name: str
    start: str
    stop: str
    targets: dict[str, tuple[str, ...]]
    others: dict[str, tuple[str, ...]]
    again: str = "true"


def _entries(program: str) -> list[FstabLine]:
    try:
        with open(FSTAB, encoding="utf-8", errors="surrogateescape") as file:
            found, wrong = fstab_lines(file.read())
    except OSError as error:
        raise Failed(f"{FSTAB}: {error.strerror}") from None
    for number, why in wrong:
        complain(program, f"{FSTAB}:{number}: {why}")
    return found


def convert_all(name: str, words: list[str], given: dict[str, str]) -> int:
    """convert-fstab-services: a bundle for every entry."""
    if words:
        raise UsageError(f"{name} takes no words")
    for line in _entries(name):
        for made in [_swap(line)] if line.kind == "swap" else _volume(line):
            _write(made, given)
    return 0


def convert_one(name: str, words: list[str], given: dict[str, str]) -> int:
    """write-volume-service-bundles: of one volume that fstab need not have."""
    if len(words) != 3:
        raise UsageError("a type, a source and a directory are needed")
    kind, source, point = words
    said = tuple(one for one in given.get("options", "").split(",") if one)
    line = FstabLine(0, source, point.rstrip("/") or "/", kind, said, int("fsck" in given))
    for made in _volume(line):
        _write(made, given)
    return 0


def mount_what(name: str, words: list[str], _given: dict[str, str]) -> int:
    """get-mount-what: what fstab mounts there."""
    print(_find(name, words, "point").source)
    return 0


def mount_where(name: str, words: list[str], _given: dict[str, str]) -> int:
    """get-mount-where: where fstab mounts it."""
    print(_find(name, words, "source").point)
    return 0


def _find(name: str, words: list[str], field: str) -> FstabLine:
    if len(words) != 1:
        raise UsageError(f"one {'directory' if field == 'point' else 'source'} is needed")
    for line in _entries(name):
        if getattr(line, field) == words[0] and line.kind != "swap":
            return line
    raise NoSuchService(f"{words[0]} is not in {FSTAB}")


def entry_for(name: str) -> FstabLine | None:
    """The entry with that mount point or source. None where there is none, or no fstab."""
    try:
        lines = _entries("preset")
    except Failed:  # without fstab nothing is said of anything
        return None
    both = [line for line in lines if name in (line.point, line.source)]
    return both[0] if both else None


def is_automatic(line: FstabLine) -> bool:
    """Whether it is to be there from the beginning."""
    return line.option("noauto") is None


# -- what becomes of an entry


def _volume(line: FstabLine) -> list[_Made]:
    kind = line.kind.removeprefix("fuse.")
    remote = line.option("_netdev") is not None or kind in _REMOTE
    reach = "remote-fs" if remote else "local-fs"
    mount = f"mount@{escape(line.point)}"
    modules = ["kmod@fuse"] if line.kind.startswith("fuse") else []
    modules += ["kmod@efivarfs"] if kind == "efivarfs" else []
    found = [_mount(line, mount, reach, modules)]
    if line.check > 0:
        found.append(_check(line, mount, reach, modules))
    return found


def _mount(line: FstabLine, name: str, reach: str, modules: list[str]) -> _Made:
    again = line.point == "/" or line.point in _API
    said = [one for one in line.options if one not in _OURS and not one.startswith("x-")]
    given = ",".join([*said, *(["remount"] if again else [])])
    words = ["mount", "-t", line.kind, *(["-o", given] if given else []), line.source, line.point]
    if line.point == "/":
        stop = ["mount", "-o", "remount,ro", "/"]
    else:
        stop = ["mount", "-o", "remount", line.point] if again else ["umount", line.point]
    above = tuple(f"mount@{escape(path)}" for path in _above(line.point))
    servers = ("fs-servers",) if reach == "remote-fs" else ()
    return _Made(
        name,
        shlex.join(words),
        shlex.join(stop),
        {
            "wanted-by": (reach,),
            "before": (reach, "shutdown"),
            "after": (f"{reach}-pre", *servers),
            "stopped-by": () if line.point == "/" else ("unmount",),
        },
        {"after": (*above, *modules), "wants": tuple(modules)},
    )


def _above(point: str) -> Iterable[str]:
    """The directories that it lies in, the root too; none for the root itself."""
    while point != "/":
        point = os.path.dirname(point)
        yield point


def _check(line: FstabLine, mount: str, reach: str, modules: list[str]) -> _Made:
    return _Made(
        f"fsck@{escape(line.point)}",
        shlex.join(["fsck", "-a", line.source]),
        "true",
        {
            "before": ("shutdown",),
            "after": (f"{reach}-pre", "swapauto"),  # it needs much memory
            "stopped-by": ("unmount",),
        },
        {
            "before": (mount,),
            "wanted-by": (mount,),
            "after": tuple(modules),
            "wants": tuple(modules),
        },
        "false",
    )


def _swap(line: FstabLine) -> _Made:
    priority = line.option("pri")
    words = ["swapon", *(["--discard"] if line.option("discard") is not None else [])]
    words += ["--priority", priority] if priority else []
    collection = "swapauto" if line.option("late") is None else "swaplate"
    return _Made(
        f"swap@{escape(line.source)}",
        shlex.join([*words, line.source]),
        shlex.join(["swapoff", line.source]),
        {"wanted-by": (collection,), "before": ("shutdown",), "stopped-by": ("unmount",)},
        {},
    )


# -- writing


def _write(made: _Made, given: dict[str, str]) -> None:
    root = given.get("root", ".")
    bundle = f"{root}/{made.name}"
    targets = "../../../targets" if "etc" in given else roots(False)["targets"][2]
    try:
        os.makedirs(f"{bundle}/service", 0o755, exist_ok="overwrite" in given)
        programs = {"start": made.start, "stop": made.stop, "run": "true", "restart": made.again}
        for name, command in programs.items():
            path = f"{bundle}/service/{name}"
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(f"#!/bin/sh\nexec {command}\n")
            os.chmod(path, 0o755)
        open(f"{bundle}/service/remain", "wb").close()
        _link(f"{bundle}/supervise", f"{_EARLY}/{made.name}")
        for relations, where in ((made.targets, targets), (made.others, "../..")):
            for relation, names in relations.items():
                for name in names:
                    os.makedirs(f"{bundle}/{relation}", 0o755, exist_ok=True)
                    _link(f"{bundle}/{relation}/{name}", f"{where}/{name}")
    except OSError as error:
        raise Failed(f"{error.filename or bundle}: {error.strerror}") from None


def _link(path: str, to: str) -> None:
    if os.path.islink(path):
        os.unlink(path)
    os.symlink(to, path)
