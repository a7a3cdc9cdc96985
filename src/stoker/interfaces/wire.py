"""What requests carry: the protocol's number; targets, with percent-encoding (RFC 3986 §2.1) and
queries (with forms' ``+``).

`urllib.parse` does the same and more; it also loads `ipaddress` and its own tables, which is more
than everything else that a manager needs to read a target.
"""

from __future__ import annotations

__all__ = ["PROTOCOL", "parse_query", "unquote"]

PROTOCOL = 1


def unquote(text: str) -> str:
    """Text without its percent-encoding; what is no encoding stays as it is."""
    first, *rest = text.encode("utf-8", "surrogateescape").split(b"%")
    if not rest:
        return text
    parts = [first]
    for part in rest:
        if len(part) > 1 and _HEX.issuperset(part[:2]):
            parts += (bytes((int(part[:2], 16),)), part[2:])
        else:
            parts += (b"%", part)
    return b"".join(parts).decode("utf-8", "replace")


_HEX = frozenset(b"0123456789abcdefABCDEF")


def parse_query(text: str) -> dict[str, list[str]]:
    """``a=1&b=2&a=3`` as {a: [1, 3], b: [2]}. A name without a value has an empty one."""
    found: dict[str, list[str]] = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.replace("+", " ").partition("=")
            found.setdefault(unquote(name), []).append(unquote(value))
    return found
