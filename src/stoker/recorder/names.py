"""Where an instance's log lies below the log directory, and what the files in it are called.

One folder for each instance: ``svc:/web:default`` has ``web``, ``svc:/site/api:blue`` has
``site%2Fapi:blue``. In it ``current`` is written to; a file that was closed is called by the UTC
time of its closing, ``20261120T101112.123456Z``, with ``.gz`` when it is compressed, so that
names sort as time does. ``NAME.index`` lies beside a file without time stamps.
"""

from __future__ import annotations

import os
import time
from datetime import datetime

__all__ = [
    "CURRENT",
    "INDEX",
    "closed_files",
    "closing_name",
    "fmri_of",
    "folder_of",
    "is_closed",
    "smf_name",
]

CURRENT = "current"
INDEX = ".index"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,+@:")


def folder_of(fmri: str) -> str:
    """The folder's name for an FMRI."""
    name = fmri.removeprefix("svc:/").removesuffix(":default")
    if name and name[0] != "." and _PLAIN.issuperset(name):
        return name
    raw = name.encode("utf-8", "surrogateescape")
    coded = "".join(
        chr(byte) if chr(byte) in _PLAIN and (at or byte != 46) else f"%{byte:02X}"
        for at, byte in enumerate(raw)
    )
    return coded or "%"


def smf_name(fmri: str) -> str:
    """The name that SMF gives to an instance's log; two services may share one, as there."""
    return fmri.removeprefix("svc:/").replace("/", "-") + ".log"


def fmri_of(folder: str) -> str:
    """The FMRI whose folder this is; the inverse of `folder_of`."""
    first, *rest = folder.encode("utf-8", "surrogateescape").split(b"%")
    raw = first
    for piece in rest:
        try:
            raw += bytes((int(piece[:2], 16),)) + piece[2:]
        except ValueError:
            raw += b"%" + piece  # not a name of ours: as it is
    name = raw.decode("utf-8", "surrogateescape")
    return f"svc:/{name}" if ":" in name else f"svc:/{name}:default"


def closing_name(folder: str, now_ns: int) -> str:
    """The name of a file that is closed at this wall time: not yet taken in `folder`, and after
    all others there even if the clock was set back, because their order is the order of the
    lines.
    """
    latest = max(
        (name.removesuffix(".gz").removesuffix(INDEX) for name in _stamped(folder)), default=""
    )
    if latest and _name(now_ns) <= latest:
        second = int(datetime.fromisoformat(latest[:15] + "Z").timestamp())
        now_ns = (second * 1_000_000 + int(latest[16:22]) + 1) * 1000
    return _name(now_ns)


def _name(now_ns: int) -> str:
    second = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_ns // 1_000_000_000))
    return f"{second}.{now_ns // 1000 % 1_000_000:06d}Z"


def _stamped(folder: str) -> list[str]:
    return [name for name in os.listdir(folder) if is_closed(name.removesuffix(INDEX))]


def is_closed(name: str) -> bool:
    """Whether this is the name of a closed file (compressed or not), rather than an index or
    anything else.
    """
    stem = name.removesuffix(".gz")
    return (
        len(stem) == 23
        and stem[8] == "T"
        and stem[22] == "Z"
        and stem[:8].isdigit()
        and stem[9:15].isdigit()
    )


def closed_files(folder: str) -> list[str]:
    """Names of the closed files in a folder, oldest first; of a file and its compressed self, the
    latter.
    """
    try:
        there = {name for name in os.listdir(folder) if is_closed(name)}
    except FileNotFoundError:
        return []
    return sorted(name for name in there if name.endswith(".gz") or f"{name}.gz" not in there)
