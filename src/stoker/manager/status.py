"""Everything about one instance, for people: what the engine knows and what /proc says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.engine import Instance, Status
from stoker.model import Intent, StatusView, display, rfc3339, signal_name

if TYPE_CHECKING:
    from .core import Manager

__all__ = ["status_view"]


def status_view(manager: Manager, fmri: str) -> StatusView:
    """See `stoker.model.StatusView`."""
    engine = manager.engine
    one = engine.instance(fmri)
    usage = manager.executor.usage(fmri)
    return StatusView(
        instance=engine.view(fmri, manager.now()),
        processes=usage.processes,
        memory=usage.memory,
        cpu=usage.cpu,
        tasks=usage.tasks,
        dependencies=engine.dependencies(fmri),
        dependents=[display(name) for name in engine.dependents(fmri)],
        choice=_choice(one),
        override=_override(one),
        last_exit=_last_exit(one),
        source=one.definition.source,
        containment=manager.executor.contracts.kind,
        log=_log(one, manager.place.logs),
    )


def _log(one: Instance, folder: str) -> str:
    """Where its output can be read: a file, or the command that shows it."""
    log = one.definition.log
    if log.mode in ("file", "none"):
        return log.path if log.mode == "file" else ""
    if log.mode == "smf":
        return f"{folder}/{one.fmri.removeprefix('svc:/').replace('/', '-')}.log"
    if log.mode == "service":
        return f"the input of {display(log.path)}"
    return f"stoker logs {display(one.fmri)}"


def _choice(one: Instance) -> dict[str, Any] | None:
    later = one.later_choice
    intent = later or one.intent
    if intent is None:
        return None
    return {**_intent(intent), "later": later is not None}


def _intent(intent: Intent) -> dict[str, Any]:
    return {
        "enabled": intent.enabled,
        "by": intent.by,
        "when": rfc3339(intent.when) if intent.when else None,
        "why": intent.why,
        "until": rfc3339(intent.until) if intent.until is not None else None,
    }


def _override(one: Instance) -> dict[str, Any] | None:
    found = one.override
    if found is None:
        return None
    return {
        "value": found.value,
        "by": found.who or found.by,
        "why": found.why,
        "until": rfc3339(found.until) if found.until is not None else None,
    }


def _last_exit(one: Instance) -> str:
    status: Status | None = one.gone or one.records.get("main") or one.records.get("start")
    if status is None:
        return ""
    if status.kind == "exit":
        return f"exit status {status.number}"
    if status.kind == "signal":
        return f"signal {signal_name(status.number)}" + (" (core dumped)" if status.core else "")
    return "how is not known"
