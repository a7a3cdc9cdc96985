"""What SMF's inetd makes of an instance that is delegated to it (inetd(8), inetadm(8)).

The properties are those of the instance's group `inetd`, and where it has none, of the group
`defaults` of network/inetd itself. They come to the same sockets and the same activation as a
native file's `[[listen]]` and `activation` do; nothing else knows of inetd.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping

import msgspec

from stoker.model import Activation, Group, Listen, Property, Restart

from .layer import Layer, overlaid

__all__ = [
    "INETD_DEFAULTS",
    "INETD",
    "MANIFEST",
    "INETD_TYPES",
    "Unserved",
    "defaults_of",
    "inherited",
    "served",
    "tried_again",
    "without_program",
]

INETD = "svc:/network/inetd:default"
MANIFEST = os.path.abspath(f"{os.path.dirname(__file__)}/../compat/smf/inetd.xml")
"""Our own description of it, which is there where something is delegated to it."""

INETD_DEFAULTS = {
    "bind_addr": "",
    "bind_fail_max": "-1",
    "bind_fail_interval": "-1",
    "max_con_rate": "-1",
    "max_copies": "-1",
    "con_rate_offline": "-1",
    "failrate_cnt": "40",
    "failrate_interval": "60",
    "inherit_env": "true",
    "tcp_trace": "false",
    "tcp_wrappers": "false",
    "connection_backlog": "10",
    "tcp_keepalive": "false",
}
"""As inetadm lists them, with what they are unless said otherwise."""

INETD_TYPES = {
    name: "astring" if name == "bind_addr" else "boolean" if value in ("true", "false") else
    "integer"
    for name, value in INETD_DEFAULTS.items()
}  # fmt: skip

_KINDS = {
    "stream": "stream",
    "dgram": "datagram",
    "tli": "stream",
    "tpi_cots": "stream",
    "tpi_cots_ord": "stream",
    "tpi_clts": "datagram",
}
INHERITED = "\0environment"
"""What no property can be called: see `defaults_of`."""

_FOREVER = 86_400.0  # seconds without connections, where nothing says for how long


class Unserved(Exception):
    """The instance cannot be served: property, message, hint."""

    def __init__(self, name: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.name, self.message, self.hint = name, message, hint


def defaults_of(layer: Layer | None) -> dict[str, str]:
    """The defaults, as far as they were imported or set of network/inetd; under `INHERITED`, the
    variables of its own methods, a line each.
    """
    if layer is None:
        return dict(INETD_DEFAULTS)
    service = layer.services.get(INETD.rpartition(":")[0])
    groups = dict(service.composed("default")) if service is not None else {}
    over = layer.running.get(INETD)
    if over is not None:
        groups = overlaid(overlaid(groups, over.service), over.instance)
    group = groups.get("defaults", Group("application"))
    told = {name: one.values[0] for name, one in group.properties.items() if one.values}
    found = {name: value for name, value in told.items() if name in INETD_DEFAULTS}
    own = [groups[name].properties for name in ("method_context", "start") if name in groups]
    pairs = [text for one in own if "environment" in one for text in one["environment"].values]
    return INETD_DEFAULTS | found | {INHERITED: "\n".join(pairs)}


def inherited(group: Group, defaults: Mapping[str, str]) -> dict[str, str]:
    """The variables that a service of inetd's has from inetd itself (inherit_env)."""
    if _value(group, defaults, "inherit_env") != "true":
        return {}
    pairs = [text.partition("=") for text in defaults.get(INHERITED, "").split("\n")]
    return {name: value for name, sign, value in pairs if sign and not name.startswith("SMF_")}


def tried_again(policy: Restart, group: Group, defaults: Mapping[str, str]) -> Restart:
    """The policy with what is said of sockets that cannot be had: `bind_fail_interval` seconds
    between two tries, and how many of them (`bind_fail_max`).
    """
    interval = _number(_value(group, defaults, "bind_fail_interval"), -1)
    if interval <= 0:
        return policy
    most = max(0, _number(_value(group, defaults, "bind_fail_max"), 0))
    seconds = float(interval)
    return msgspec.structs.replace(policy, delay=seconds, cap=seconds, failures=most)


