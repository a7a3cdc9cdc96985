"""Kinds of value that name an end of the network: addresses, what is listened on, URLs."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .kinds import BAD, Spot, Text, told

__all__ = ["Address", "Listening", "Url"]


class Address(Text):
    """HOST:PORT; an IPv6 address stands in brackets."""

    words = '"HOST:PORT"'

    def meaning(self, text: str, spot: Spot) -> Any:
        host, colon, port = text.rpartition(":")
        if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
            return spot.wrong(f"expected {self.words}, not {told(text)}", 'write "localhost:8080"')
        if not re.fullmatch(r"\[[0-9A-Fa-f:.%]+\]|[^\s\[\]:/]*", host):
            return spot.wrong(f"{told(host)} is not a host", 'write "[::1]:8080" for IPv6')
        return text


class Listening(Text):
    """Where a socket listens: HOST:PORT with a numeric host or none, a path, @NAME."""

    words = '"HOST:PORT", a path or "@NAME"'

    def meaning(self, text: str, spot: Spot) -> Any:
        if text.startswith(("/", "@", "./", "../")):
            room = 107 if text[0] != "@" else 108
            if len(text) < 2 or len(text.encode()) > room:
                return spot.wrong(f"{told(text)}: from 1 to {room} bytes", "use a shorter path")
            return text
        if Address().meaning(text, spot) is BAD:
            return BAD
        host = text.rpartition(":")[0]
        if host in ("", "*"):
            return f":{text.rpartition(':')[2]}"
        try:
            ipaddress.ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            return spot.wrong(
                f"{told(host)} is a name, and none is looked up", 'write "127.0.0.1:8080"'
            )
        return text


class Url(Text):
    """An http URL."""

    words = 'a URL such as "http://127.0.0.1:8080/health"'

    def meaning(self, text: str, spot: Spot) -> Any:
        part = re.fullmatch(r"http://([^/?#\s@]+)([/?][^\s#]*)?", text)
        if part is None:
            hint = "TLS is not spoken by probes: use exec" if text.startswith("https:") else ""
            return spot.wrong(f"expected {self.words}, not {told(text)}", hint)
        host = part[1]
        port = host if re.search(r":[0-9]*$", host) and not host.endswith("]") else f"{host}:80"
        return BAD if Address().meaning(port, spot) is BAD else text
