"""What the engine remembers: one `Instance` for each definition, and the operations.

Plain data with slots. Times are monotonic nanoseconds unless a name says wall; stamps are values of
the engine's one counter `seq`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from stoker.model import Class, Definition, Health, Intent, Stage, State, display

from .events import Status

if TYPE_CHECKING:
    from .graph import Edge, Group

__all__ = [
    "COMING",
    "DORMANT",
    "HOPELESS",
    "KILLED",
    "OK",
    "SECOND",
    "STALLED",
    "STUCK",
    "Cause",
    "Customs",
    "Fault",
    "Halt",
    "Instance",
    "Member",
    "Operation",
    "Override",
]

SECOND = 1_000_000_000
"""Nanoseconds."""

HOPELESS, DORMANT, STALLED, COMING, OK = range(5)
"""How far a target is from what is wanted of it: see `values`."""


KILLED = 999_999
"""The rung on which KILL was sent, however long the ladder is now."""

STUCK = 1_000_000
"""The rung below KILL: nothing helped."""


class Cause(Struct, frozen=True):
    """Why something happened, as a phrase that follows "which": "was stopped by root (disk swap)".

    `root` names the end of the chain ("db, which was …") once `depth` made `text` too long.
    """

    text: str
    root: str = ""
    depth: int = 0


class Override(Struct, frozen=True):
    """A temporary word over `enabled`.

    `by`: person, decider, task-done, once-done, skipped, wants, requirement, conflict. `until`:
    wall nanoseconds or None. `once`: what runs, or is about to, is not to be run again. `lock`: the
    number that a lock file shows of it. `hard`: kill rather than ask.
    """

    value: bool
    by: str
    who: str = ""
    why: str = ""
    until: int | None = None
    once: str = ""
    cancellable: bool = False
    lock: int | None = None
    hard: bool = False


class Fault(Struct, frozen=True):
    """Why an instance is in maintenance. `retry`: when it leaves that by itself, None is never."""

    word: str
    cls: str
    text: str
    retry: int | None = None


class Halt(Struct, frozen=True):
    """Why what runs must stop. `waits`: dependents that are going down go first."""

    kind: str
    cls: str
    reason: str
    cause: Cause
    waits: bool = False


class Customs(Struct, frozen=True):
    """Where releases of one system differ in what they make of the same graph (smf.md 10).

    `dependents_first`: who is disabled waits for those that would restart with it. `any_optional`:
    of a service that is waited for optionally one instance that is all right is enough, and those
    that are disabled or in maintenance do not count. `bounced_by_return`: what runs restarts when a
    target that it could do without comes back, where it restarts with that.
    """

    dependents_first: bool = True
    any_optional: bool = False
    bounced_by_return: bool = True


class Member:
    """One instance in an operation. `run`: the run it had when the operation was asked for."""

    __slots__ = ("fmri", "goal", "note", "outcome", "run")

    def __init__(
        self, fmri: str, goal: str, run: int = 0, outcome: str = "", note: str = ""
    ) -> None:
        self.fmri = fmri
        self.goal = goal
        self.run = run
        self.outcome = outcome
        self.note = note


class Operation:
    """One administrative request. Open while `outcome` is ""."""

    __slots__ = (
        "affected",
        "began",
        "deadline",
        "ended",
        "members",
        "note",
        "number",
        "open",
        "outcome",
        "saving",
        "stamp",
        "verb",
        "who",
        "why",
    )

    def __init__(self, number: int, verb: str, who: str, why: str, stamp: int, began: int) -> None:
        self.number = number
        self.verb = verb
        self.who = who
        self.why = why
        self.stamp = stamp
        self.began = began
        self.ended: int | None = None
        self.deadline: int | None = None
        self.members: dict[str, Member] = {}
        self.open = 0
        self.outcome = ""
        self.note = ""
        self.affected: list[str] = []
        self.saving: dict[int, str] = {}


NOBODY = Cause("")


class Instance:
    """Everything known about one instance: the table of fields in the design, plus caches.

    The second half (from `groups` on) is computed from the first and from the graph, never stored.
    """

    __slots__ = (
        "after_waits",
        "alarm",
        "alone",
        "arrived",
        "aside",
        "asked_refresh",
        "baseline",
        "begins",
        "bounce",
        "bounce_cause",
        "bounce_class",
        "bounce_reason",
        "calm",
        "cause",
        "circle",
        "contract_ok",
        "ctid",
        "deadline",
        "definition",
        "degraders",
        "delay_step",
        "departed_fault",
        "departed_restart",
        "deps",
        "dirty",
        "downs",
        "earlier",
        "effective",
        "ended",
        "ends",
        "failed",
        "failed_text",
        "fails",
        "fault",
        "fmri",
        "goes",
        "gone",
        "groups",
        "halted",
        "healthy_since",
        "held",
        "herald",
        "hope",
        "hurt",
        "intent",
        "knot",
        "later",
        "later_choice",
        "leaving",
        "live",
        "loop",
        "main",
        "main_alive",
        "main_ran",
        "main_start",
        "method",
        "method_pid",
        "moving",
        "name",
        "not_before",
        "ops",
        "override",
        "parting",
        "pending",
        "populated",
        "probe_fails",
        "probe_ok",
        "probing",
        "quiet",
        "ready_seen",
        "reason",
        "records",
        "refreshed",
        "removed",
        "restarts",
        "rested",
        "restored",
        "result",
        "run",
        "run_definition",
        "run_digest",
        "rung",
        "settled",
        "shown_next",
        "shown_state",
        "sig",
        "since",
        "spoken",
        "stage",
        "starts",
        "static",
        "status_text",
        "step",
        "tangled",
        "turn",
        "unclean",
        "waits",
        "was_up",
        "watchdog",
        "watchers",
        "why",
    )

    def __init__(self, definition: Definition) -> None:
        self.fmri: str = definition.fmri
        self.name: str = display(definition.fmri)
        self.definition = definition
        self.removed = False
        # intent and override
        self.intent: Intent | None = None
        self.later_choice: Intent | None = None
        self.override: Override | None = None
        self.effective = False
        # fault
        self.fault: Fault | None = None
        self.degraders: dict[str, str] = {}
        # run
        self.stage: Stage = Stage.IDLE
        self.run = 0
        self.ctid = 0
        self.run_definition: Definition | None = None
        self.run_digest = ""
        self.was_up = False
        self.aside = False  # in maintenance at once, with its processes, until it leaves that
        self.main = 0
        self.main_start = 0
        self.main_alive = False
        self.main_ran = False
        self.method = ""
        self.step = 0
        self.method_pid = 0
        self.pending = ""  # "asked": a Spawn is out; "running": the method's process lives
        self.result: Status | str | None = None
        self.ready_seen = False
        self.gone: Status | None = None  # how main ended, until the machine has dealt with it
        self.hurt = ""
        self.populated = False
        self.deadline: int | None = None
        self.rung = -1
        self.not_before: int | None = None
        self.halted: Halt | None = None
        self.parting = False
        self.unclean = False  # its stop had to be forced, or the method for that failed
        self.contract_ok = True  # false after exit 94: nothing is tracked any more
        # counters
        self.fails = 0
        self.starts: list[int] = []
        self.delay_step = 0
        self.healthy_since: int | None = None
        self.restarts = 0
        # stamps
        self.baseline = 0
        self.departed_fault = 0
        self.departed_restart = 0
        self.refreshed = 0
        self.arrived = 0
        self.ended = 0
        self.failed = 0
        self.failed_text = ""
        self.bounce = 0
        self.bounce_class: str = Class.RESTART
        self.bounce_cause = NOBODY
        self.bounce_reason = "restart_request"
        # goal
        self.settled = False  # the goal was reached, or has failed once
        self.rested = False  # settled, and it has come to rest since (idle or up)
        self.asked_refresh = False
        self.ops: dict[int, Member] = {}
        # records of how methods ended
        self.records: dict[str, Status] = {}
        # shown
        self.shown_state: str = State.UNINITIALIZED
        self.shown_next = ""
        self.reason = "insert_in_graph"
        self.since = 0  # wall time of the last change of state
        self.spoken = 0  # … of state or next state
        self.cause = NOBODY
        self.why: Cause | None = None  # of the change of mind that is being applied
        self.status_text = ""
        self.herald = ""  # of a refresh by signal: "asked", "reloading" or "ready", as it said
        self.watchdog = 0  # microseconds that the service asked for, 0: none
        self.waits: tuple[str, ...] = ()  # said by the run itself, and again to a new manager
        self.probe_fails: dict[str, int] = {}
        self.probe_ok: dict[str, bool] = {}
        self.probing: tuple[Health, ...] = ()
        # computed
        self.groups: list[Group] = []
        self.watchers: list[Edge] = []
        self.earlier: list[Instance] = []
        self.later: list[Instance] = []
        self.downs: list[Instance] = []
        self.deps = OK
        self.static: Fault | None = None  # a cycle, or a definition that cannot be used
        self.held = 0
        self.after_waits = 0
        self.circle = 0  # which circle of dependencies and orderings it lies in
        self.loop = ""  # an ordering loop that it is part of, drawn
        self.hope = COMING  # within it; see hope.py
        self.tangled = False
        self.knot: tuple[object, ...] = ()  # what the hope of others in the loop hangs on
        self.sig = -2
        self.calm = False
        self.quiet = False
        self.goes = False
        self.leaving = False
        self.live = False
        self.moving = False
        self.alone = False  # what it wants does not come along with the present change of mind
        self.begins = False  # counted among the starts under way
        self.ends = False  # counted among the stops under way
        self.dirty = False
        self.restored = False
        self.alarm: int | None = None
        self.turn = -1

    @property
    def enabled(self) -> bool:
        """The administrator's word, else the definition's; without the override."""
        return self.definition.enabled if self.intent is None else self.intent.enabled

    def __repr__(self) -> str:
        return f"<{self.name} {self.stage} run {self.run}>"

    def running_definition(self) -> Definition:
        """What the present run was started with; the newest definition where that is unknown."""
        return self.run_definition or self.definition


def as_list(status: Status | None) -> list[Any] | None:
    """A status for a record."""
    return None if status is None else [status.kind, status.number, status.core]


def as_status(data: Any) -> Status | None:
    """The inverse of `as_list`."""
    return None if data is None else Status(str(data[0]), int(data[1]), bool(data[2]))
