"""Sockets that are opened for an instance and handed to it, and when its processes are started."""

from __future__ import annotations

import msgspec

__all__ = ["Activation", "Listen"]


class Listen(msgspec.Struct, frozen=True, omit_defaults=True):
    """One socket that is there before the instance is, and stays over its restarts and ours.

    `address`: "HOST:PORT" (a numeric host; "" is every address of both families, "0.0.0.0" of the
    old one alone), an absolute path, or "@NAME" in the abstract name space. `type`: "stream",
    "datagram", "seqpacket". `name`: what it is called in LISTEN_FDNAMES; "" is the service's. Of a
    path only: `mode`, and `user` and `group`, "" for whom the instance runs as. `backlog`:
    connections that wait. `only`: of "[::]:PORT", this family alone. `keepalive`: connections whose
    other end is silent for long are asked whether it is still there (SO_KEEPALIVE).
    """

    address: str
    type: str = "stream"
    name: str = ""
    mode: int = 0o600
    user: str = ""
    group: str = ""
    backlog: int = 4096
    only: bool = False
    keepalive: bool = False


class Activation(msgspec.Struct, frozen=True, omit_defaults=True):
    """When the processes of an instance that has sockets are started.

    `when`: "start", with the instance, the sockets as LISTEN_FDS; "first", the same, but only when
    the first connection or datagram has come; "each", a process for every connection, which is its
    input and output (inetd's nowait); "wait", one process at a time that has the socket itself as
    its input (inetd's wait). `copies`: most processes at once, 0 for any number. `rate`:
    connections a second above which none are taken for `pause` seconds, 0 for any. `failures`: more
    starts than that within `within` seconds are too many, 0 for any. `stderr`: "log", or "socket"
    as inetd. `trace`: each connection is told in the log (each).
    """

    when: str = "start"
    copies: int = 0
    rate: int = 0
    pause: float = 10.0
    failures: int = 0
    within: float = 60.0
    stderr: str = "log"
    trace: bool = False
