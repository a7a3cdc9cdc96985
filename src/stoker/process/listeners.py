"""The sockets of instances: opened before their first process, kept over its ends and ours.

Each is held by the keeper as ``listen/FMRI#KIND ADDRESS`` from the moment it is bound, so that no
connection is refused while an instance restarts, or while there is no manager. It is closed, and
its path removed, when the instance is to run no more: disabled, in maintenance, or without a
definition; and at its next start when the definition has another address by then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from stoker.linux import listening
from stoker.model import Context, Definition, Listen, split

from .command import OWN_PID
from .surroundings import account

__all__ = ["Listeners"]

FIRST = 3
"""Number of the first socket in the child (sd_listen_fds(3))."""

_PREFIX = "listen/"


def _key(one: Listen) -> str:
    alive = ",keepalive" if one.keepalive else ""
    return f"{one.type}{',only' if one.only else ''}{alive} {one.address}"


class Listeners:
    """All sockets of all instances. `put` and `drop` are the keeper's."""

    def __init__(
        self,
        put: Callable[[Mapping[str, int]], object],
        drop: Callable[[Iterable[str]], object],
    ) -> None:
        self._put = put
        self._drop = drop
        self.sockets: dict[str, dict[str, int]] = {}  # FMRI to key to descriptor

    def adopt(self, items: Mapping[str, int]) -> None:
        """Take back what the keeper held (names with their prefix)."""
        for name, fd in items.items():
            fmri, _, key = name.removeprefix(_PREFIX).partition("#")
            self.sockets.setdefault(fmri, {})[key] = fd

    def held(self) -> dict[str, int]:
        """What must outlive us, by the names that the keeper has for it."""
        return {
            f"{_PREFIX}{fmri}#{key}": fd
            for fmri, ours in self.sockets.items()
            for key, fd in ours.items()
        }

    def missing(self, definition: Definition) -> int:
        """How many sockets a start of it would open."""
        ours = self.sockets.get(definition.fmri, {})
        return sum(1 for one in definition.listen if _key(one) not in ours)

    def open(self, definition: Definition, added: dict[str, str], fds: dict[int, int]) -> None:
        """Have its sockets open, and say so in the environment and descriptors of a process to be.

        Raises OSError with a sentence: which address, and why not.
        """
        if not definition.listen:
            if definition.fmri in self.sockets:
                self.close(definition.fmri)
            return
        wanted = {_key(one): one for one in definition.listen}
        ours = self.sockets.setdefault(definition.fmri, {})
        self._remove(definition.fmri, [key for key in ours if key not in wanted])
        for key, one in wanted.items():
            if key not in ours:
                self._add(definition, key, one)
        for place, key in enumerate(wanted):
            fds[FIRST + place] = ours[key]
        name, _ = split(definition.fmri)
        default = name.rpartition("/")[2]
        added["LISTEN_FDS"] = str(len(wanted))
        added["LISTEN_FDNAMES"] = ":".join(one.name or default for one in wanted.values())
        added["LISTEN_PID"] = OWN_PID

    def _add(self, definition: Definition, key: str, one: Listen) -> None:
        uid, gid = _owner(definition, one)
        fd = listening.open_socket(
            one.type,
            one.address,
            backlog=one.backlog,
            mode=one.mode,
            uid=uid,
            gid=gid,
            only=one.only,
            keepalive=one.keepalive,
        )
        try:
            self._put({f"{_PREFIX}{definition.fmri}#{key}": fd})
        except BaseException:
            os.close(fd)
            raise
        self.sockets[definition.fmri][key] = fd

    def close(self, fmri: str) -> None:
        """The instance is to run no more."""
        if fmri in self.sockets:
            self._remove(fmri, list(self.sockets[fmri]))
            del self.sockets[fmri]

    def _remove(self, fmri: str, keys: Iterable[str]) -> None:
        for key in keys:
            listening.remove_path(key.partition(" ")[2])
            os.close(self.sockets[fmri].pop(key))
            self._drop([f"{_PREFIX}{fmri}#{key}"])

    def keep(self, fmris: Iterable[str]) -> None:
        """Close those of instances that are none of these."""
        for fmri in set(self.sockets).difference(fmris):
            self.close(fmri)


def _owner(definition: Definition, one: Listen) -> tuple[int, int]:
    """Whose a path is: -1 for ours. Raises OSError: no such user or group."""
    if not one.address.startswith("/"):
        return -1, -1
    context = definition.context
    who = account(Context(user=one.user or context.user, group=one.group or context.group))
    return (-1 if who.uid is None else who.uid), (-1 if who.gid is None else who.gid)
