"""The types that the control socket speaks: what clients see of a manager. Version 1.

Times are RFC 3339 strings in UTC with microseconds, durations seconds, a pid null where there is
none. The OpenAPI document is generated from these.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "EventView",
    "InputView",
    "InstanceView",
    "MemberView",
    "OperationView",
    "PlanStep",
    "ProcessView",
    "RequestBody",
    "StatusView",
    "WIRE_VERSION",
]

WIRE_VERSION = 1


class InstanceView(msgspec.Struct):
    """One instance in a listing.

    `enabled` is the administrator's or the file's word, `wanted` what holds now (override
    included). `waiting_for`: sentences, one for each thing that must change before it can start.
    `note`: the one line that a listing shows. `until`: when a temporary choice ends or the next
    attempt comes by itself (RFC 3339), null if nothing will change by itself. `hopeless`: it will
    not come up without an administrator. `since`: when `state` began; `state_time`: the last change
    of `state` or `next_state`, as in SMF.
    """

    fmri: str
    name: str
    enabled: bool
    wanted: bool
    state: str
    next_state: str | None
    reason: str
    state_time: str
    since: str
    phase: str
    stage: str
    pid: int | None
    contract: int | None
    run: int
    restarts: int
    waiting_for: list[str] = []
    cause: str = ""
    note: str = ""
    description: str = ""
    until: str | None = None
    hopeless: bool = False
    essential: bool = False
    status_text: str = ""


class ProcessView(msgspec.Struct):
    """One process of a contract; `depth` is its place in the tree. `memory` is RSS bytes, `cpu`
    seconds used.
    """

    pid: int
    depth: int
    command: str
    memory: int
    cpu: float
    state: str = ""


class StatusView(msgspec.Struct):
    """Everything about one instance. `dependencies`: rows {group, grouping, restart_on, condition,
    target, state, satisfied}.
    """

    instance: InstanceView
    processes: list[ProcessView] = []
    memory: int = 0
    cpu: float = 0.0
    tasks: int = 0
    dependencies: list[dict[str, Any]] = []
    dependents: list[str] = []
    choice: dict[str, Any] | None = None
    override: dict[str, Any] | None = None
    last_exit: str = ""
    source: str = ""
    containment: str = ""
    log: str = ""


class MemberView(msgspec.Struct):
    """One member of an operation: its goal ("up", "down", …) and outcome ("" while open, done,
    failed, impossible, superseded, waiting, cancelled).
    """

    fmri: str
    goal: str
    outcome: str = ""
    note: str = ""


class OperationView(msgspec.Struct):
    """One administrative request: open while `outcome` is "". `affected`: others that go down or up
    because of it.
    """

    number: int
    verb: str
    who: str
    why: str
    members: list[MemberView]
    outcome: str = ""
    began: str = ""
    ended: str | None = None
    note: str = ""
    affected: list[str] = []


class InputView(msgspec.Struct):
    """One thing that the manager is told about the machine: a condition, or "active".

    `met`: what holds now. `by`: "person", "watcher", or "" when nobody gives it; `who` that is,
    `why` and since when. `watcher`: the service that is to tell of it, "" where there is none, and
    what that one says (null: nothing yet). `needed_by`: the services that name it.
    """

    name: str
    met: bool
    by: str = ""
    who: str = ""
    why: str = ""
    since: str | None = None
    watcher: str = ""
    watcher_says: bool | None = None
    needed_by: list[str] = []


class PlanStep(msgspec.Struct):
    """One line of a dry run: what would happen, in order, `at` seconds after the request."""

    at: float
    fmri: str
    action: str
    why: str = ""


class EventView(msgspec.Struct):
    """One event of the stream. `cursor` is where to resume after it. `kind`: transition, operation,
    message, gap, run.
    """

    cursor: int
    time: str
    kind: str
    fmri: str = ""
    data: dict[str, Any] = {}


class RequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/operations. `names` as people type them; `until` RFC 3339; see
    `stoker.model.Request`.
    """

    verb: str
    names: list[str] = []
    why: str = ""
    until: str | None = None
    later: bool = False
    timeout: float | None = None
    signal: str = ""
    state: str = ""
    immediate: bool = False
    input: str = ""
    value: bool = True
    alone: bool = False
    status: int = 0
    dry_run: bool = False
