"""What the engine is told. Each event is a fact that has already happened; applying one decides
nothing.

`run` names the run that the fact belongs to: a fact about an earlier run is dropped.
"""

from __future__ import annotations

from msgspec import Struct

from stoker.model import Definition, Intent, Request

__all__ = [
    "Adopted",
    "Asked",
    "Defined",
    "Due",
    "Empty",
    "Event",
    "Exited",
    "Fact",
    "Hurt",
    "NotSaved",
    "NotSpawned",
    "Notified",
    "Now",
    "Probed",
    "Ready",
    "Removed",
    "Saved",
    "Spawned",
    "Status",
    "Told",
    "Waits",
]


class Now(Struct, frozen=True):
    """A moment: monotonic nanoseconds (for all deadlines) and wall nanoseconds (for what people
    read).
    """

    mono: int
    wall: int


class Status(Struct, frozen=True):
    """How a process ended. kind: "exit" (number = code), "signal" (number = signal), "unknown"."""

    kind: str
    number: int = 0
    core: bool = False

    @property
    def ok(self) -> bool:
        """True for exit 0."""
        return self.kind == "exit" and self.number == 0


class Defined(Struct, frozen=True):
    """A definition was read, for the first time or again. `intent`: the administrator's stored
    choice, None if none.
    """

    definition: Definition
    intent: Intent | None = None


class Removed(Struct, frozen=True):
    """The definition is gone: the instance is stopped, then forgotten."""

    fmri: str


class Asked(Struct, frozen=True):
    """An administrative request became operation `number`."""

    number: int
    request: Request


class Fact(Struct, frozen=True):
    """An input or file changed: target "input:NAME", "file:///path", or "active" (the system is
    awake).
    """

    target: str
    value: bool


class Spawned(Struct, frozen=True):
    """A process asked for by a Spawn effect exists. `start`: its start time in clock ticks since
    boot, 0 if not read.
    """

    fmri: str
    run: int
    method: str
    pid: int
    start: int = 0


class NotSpawned(Struct, frozen=True):
    """A process could not be started: `errno` and a sentence for people."""

    fmri: str
    run: int
    method: str
    errno: int
    text: str


class Exited(Struct, frozen=True):
    """A process of ours ended. `method`: "main" or prepare, start, decide, cleanup, stop,
    refresh."""

    fmri: str
    run: int
    method: str
    status: Status


class Empty(Struct, frozen=True):
    """The run's contract has no process any more."""

    fmri: str
    run: int


class Hurt(Struct, frozen=True):
    """A process of the contract that is not main died badly. kind: "core", "signal", "oom"."""

    fmri: str
    run: int
    kind: str


class Ready(Struct, frozen=True):
    """The readiness that the definition declares was seen. `pid`: the new main process where a
    pidfile named one.
    """

    fmri: str
    run: int
    pid: int = 0


class Notified(Struct, frozen=True):
    """sd_notify words other than READY. kind: status, mainpid, reloading, stopping, extend,
    watchdog, watchdog_usec, watchdog_late.
    """

    fmri: str
    run: int
    kind: str
    text: str = ""
    number: int = 0


class Waits(Struct, frozen=True):
    """A process of the run says for which instances it waits by itself; none: it goes on. Shown,
    and nothing is decided by it.
    """

    fmri: str
    run: int
    targets: tuple[str, ...] = ()


class Told(Struct, frozen=True):
    """The restarter of an instance says how that is: `state` and `next_state` are SMF's (""
    is none), `reason` one word why, `text` a phrase for people.
    """

    fmri: str
    run: int
    state: str
    next_state: str = ""
    reason: str = ""
    text: str = ""


class Probed(Struct, frozen=True):
    """A health probe answered."""

    fmri: str
    run: int
    name: str
    ok: bool
    text: str = ""


class Adopted(Struct, frozen=True):
    """A new manager found what is left of a run. `main`, `method`: "alive", "never", "unknown" or a
    Status. `main_start`: when a main process that was recorded and lives began, in clock ticks
    since boot; 0 where nothing is learned.

    Sent once for each instance restored from records, before anything is settled. `method` is the
    one that the record tells of; any other that had a contract of its own was ended before.
    """

    fmri: str
    main: Status | str = "never"
    method: Status | str = "never"
    populated: bool = False
    main_start: int = 0


class Saved(Struct, frozen=True):
    """The choice that effect Save `token` carried is durable."""

    token: int


class NotSaved(Struct, frozen=True):
    """It could not be made durable."""

    token: int
    why: str


class Due(Struct, frozen=True):
    """Time passed: look at every deadline that is over."""


Event = (
    Defined
    | Removed
    | Asked
    | Fact
    | Spawned
    | NotSpawned
    | Exited
    | Empty
    | Hurt
    | Ready
    | Notified
    | Probed
    | Waits
    | Told
    | Adopted
    | Saved
    | NotSaved
    | Due
)
