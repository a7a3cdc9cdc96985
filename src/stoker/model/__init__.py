"""What a service *is*: names, definition, states, units, and the types that go over the wire.
Frozen data.

Invariants: nothing here does anything but describe, parse and format; nothing touches the disk, the
clock or a process (`rights` alone asks the system's accounts for a name). A difference between
formats is a field of `Definition`, never a format's name elsewhere. Names are canonical FMRIs
(`svc:/web:default`) everywhere behind the door at which a person typed them.

The parts are imported when first used, because the fast commands must not pay for those that they
do not need.
"""

from __future__ import annotations

TYPE_CHECKING = False  # not from typing, whose import costs the fast commands a millisecond
if TYPE_CHECKING:
    from typing import Any

    from .capabilities import CAPABILITIES, capability_mask
    from .compiled import Compiled, Mistaken, decode_compiled, encode_compiled
    from .definition import (
        DELEGATED,
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
        Supervise,
        changed_fields,
        restart_digest,
    )
    from .digests import digest
    from .fields import FIELDS, METHODS, FieldRow, view
    from .intent import Intent, Request
    from .listening import Activation, Listen
    from .loaded import Loaded, decode_loaded, encode_loaded
    from .masking import mask
    from .names import (
        MASTER,
        Names,
        canonical,
        did_you_mean,
        display,
        escape,
        fmri,
        is_input,
        is_instance,
        matching,
        of_name,
        service_of,
        split,
        unescape,
    )
    from .place import (
        MARK,
        Place,
        find_place,
        project_place,
        run_places,
        system_place,
        user_place,
    )
    from .properties import (
        LONGEST_VALUE,
        VALUE_TYPES,
        Group,
        Property,
        check_name,
        checked,
        compose,
    )
    from .putting import put, read_step
    from .rights import Level, Peer, Rights, rights_of
    from .settings import Role, Settings
    from .tai import NEW_LEAP, OLD_LEAP, leap_seconds, tai_label, tai_text, tai_wall
    from .units import (
        duration,
        parse_time,
        rfc3339,
        show_duration,
        signal_name,
        signal_number,
        size,
    )
    from .wire import (
        WIRE_VERSION,
        EventView,
        InputView,
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
    "capabilities": ("CAPABILITIES", "capability_mask"),
    "compiled": ("Compiled", "Mistaken", "decode_compiled", "encode_compiled"),
    "digests": ("digest",),
    "definition": (
        "DELEGATED",
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
        "Supervise",
        "changed_fields",
        "restart_digest",
    ),
    "fields": ("FIELDS", "METHODS", "FieldRow", "view"),
    "putting": ("put", "read_step"),
    "intent": ("Intent", "Request"),
    "listening": ("Activation", "Listen"),
    "loaded": ("Loaded", "decode_loaded", "encode_loaded"),
    "masking": ("mask",),
    "names": (
        "Names",
        "MASTER",
        "canonical",
        "did_you_mean",
        "display",
        "escape",
        "fmri",
        "is_input",
        "is_instance",
        "matching",
        "of_name",
        "service_of",
        "split",
        "unescape",
    ),
    "place": (
        "MARK",
        "Place",
        "find_place",
        "project_place",
        "run_places",
        "system_place",
        "user_place",
    ),
    "rights": ("Level", "Peer", "Rights", "rights_of"),
    "properties": (
        "LONGEST_VALUE",
        "VALUE_TYPES",
        "Group",
        "Property",
        "check_name",
        "checked",
        "compose",
    ),
    "settings": ("Role", "Settings"),
    "tai": ("NEW_LEAP", "OLD_LEAP", "leap_seconds", "tai_label", "tai_text", "tai_wall"),
    "units": (
        "duration",
        "parse_time",
        "rfc3339",
        "show_duration",
        "signal_name",
        "signal_number",
        "size",
    ),
    "wire": (
        "WIRE_VERSION",
        "EventView",
        "InputView",
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
    "CAPABILITIES",
    "capability_mask",
    "Activation",
    "Listen",
    "view",
    "read_step",
    "put",
    "FieldRow",
    "METHODS",
    "FIELDS",
    "compose",
    "checked",
    "check_name",
    "Property",
    "Group",
    "VALUE_TYPES",
    "LONGEST_VALUE",
    "DELEGATED",
    "LIVE_FIELDS",
    "MARK",
    "MASTER",
    "WIRE_VERSION",
    "Class",
    "Compiled",
    "Condition",
    "Context",
    "Definition",
    "Dependency",
    "EventView",
    "InputView",
    "Grouping",
    "Health",
    "InstanceView",
    "Intent",
    "Level",
    "Limits",
    "LogSettings",
    "MemberView",
    "Mistaken",
    "NEW_LEAP",
    "Names",
    "OLD_LEAP",
    "OperationView",
    "Peer",
    "Phase",
    "Place",
    "PlanStep",
    "Probe",
    "ProcessView",
    "Ready",
    "Request",
    "RequestBody",
    "Restart",
    "RestartOn",
    "Rights",
    "Role",
    "Rung",
    "Settings",
    "Stage",
    "State",
    "StatusView",
    "Loaded",
    "decode_loaded",
    "encode_loaded",
    "Step",
    "Supervise",
    "canonical",
    "changed_fields",
    "decode_compiled",
    "did_you_mean",
    "digest",
    "display",
    "duration",
    "encode_compiled",
    "escape",
    "find_place",
    "fmri",
    "is_input",
    "is_instance",
    "leap_seconds",
    "mask",
    "matching",
    "of_name",
    "parse_time",
    "project_place",
    "restart_digest",
    "rfc3339",
    "rights_of",
    "run_places",
    "service_of",
    "show_duration",
    "signal_name",
    "signal_number",
    "size",
    "split",
    "system_place",
    "tai_label",
    "tai_text",
    "tai_wall",
    "unescape",
    "user_place",
]


def __getattr__(name: str) -> Any:
    part = _HOME.get(name)
    if part is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not importlib, whose import takes longer than that of most parts.
    value = getattr(__import__(f"{__name__}.{part}", fromlist=[name]), name)
    globals()[name] = value
    return value
