"""Properties: typed values in groups, as SMF's repository has them (smf(7), libscf(3)).

A property has a type and any number of values, kept as canonical text; a group has a name, a type
and properties. A service and each of its instances have groups; what holds for an instance is
`compose`d of both, property by property.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from stoker.errors import UsageError

__all__ = ["LONGEST_VALUE", "VALUE_TYPES", "Group", "Property", "check_name", "checked", "compose"]

LONGEST_VALUE = 4095
"""Bytes of one value (libscf's SCF_LIMIT_MAX_VALUE_LENGTH)."""
_LONGEST_NAME = 119
_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*,)?[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_HOST = re.compile(r"(?=.{1,255}\.?$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,62})\.?)+", re.ASCII)
_TIME = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9}))?", re.ASCII)


class Property(msgspec.Struct, frozen=True, array_like=True):
    """A typed property; `values` are canonical text (`checked`), and may be none at all."""

    type: str
    values: tuple[str, ...] = ()


class Group(msgspec.Struct, frozen=True):
    """A property group. `type`: framework, application, method, dependency, template …"""

    type: str
    properties: dict[str, Property] = {}


def compose(service: Mapping[str, Group], instance: Mapping[str, Group]) -> dict[str, Group]:
    """What an instance sees: its own properties, then its service's. Where the types of two groups
    of one name differ, the service's is left out (smf(7)).
    """
    found = dict(service)
    for name, own in instance.items():
        other = service.get(name)
        if other is None or other.type != own.type or not other.properties:
            found[name] = own
        else:
            found[name] = Group(own.type, {**other.properties, **own.properties})
    return found


def check_name(name: str, what: str = "property") -> str:
    """`name` if a group, property, … may be called so. Raises UsageError."""
    if len(name.encode()) > _LONGEST_NAME:
        raise UsageError(
            f"the name of the {what} is too long", hint=f"{_LONGEST_NAME} bytes at most"
        )
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a {what}",
            hint="a letter, then letters, digits, - and _; PROVIDER, may stand before it",
        )
    return name


def checked(kind: str, text: str) -> str:
    """A value in its canonical form. Raises UsageError when it is none of type `kind`, or too
    long.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise UsageError(f"no such type: {kind!r}", hint=", ".join(VALUE_TYPES))
    if len(text) > LONGEST_VALUE // 4 and len(_bytes(text)) > LONGEST_VALUE:
        raise UsageError(
            f"the value is too long ({len(_bytes(text))} bytes)", hint=f"{LONGEST_VALUE} at most"
        )
    if "\0" in text:
        raise UsageError("a value cannot have a NUL byte")
    found = reader(text)
    if found is None:
        shown = text if len(text) <= 60 else text[:60] + "…"
        raise UsageError(f"{shown!r} is no {kind}", hint=_EXAMPLES.get(kind, ""))
    return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _boolean(text: str) -> str | None:
    return {"true": "true", "t": "true", "1": "true", "false": "false", "f": "false",
            "0": "false"}.get(text.lower())  # fmt: skip


def _whole(text: str) -> int | None:
    """As strtoll(3) with base 0 reads it."""
    body = text.strip()
    sign = -1 if body.startswith("-") else 1
    body = body.removeprefix("-") if sign < 0 else body.removeprefix("+")
    if not body.isalnum() or not body.isascii():
        return None
    base = 16 if body[:2].lower() == "0x" else 8 if body[0] == "0" and len(body) > 1 else 10
    try:
        return sign * int(body, base)
    except ValueError:
        return None


def _count(text: str) -> str | None:
    number = _whole(text)
    if number is None or not -(2**63) <= number < 2**64:
        return None
    return str(number % 2**64)  # -1 wraps, as strtoull(3) has it


def _integer(text: str) -> str | None:
    number = _whole(text)
    return None if number is None or not -(2**63) <= number < 2**63 else str(number)


def _time(text: str) -> str | None:
    part = _TIME.fullmatch(text)
    return None if part is None else f"{int(part[1])}.{part[2] or '':0<9}"


def _opaque(text: str) -> str | None:
    low = text.lower()
    return low if len(low) % 2 == 0 and not low.strip("0123456789abcdef") else None


def _text(text: str) -> str | None:
    return text


def _ustring(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text


def _fmri(text: str) -> str | None:
    good = text.startswith(("svc:/", "file:/", "lrc:/", "/")) or text[:1].isalpha()
    return text if good and not any(char.isspace() for char in text) else None


def _uri(text: str) -> str | None:
    return text if not any(char.isspace() for char in text) else None


def _hostname(text: str) -> str | None:
    return text if _HOST.fullmatch(text) else None


def _address(text: str, version: int = 0) -> str | None:
    from ipaddress import ip_interface

    try:
        found = ip_interface(text)
    except ValueError:
        return None
    return text if version in (0, found.version) else None


def _host(text: str) -> str | None:
    return _address(text) or _hostname(text)


_READERS: dict[str, Callable[[str], str | None]] = {
    "boolean": _boolean,
    "count": _count,
    "integer": _integer,
    "time": _time,
    "opaque": _opaque,
    "astring": _text,
    "ustring": _ustring,
    "uri": _uri,
    "fmri": _fmri,
    "host": _host,
    "hostname": _hostname,
    "net_address": _address,
    "net_address_v4": lambda text: _address(text, 4),
    "net_address_v6": lambda text: _address(text, 6),
}
_EXAMPLES = {
    "boolean": "true or false",
    "count": "a whole number from 0",
    "integer": "a whole number",
    "time": "SECONDS or SECONDS.FRACTION",
    "opaque": "pairs of hexadecimal digits",
    "fmri": "svc:/NAME or file:///PATH",
    "net_address_v4": "192.0.2.1 or 192.0.2.0/24",
    "net_address_v6": "2001:db8::1",
}
VALUE_TYPES: tuple[str, ...] = tuple(_READERS)
"""The types that a property may have."""
