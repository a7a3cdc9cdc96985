"""What the engine wants done. The executor carries effects out in the order given; a late one (old
`run`) is dropped.

Before any effect of a turn is carried out, the records of all instances that changed are written to
the state log (`Engine.take_changed()`), so that a manager that dies in between is continued by its
successor.
"""

from __future__ import annotations

from msgspec import Struct

from stoker.model import Definition, Intent, Step

__all__ = [
    "Effect",
    "Exit",
    "Kill",
    "Orphaned",
    "Outcome",
    "ProbeOff",
    "ProbeOn",
    "Publish",
    "Release",
    "Save",
    "Signal",
    "Spawn",
    "Unwatch",
    "Wake",
    "Watch",
]


class Spawn(Struct, frozen=True):
    """Start a process of `method` ("prepare", "start", "decide", "cleanup", "stop", "refresh").

    start with ready spawn/notify/fd/probe/log/delay is the main process; it lives in contract
    `ctid`, as prepare does. stop, refresh, decide, cleanup run in a contract of their own, so that
    `:kill` and "empty" do not see them. `arguments`: appended to the argv (nosh's decide gets
    four). `number`: index of the step.
    """

    fmri: str
    run: int
    ctid: int
    method: str
    step: Step
    definition: Definition
    number: int = 0
    arguments: tuple[str, ...] = ()


class Signal(Struct, frozen=True):
    """Send `signo` to: "all" processes of the contract, the "main" process, or the running
    "method"."""

    fmri: str
    run: int
    scope: str
    signo: int


class Kill(Struct, frozen=True):
    """KILL everything: scope "contract" (and what the run's methods left), or only the running
    "method"'s contract.
    """

    fmri: str
    run: int
    scope: str = "contract"


class Release(Struct, frozen=True):
    """The run is over: its contract is given back (an abandoned one keeps its processes)."""

    fmri: str
    run: int
    abandon: bool = False


class ProbeOn(Struct, frozen=True):
    """Begin to look: `names` are "ready" or those of health probes; `after` seconds from now."""

    fmri: str
    run: int
    names: tuple[str, ...]
    definition: Definition
    after: float = 0.0


class ProbeOff(Struct, frozen=True):
    """Stop looking."""

    fmri: str
    run: int
    names: tuple[str, ...]


class Save(Struct, frozen=True):
    """Make a choice durable (None: forget it); answered by Saved or NotSaved with the same
    token."""

    token: int
    fmri: str
    intent: Intent | None


class Publish(Struct, frozen=True):
    """The shown state changed. `next_state` "" is none. `cause`: why, down to a person or a
    process; for people.

    `text`: the one line for the log and the live view. Order is SMF's: next_state first, then
    state.
    """

    fmri: str
    old_state: str
    state: str
    next_state: str
    reason: str
    cause: str
    run: int
    text: str = ""


class Outcome(Struct, frozen=True):
    """An operation, or one of its members (`fmri` not ""), ended with `outcome`."""

    number: int
    fmri: str
    outcome: str
    note: str = ""


class Orphaned(Struct, frozen=True):
    """Processes are left running on purpose, or cannot be ended: list contract `ctid` until it is
    empty.
    """

    fmri: str
    run: int
    ctid: int
    why: str


class Watch(Struct, frozen=True):
    """Begin to watch a file target ("file:///path"); its present value comes back as a Fact at
    once."""

    target: str


class Unwatch(Struct, frozen=True):
    """Nobody needs the file target any more."""

    target: str


class Wake(Struct, frozen=True):
    """Send Due at monotonic nanoseconds `at`. Each one replaces the last; None: no deadline is
    left."""

    at: int | None


class Exit(Struct, frozen=True):
    """Everything is down: the manager may end with `status`."""

    status: int


Effect = (
    Spawn
    | Signal
    | Kill
    | Release
    | ProbeOn
    | ProbeOff
    | Save
    | Publish
    | Outcome
    | Orphaned
    | Watch
    | Unwatch
    | Wake
    | Exit
)
