"""The closed vocabularies of the model: enumerations whose values are the words that people and
files use.

All are string enumerations, so a value can be written to JSON and compared with the text of a file
as it is.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "Class",
    "Condition",
    "Grouping",
    "Phase",
    "RestartOn",
    "Stage",
    "State",
]


class State(StrEnum):
    """SMF's six states (smf(7)). `next_state` uses the same words, or "none" written as an absent
    value.
    """

    UNINITIALIZED = "uninitialized"
    DISABLED = "disabled"
    OFFLINE = "offline"
    ONLINE = "online"
    DEGRADED = "degraded"
    MAINTENANCE = "maintenance"


class Stage(StrEnum):
    """The only stored truth about a run; every state, phase and reason is computed from it."""

    IDLE = "idle"
    PREPARE = "prepare"
    START = "start"
    UP = "up"
    REFRESH = "refresh"
    STOP = "stop"
    KILL = "kill"
    DECIDE = "decide"
    CLEANUP = "cleanup"


class Phase(StrEnum):
    """nosh's five words for where a service is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    STOPPING = "stopping"


class Grouping(StrEnum):
    """How the members of a dependency count together (smf(7)); `order` is the edge behind
    after/before.
    """

    REQUIRE_ALL = "require_all"
    REQUIRE_ANY = "require_any"
    OPTIONAL_ALL = "optional_all"
    EXCLUDE_ALL = "exclude_all"


class RestartOn(StrEnum):
    """Which departures of a target make a running dependent restart. Ranked: none < error < restart
    < refresh.
    """

    NONE = "none"
    ERROR = "error"
    RESTART = "restart"
    REFRESH = "refresh"


class Condition(StrEnum):
    """What a dependency waits for in its target."""

    STARTED = "started"
    READY = "ready"
    HEALTHY = "healthy"
    COMPLETED = "completed"


class Class(StrEnum):
    """Class of a cause that makes an instance leave: fault < restart < refresh (smf.md 3.3)."""

    FAULT = "fault"
    RESTART = "restart"
    REFRESH = "refresh"
