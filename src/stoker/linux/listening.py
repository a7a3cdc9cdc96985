"""Sockets that listen: made from an address, with a sentence for people where that cannot be."""

from __future__ import annotations

import errno
import os
import socket
import stat

__all__ = ["open_socket", "remove_path", "split_address"]

_KINDS = {
    "stream": socket.SOCK_STREAM,
    "datagram": socket.SOCK_DGRAM,
    "seqpacket": socket.SOCK_SEQPACKET,
}
_NO_SIX = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def split_address(address: str) -> tuple[str, int] | None:
    """Host, without brackets, and port of "HOST:PORT"; None when it is a path or a name."""
    if address.startswith(("/", "@")):
        return None
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def open_socket(
    kind: str,
    address: str,
    *,
    backlog: int = 4096,
    mode: int = 0o600,
    uid: int = -1,
    gid: int = -1,
    only: bool = False,
    keepalive: bool = False,
) -> int:
    """A bound socket, listening where its kind does, close-on-exec and blocking; its descriptor.

    `kind`: "stream", "datagram", "seqpacket"; `address` as `split_address` has it, its host a
    number or "" for all addresses. `mode`, `uid`, `gid` (-1: ours) are those of a path. `only`: no
    IPv4 on an address of all IPv6. `keepalive`: connections that are taken from it have
    SO_KEEPALIVE. Raises OSError with a whole sentence.
    """
    where = split_address(address)
    try:
        if where is None:
            made = _local(kind, address, mode, uid, gid)
        else:
            made = _network(kind, *where, only)
        try:
            if keepalive:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if kind != "datagram":
                made.listen(backlog)
        except BaseException:
            made.close()
            raise
    except OSError as error:
        number = error.errno or errno.EINVAL
        raise OSError(number, f"cannot listen on {address}: {os.strerror(number)}") from None
    return made.detach()


def _network(kind: str, host: str, port: int, only: bool) -> socket.socket:
    six = ":" in host or not host
    try:
        return _bound(socket.AF_INET6 if six else socket.AF_INET, kind, host or "::", port, only)
    except OSError as error:
        if host or error.errno not in _NO_SIX:
            raise
    return _bound(socket.AF_INET, kind, "0.0.0.0", port, only)  # a machine without IPv6


def _bound(family: int, kind: str, host: str, port: int, only: bool) -> socket.socket:
    made = socket.socket(family, _KINDS[kind] | socket.SOCK_CLOEXEC)
    try:
        if kind != "datagram":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if only else 0)
        host, _, scope = host.partition("%")
        number = socket.if_nametoindex(scope) if scope else 0
        made.bind((host, port, 0, number) if family == socket.AF_INET6 else (host, port))
    except BaseException:
        made.close()
        raise
    return made


def _local(kind: str, path: str, mode: int, uid: int, gid: int) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, _KINDS[kind] | socket.SOCK_CLOEXEC)
    try:
        if path.startswith("@"):
            made.bind("\0" + path[1:])
            return made
        _clear(kind, path)
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        before = os.umask(0o777 & ~mode)  # so that nobody comes in before it is his
        try:
            made.bind(path)
        except OSError as error:
            raise error if error.errno else OSError(errno.ENAMETOOLONG, "") from None
        finally:
            os.umask(before)
        if uid != -1 or gid != -1:
            os.chown(path, uid, gid)
    except BaseException:
        made.close()
        raise
    return made


def _clear(kind: str, path: str) -> None:
    """Remove a socket that nobody has open any more. Raises OSError when somebody has."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, _KINDS[kind] | socket.SOCK_NONBLOCK) as caller:
        number = caller.connect_ex(path)
    if number != errno.ECONNREFUSED:
        raise OSError(errno.EADDRINUSE, "")
    os.unlink(path)


def remove_path(address: str) -> None:
    """The path of a socket goes with it; of other addresses nothing is left. Raises nothing."""
    if address.startswith("/"):
        try:
            if stat.S_ISSOCK(os.lstat(address).st_mode):
                os.unlink(address)
        except OSError:  # gone already, or its directory is no longer ours to write
            pass
