"""Who may do what: the kernel's word about the peer, and the settings' word about people.

root and the owner of the place administer. Anybody else has what the settings grant: `read` (look),
`operate` (also start, stop, restart, refresh, signal, clear, mark, set inputs), `administer` (all),
each for all services or for those that match patterns. Who has nothing is refused with 403.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Iterable
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

from stoker.model import display

__all__ = ["Peer", "Role", "Rights", "peer_of", "rights_of"]

SO_PEERGROUPS = 59
"""socket(7), Linux 4.13: all groups of the peer at connect time."""


class Role(IntEnum):
    """What a peer may do; each includes those below."""

    NONE = 0
    READ = 1
    OPERATE = 2
    ADMINISTER = 3


class Peer(NamedTuple):
    """The process at the other end, as it was when it connected (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The account's name, or "uid N" where it has none."""
        return account(self.uid)


@lru_cache(256)
def account(uid: int) -> str:
    """The name of an account, looked up once: the directory of accounts may be slow."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def peer_of(connection: socket.socket) -> Peer:
    """Ask the kernel who connected. Raises OSError."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = struct.unpack("iII", raw)
    try:
        more = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * 1024)
    except OSError:
        more = b""  # an older kernel, or more groups than fit: the primary group counts alone
    groups = struct.unpack(f"{len(more) // 4}I", more[: len(more) // 4 * 4])
    return Peer(pid, uid, gid, groups)


class Rights:
    """What one peer may do, to which services."""

    def __init__(self, everywhere: Role, some: Iterable[tuple[Role, tuple[str, ...]]] = ()) -> None:
        self.everywhere = everywhere
        self.some = tuple(some)

    @property
    def most(self) -> Role:
        """The highest role the peer has for anything."""
        return max([self.everywhere, *(role for role, _patterns in self.some)])

    def to(self, fmri: str) -> Role:
        """The role for one instance."""
        best = self.everywhere
        for role, patterns in self.some:
            if role > best and any(_fits(fmri, pattern) for pattern in patterns):
                best = role
        return best

    def may(self, role: Role, fmris: Iterable[str] | None) -> bool:
        """True if the peer has `role` for all these; None: for the place as a whole."""
        if self.everywhere >= role:
            return True
        return fmris is not None and all(self.to(fmri) >= role for fmri in fmris)

    def sees_all(self) -> bool:
        """True if nothing is hidden from the peer."""
        return self.everywhere >= Role.READ


def _fits(fmri: str, pattern: str) -> bool:
    return fnmatchcase(fmri, pattern) or fnmatchcase(display(fmri), pattern)


def rights_of(peer: Peer, settings: Any, owner: int | None = None) -> Rights:
    """Look up what the settings grant. `owner`: of the place, by default the manager's uid."""
    if peer.uid in (0, os.getuid() if owner is None else owner):
        return Rights(Role.ADMINISTER)
    everywhere, some = Role.NONE, []
    for grant in settings.roles:
        if not _means(grant, peer):
            continue
        role = Role[grant.may.upper()]
        patterns = tuple(grant.services)
        if not patterns or "*" in patterns:
            everywhere = max(everywhere, role)
        else:
            some.append((role, patterns))
    return Rights(everywhere, some)


def _means(grant: Any, peer: Peer) -> bool:
    if "*" in grant.users:
        return True
    if str(peer.uid) in grant.users or (grant.users and peer.name in grant.users):
        return True
    wanted = {gid for group in grant.groups if (gid := _gid(group)) is not None}
    return bool(wanted & {peer.gid, *peer.groups})


@lru_cache(256)
def _gid(group: str) -> int | None:
    if group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None
