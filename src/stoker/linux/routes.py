"""Default routes, and word of their change (rtnetlink(7))."""

from __future__ import annotations

import socket
import struct
import sys

_ROUTE = 0  # NETLINK_ROUTE
_GETROUTE, _NEWROUTE, _DONE, _ERROR = 26, 24, 3, 2
_REQUEST, _DUMP = 1, 0x300
_GROUPS = 1 | 0x40 | 0x400  # links, IPv4 routes, IPv6 routes
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_MESSAGE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_ATTRIBUTE = struct.Struct("=HH")
_UNICAST = 1
_BROKEN = 1 | 16  # RTNH_F_DEAD, RTNH_F_LINKDOWN
_OIF, _GATEWAY, _MULTIPATH, _VIA = 4, 5, 9, 18
_MOST = 1 << 20


class RouteChanges:
    """A descriptor that is readable when routes or links have changed. Raises OSError where netlink
    is not allowed.
    """

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, _ROUTE)
        try:
            self._socket.bind((0, _GROUPS))
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        self.fd = self._socket.fileno()

    def read(self) -> bool:
        """Forget what has been told until now; whether there was anything."""
        found = False
        while True:
            try:
                self._socket.recv(65536)
            except BlockingIOError:
                return found
            except OSError:  # ENOBUFS: more than the kernel could keep for us
                pass
            found = True

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()


def default_routes() -> list[tuple[str, str]]:
    """(interface, gateway) of each default route that leads somewhere; the gateway is "" where
    there is none. Raises OSError.
    """
    found: list[tuple[str, str]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _ROUTE) as link:
        link.settimeout(10)
        link.bind((0, 0))
        for family in (socket.AF_INET, socket.AF_INET6):
            body = _MESSAGE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
            size = _HEADER.size + len(body)
            link.send(_HEADER.pack(size, _GETROUTE, _REQUEST | _DUMP, 1, 0) + body)
            ended = False
            while not ended:
                routes, ended = parse(link.recv(_MOST))
                found += routes
    return found


def parse(data: bytes) -> tuple[list[tuple[str, str]], bool]:
    """The default routes in an answer of the kernel, and whether it was the last one."""
    found: list[tuple[str, str]] = []
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, _flags, _number, _port = _HEADER.unpack_from(data, at)
        if kind in (_DONE, _ERROR) or size < _HEADER.size:
            return found, True
        if kind == _NEWROUTE:
            found += _route(data[at + _HEADER.size : at + size])
        at += (size + 3) & ~3
    return found, False


def _route(body: bytes) -> list[tuple[str, str]]:
    if len(body) < _MESSAGE.size:
        return []
    family, length, _, _, _, _, _, kind, flags = _MESSAGE.unpack_from(body)
    if length or kind != _UNICAST or flags & _BROKEN:
        return []
    interface, gateway, several = 0, "", False
    at = _MESSAGE.size
    while at + 4 <= len(body):
        size, name = _ATTRIBUTE.unpack_from(body, at)
        if size < 4:
            break
        value = body[at + 4 : at + size]
        if name == _OIF:
            interface = int.from_bytes(value, sys.byteorder)
        elif name == _GATEWAY:
            gateway = socket.inet_ntop(family, value)
        elif name in (_MULTIPATH, _VIA):
            several = True
        at += (size + 3) & ~3
    if not (interface or gateway or several):
        return []
    return [(_name(interface), gateway)]


def _name(number: int) -> str:
    if not number:
        return ""
    try:
        return socket.if_indextoname(number)
    except OSError:  # it has just gone
        return str(number)
