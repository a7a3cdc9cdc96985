"""Systemd's socket units become the [[listen]] of the service that they are for, with a report.

A service that systemd enables itself has its sockets from its start on; one that only its sockets
enable is started by the first who comes, as far as it need not say when it is ready; with
Accept=yes there is a process for every connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .report import APPROXIMATED, IGNORED, TAKEN
from .systemd_unit import Unit

__all__ = ["Sockets", "socket_service", "sockets_of"]

_KINDS = {
    "ListenStream": "stream",
    "ListenDatagram": "datagram",
    "ListenSequentialPacket": "seqpacket",
}
_COPIES = 64  # systemd's default of MaxConnections=
_MODE = "0666"  # and of SocketMode=
_TOLD = {
    "Accept": (TAKEN, "with yes, a connection is the service's input and output"),
    "Service": (TAKEN, ""),
    "Backlog": (TAKEN, ""),
    "SocketMode": (TAKEN, ""),
    "SocketUser": (TAKEN, ""),
    "SocketGroup": (TAKEN, ""),
    "FileDescriptorName": (TAKEN, ""),
    "WantedBy": (TAKEN, "its service is enabled"),
    "RequiredBy": (TAKEN, "its service is enabled"),
    "RemoveOnStop": (APPROXIMATED, "a path is removed when the service is stopped for good"),
    "BindIPv6Only": (IGNORED, "a port without an address is one of both families"),
}
_NOT_SOCKETS = "only streams, datagrams and sequenced packets are opened here"

Says = tuple[str, str]


class Sockets(NamedTuple):
    """What the sockets of a service come to: keys of its definition, and for each line of the units
    what became of it. `enabled`: they are, so that the service is.
    """

    listen: list[dict[str, Any]]
    activation: dict[str, Any]
    enabled: bool
    said: list[tuple[Unit, list[Says]]]


def socket_service(socket: Unit) -> str:
    """The unit of the service that a socket is for."""
    if named := socket.last("Socket", "Service"):
        return named
    if socket.flag("Socket", "Accept"):
        return f"{socket.stem.partition('@')[0]}@.service"
    return f"{socket.stem}.service"


def sockets_of(service: Unit, sockets: Sequence[Unit]) -> Sockets:
    """The sockets of one service."""
    enabled = any(_is_enabled(one) for one in sockets)
    listen = [row for one in sockets for row in _listen(service, one)]
    activation = _activation(service, sockets)
    return Sockets(listen, activation, enabled, [(one, _said(one)) for one in sockets])


def _is_enabled(unit: Unit) -> bool:
    return unit.wanted or any(unit.names("Install", key) for key in ("WantedBy", "RequiredBy"))


def _listen(service: Unit, socket: Unit) -> Iterable[dict[str, Any]]:
    backlog = socket.last("Socket", "Backlog")
    for one in socket.settings:
        kind = _KINDS.get(one.key, "") if one.section == "Socket" else ""
        address = _address(socket.expand(one.value)) if kind else ""
        if not address:
            continue
        row: dict[str, Any] = {"address": address}
        if kind != "stream":
            row["type"] = kind
        row["name"] = socket.last("Socket", "FileDescriptorName") or socket.name
        if address.startswith("/"):
            row |= _owner(service, socket)
        if backlog.isdecimal():
            row["backlog"] = max(1, min(int(backlog), 65535))
        yield row


def _owner(service: Unit, socket: Unit) -> dict[str, str]:
    """Of a path. Where nobody is named it is root's there, and the service's account's here."""
    found = {"mode": socket.last("Socket", "SocketMode", _MODE).zfill(4)}
    others = service.last("Service", "User") not in ("", "root")
    for word, setting in (("user", "SocketUser"), ("group", "SocketGroup")):
        said = socket.last("Socket", setting)
        if said or others:
            found[word] = said or "root"
    return found


def _address(value: str) -> str:
    """Where a socket is, in the native format; "" for what only systemd has."""
    if value.isdecimal():
        return f":{value}"
    if value.startswith(("/", "@")):
        return value
    host, colon, port = value.rpartition(":")
    good = colon and port.isdecimal() and not host.startswith("vsock")
    return value if good else ""


def _activation(service: Unit, sockets: Sequence[Unit]) -> dict[str, Any]:
    if any(one.flag("Socket", "Accept") for one in sockets):
        copies = next((one.last("Socket", "MaxConnections") for one in sockets), "")
        return {"when": "each", "copies": int(copies) if copies.isdecimal() else _COPIES}
    if service.last("Service", "StandardInput") == "socket":
        return {"when": "wait"}
    alone = not _is_enabled(service)
    kind = service.last("Service", "Type", "simple")
    return {"when": "first"} if alone and kind in ("simple", "exec", "idle") else {}


def _said(socket: Unit) -> list[Says]:
    return [_row(one.section, one.key, one.value) for one in socket.settings]


def _row(section: str, key: str, value: str) -> Says:
    if key in _KINDS:
        return (TAKEN, "") if _address(value) else (IGNORED, _NOT_SOCKETS)
    if key.startswith("Listen"):
        return IGNORED, _NOT_SOCKETS
    if key == "MaxConnections":
        return TAKEN, "of all its sockets together"
    if key in _TOLD:
        return _TOLD[key]
    if section == "Unit":
        return IGNORED, "what its service says counts"
    return IGNORED, "there is nothing like it here"
