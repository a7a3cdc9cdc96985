"""What a service *is*: names, definition, states, units, and the types that go over the wire. Frozen data.

Invariants: nothing here does anything but describe, parse and format; nothing touches the disk, the clock or a process.
A difference between formats is a field of `Definition`, never a format's name elsewhere. Names are canonical FMRIs
(`svc:/web:default`) everywhere behind the door at which a person typed them.

The parts are imported when first used, because the fast commands must not pay for those that they do not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .definition import (
        LIVE_FIELDS,
        Context,
        Definition,
        Dependency,
        Health,
        Limits,
        LogSettings,
        Probe,
        Ready,
        Restart,
        Rung,
        Step,
        changed_fields,
        restart_digest,
    )
    from .intent import Intent, Request
    from .wire import (
        WIRE_VERSION,
        EventView,
        InstanceView,
        MemberView,
        OperationView,
        PlanStep,
        ProcessView,
        RequestBody,
        StatusView,
    )
    from .words import Class, Condition, Grouping, Phase, RestartOn, Stage, State

_PARTS = {
    "definition": (
        "LIVE_FIELDS",
        "Context",
        "Definition",
        "Dependency",
        "Health",
        "Limits",
        "LogSettings",
        "Probe",
        "Ready",
        "Restart",
        "Rung",
        "Step",
        "changed_fields",
        "restart_digest",
    ),
    "intent": ("Intent", "Request"),
    "wire": (
        "WIRE_VERSION",
        "EventView",
        "InstanceView",
        "MemberView",
        "OperationView",
        "PlanStep",
        "ProcessView",
        "RequestBody",
        "StatusView",
    ),
    "words": ("Class", "Condition", "Grouping", "Phase", "RestartOn", "Stage", "State"),
}
_HOME = {name: part for part, names in _PARTS.items() for name in names}

__all__ = [
    "LIVE_FIELDS",
    "WIRE_VERSION",
    "Class",
    "Condition",
    "Context",
    "Definition",
    "Dependency",
    "EventView",
    "Grouping",
    "Health",
    "InstanceView",
    "Intent",
    "Limits",
    "LogSettings",
    "MemberView",
    "OperationView",
    "Phase",
    "PlanStep",
    "Probe",
    "ProcessView",
    "Ready",
    "Request",
    "RequestBody",
    "Restart",
    "RestartOn",
    "Rung",
    "Stage",
    "State",
    "StatusView",
    "Step",
    "changed_fields",
    "restart_digest",
]


def __getattr__(name: str) -> Any:
    part = _HOME.get(name)
    if part is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{part}", __name__), name)
    globals()[name] = value
    return value
