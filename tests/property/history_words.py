"""Events, effects and definitions in words, for the traces of histories that went wrong."""

from __future__ import annotations

from typing import Any

import msgspec


def brief(thing: Any) -> str:
    """A structure without what has its default."""
    if isinstance(thing, tuple):
        return f"({', '.join(map(brief, thing))})"
    if not isinstance(thing, msgspec.Struct):
        return repr(str(thing)) if isinstance(thing, str) else repr(thing)
    info = msgspec.structs.fields(thing)
    parts = [
        f"{one.name}={brief(getattr(thing, one.name))}"
        for one in info
        if getattr(thing, one.name) != one.default
    ]
    return f"{type(thing).__name__}({', '.join(parts)})"


def short(told: Any) -> str:
    """An event or effect in one line, without definitions."""
    parts = [
        f"{name}={brief(getattr(told, name))}"
        for name in told.__slots__
        if name not in ("fmri", "definition", "step", "text")
    ]
    fmri = getattr(told, "fmri", "") or (
        told.definition.fmri if hasattr(told, "definition") else ""
    )
    return f"{type(told).__name__}({', '.join([fmri, *parts] if fmri else parts)})"
