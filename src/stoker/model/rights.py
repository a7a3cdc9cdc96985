"""Who may do what: from who somebody is and what the settings grant.

root and the owner of the place administer. Anybody else has what the settings grant: `read` (look),
`operate` (also start, stop, restart, refresh, signal, clear, mark, set inputs), `administer` (all),
each for all services or for those that match patterns. Every door into a place judges by this: the
control socket, and the reader of logs and history.

Only the standard library. The system's accounts are asked, by name, and nothing else.
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterable
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

from .names import display

__all__ = ["Level", "Peer", "Rights", "rights_of"]


class Level(IntEnum):
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


class Rights:
    """What one peer may do, to which services."""

    def __init__(
        self, everywhere: Level, some: Iterable[tuple[Level, tuple[str, ...]]] = ()
    ) -> None:
        self.everywhere = everywhere
        self.some = tuple(some)

    @property
    def most(self) -> Level:
        """The highest role the peer has for anything."""
        return max([self.everywhere, *(role for role, _patterns in self.some)])

    def to(self, fmri: str) -> Level:
        """The role for one instance."""
        best = self.everywhere
        for role, patterns in self.some:
            if role > best and any(_fits(fmri, pattern) for pattern in patterns):
                best = role
        return best

    def may(self, role: Level, fmris: Iterable[str] | None) -> bool:
        """True if the peer has `role` for all these; None: for the place as a whole."""
        if self.everywhere >= role:
            return True
        return fmris is not None and all(self.to(fmri) >= role for fmri in fmris)

    def sees_all(self) -> bool:
        """True if nothing is hidden from the peer."""
        return self.everywhere >= Level.READ


def _fits(fmri: str, pattern: str) -> bool:
    return fnmatchcase(fmri, pattern) or fnmatchcase(display(fmri), pattern)


def rights_of(peer: Peer, grants: Iterable[Any], owner: int) -> Rights:
    """What `grants` (`Settings.roles`, or anything with those attributes) give `peer`. `owner`: the
    uid that the place belongs to.
    """
    if peer.uid in (0, owner):
        return Rights(Level.ADMINISTER)
    everywhere, some = Level.NONE, []
    for grant in grants:
        if not _means(grant, peer):
            continue
        role = Level[grant.may.upper()]
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
    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None
