"""The formats that there are. Each entry of a directory decides its own: the first that claims it
reads it.
"""

from __future__ import annotations

import re

from .bundle import Bundle
from .entry import Entry, Format
from .manifest import Manifest
from .native import Native
from .script import Script

__all__ = ["FORMATS", "format_of", "leftover"]

FORMATS: tuple[Format, ...] = (Native(), Manifest(), Script(), Bundle())

_LEFTOVER = re.compile(
    r".*(~|\.(bak|old|orig|rej|tmp|sw[a-p]|save|part)"
    r"|\.(dpkg|ucf)-[a-z]+|\.rpm(save|new|orig))|#.*#",
    re.DOTALL,
)


def leftover(name: str) -> bool:
    """True for what editors, patch and package managers leave beside a file."""
    return _LEFTOVER.fullmatch(name) is not None


def format_of(entry: Entry) -> Format | None:
    """The format of an entry, or None when it is of none."""
    for one in FORMATS:
        if one.claims(entry):
            return one
    return None