def _value(group: Group, defaults: Mapping[str, str], name: str) -> str:
    """A property of an instance, or its default."""
    own = group.properties.get(name)
    return own.values[0] if own is not None and own.values else defaults.get(name, "")


def served(group: Group, defaults: Mapping[str, str]) -> tuple[tuple[Listen, ...], Activation]:
    """The sockets of an instance, and how its program is started. Raises Unserved."""
    own = {name: one.values for name, one in group.properties.items()}

    def value(name: str) -> str:
        return _value(group, defaults, name)

    if value("isrpc") == "true":
        raise Unserved("isrpc", "services of RPC are not served: nothing registers them here")
    kind = _KINDS.get(value("endpoint_type"), "")
    if not kind:
        hint = "stream or dgram"
        raise Unserved("endpoint_type", f"cannot be {value('endpoint_type')!r}", hint)
    protocols = [word for text in own.get("proto", ()) for word in text.replace(",", " ").split()]
    port = _port(value("name"), kind)
    backlog = max(1, _number(value("connection_backlog"), 10))
    alive = kind == "stream" and value("tcp_keepalive") == "true"
    listen = tuple(
        Listen(address, kind, backlog=backlog, only=only, keepalive=alive)
        for address, only in _addresses(protocols, kind, value("bind_addr"), port)
    )
    each = value("wait") != "true"
    if each and kind != "stream":
        raise Unserved("wait", "datagrams come without a connection", "wait: true")
    return listen, Activation(
        "each" if each else "wait",
        copies=max(0, _number(value("max_copies"), 0)),
        rate=max(0, _number(value("max_con_rate"), 0)),
        pause=_pause(_number(value("con_rate_offline"), -1)),
        failures=max(0, _number(value("failrate_cnt"), 0)),
        within=float(max(1, _number(value("failrate_interval"), 60))),
        stderr="socket",
        trace=each and value("tcp_trace") == "true",
    )


def without_program(groups: Mapping[str, Group]) -> dict[str, Group]:
    """network/inetd, whose program is part of us: what else a manifest says of it counts."""
    word = Property("astring", (":true",))
    methods = {
        name: Group("method", {**groups[name].properties, "exec": word})
        for name in ("start", "stop", "refresh")
        if name in groups
    }
    startd = Group("framework", {"duration": Property("astring", ("transient",))})
    return {**groups, **methods, "startd": startd}


def _number(text: str, default: int) -> int:
    try:
        return int(text)
    except ValueError:
        return default


def _pause(seconds: int) -> float:
    return float(seconds) if seconds > 0 else _FOREVER


def _port(name: str, kind: str) -> int:
    """The port that a service name or a number stands for (services(5))."""
    if name.isdecimal() and 0 < int(name) < 65536:
        return int(name)
    try:
        return socket.getservbyname(name, "tcp" if kind == "stream" else "udp")
    except (OSError, ValueError):
        hint = "its port as a number would do"
        raise Unserved("name", f"there is no service {name!r} in /etc/services", hint) from None


def _addresses(protocols: list[str], kind: str, bind: str, port: int) -> list[tuple[str, bool]]:
    """Addresses, each with whether it is for IPv6 alone."""
    stem = "tcp" if kind == "stream" else "udp"
    known = {stem, f"{stem}6", f"{stem}6only"}
    wrong = [one for one in protocols if one not in known]
    if wrong or not protocols:
        shown = wrong[0] if wrong else ""
        raise Unserved("proto", f"cannot be {shown!r}", ", ".join(sorted(known)))
    if bind:
        try:
            number = ipaddress.ip_address(bind)
        except ValueError:
            raise Unserved("bind_addr", f"{bind!r} is no address", "a number") from None
        return [(f"[{bind}]:{port}" if number.version == 6 else f"{bind}:{port}", False)]
    if f"{stem}6" in protocols:
        return [(f":{port}", False)]  # it takes IPv4 too
    found = [(f"[::]:{port}", True)] if f"{stem}6only" in protocols else []
    return found + ([(f"0.0.0.0:{port}", False)] if stem in protocols else [])
