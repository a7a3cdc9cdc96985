"""What a person decided about an instance, and what a request says."""

from __future__ import annotations

import msgspec

__all__ = ["Intent", "Request"]


class Intent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A persistent enable or disable: who, when, why, until. Times are wall nanoseconds since the
    epoch.
    """

    enabled: bool
    by: str = ""
    when: int = 0
    why: str = ""
    until: int | None = None


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """One administrative request, as a client asks it.

    `verb`: start, stop, kill (a stop that does not ask first), once (not to be run again when it
    ends), restart, refresh, enable, disable, clear, mark, signal, reload, down, settle, sleep,
    wake, set, unset, give. `names`: canonical instance FMRIs (an interface resolves what people
    type before); for give: the watcher. `who`: the asker ("root", "uid 1000"). `timeout`: seconds
    that the asker waits. `until`: wall nanoseconds. `later`: only record (enable, disable).
    `state`: for mark: "degraded" or "maintenance", `immediate`: the latter with all its processes.
    `signal`: number. `input`: the name of one, for set, unset and give, with its `value`: met or
    not. `alone`: nothing comes or goes along, neither what a start requires, wants or conflicts
    with nor those that a stop takes along (part_of, required_by). `lock`: for stop, kill and once:
    the number that a lock file shows of it (sysmgr). `status`: for down: with which the keeper
    ends.
    """

    verb: str
    names: tuple[str, ...] = ()
    who: str = ""
    why: str = ""
    until: int | None = None
    later: bool = False
    timeout: float | None = None
    signal: int = 0
    state: str = ""
    immediate: bool = False
    input: str = ""
    value: bool = True
    alone: bool = False
    lock: int | None = None
    status: int = 0
