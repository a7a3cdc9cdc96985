"""Operands as SMF reads them: exact, glob, or part of a name (svcs(1), smf(7))."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stoker.errors import NoSuchService, UsageError
from stoker.model import canonical, is_instance, service_of

__all__ = ["entities", "exact", "instances", "partial", "property_of"]


def property_of(text: str) -> tuple[str, str, str]:
    """An operand without its property part; group and property, "" where not named."""
    head, mark, rest = text.partition("/:properties/")
    if not mark:
        return text, "", ""
    group, _, name = rest.partition("/")
    return head, group, name


def entities(pattern: str, known: Sequence[str], services: Sequence[str]) -> list[str]:
    """What a pattern names: an exact service stands for itself, anything else for instances; a
    service is found by a part of its name if it has no instances. Raises NoSuchService.
    """
    whole = exact(pattern)
    if whole in known or whole in services:
        return [whole]
    having = {service_of(name) for name in known}
    empty = [name for name in services if name not in having]
    return instances(pattern, [*known, *empty])


def instances(pattern: str, known: Sequence[str]) -> list[str]:
    """The instances that a pattern names, each once. Raises NoSuchService when that is none."""
    whole = exact(pattern)
    if whole in known:
        return [whole]
    if whole and not is_instance(whole):
        found = [name for name in known if service_of(name) == whole]
        if found:
            return found
    if any(char in pattern for char in "*?["):
        found = _globbed(pattern, known)
    else:
        found = [name for name in known if partial(pattern, name)]
    if not found:
        raise NoSuchService(f"Pattern '{pattern}' doesn't match any instances")
    return found


def exact(pattern: str) -> str:
    """The canonical FMRI that a pattern is, "" when it is none. (T04)"""
    try:
        return canonical(pattern, "")
    except UsageError:
        return ""


def _globbed(pattern: str, known: Iterable[str]) -> list[str]:
    from fnmatch import fnmatchcase

    whole = pattern
    if not pattern.startswith("*") and pattern[3:4] != ":":
        whole = "svc:/" + pattern.removeprefix("/")
    return [name for name in known if fnmatchcase(name, whole)]


def partial(pattern: str, name: str) -> bool:
    """Whether a pattern is part of an FMRI as SMF means it: from a boundary to the end, or to the
    instance. Only its first occurrence is looked at, as SMF does.
    """
    at = name.find(pattern)
    end = at + len(pattern)
    if not pattern or at < 0 or end <= len("svc:"):
        return False
    begins = pattern[0] == ":" or (at > 0 and name[at - 1] in "/:")
    ends = pattern[-1] == ":" or end == len(name) or name[end] == ":"
    return begins and ends
