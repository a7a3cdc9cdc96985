"""The one table between the fields of a definition and properties, and the two ways through it.

`view` shows a definition as property groups, whatever format it came from; `put` (in `putting`)
takes groups into a definition. Nobody else knows which property stands for which field, and the
engine knows of no property at all. What no row names (an application's own groups) is not part of
a definition.

Rows whose group is METHOD, DEPENDENCY or HEALTH stand for one group for each method, dependency
and probe, named for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .definition import Context, Definition, Dependency, Health, Rung, Step
from .properties import Group, Property
from .units import show_duration, signal_name
from .words import Condition, Grouping, RestartOn

__all__ = ["FIELDS", "METHODS", "FieldRow", "at_field", "command_text", "view"]

METHODS = ("prepare", "start", "stop", "refresh", "decide", "cleanup")
FOREVER = 2**64 - 1  # what -1 becomes as a count: no limit (smf_method(7))
SHELL = ("/bin/sh", "-c")


class FieldRow(NamedTuple):
    """One row. `field`: a field of `Definition`, with a dot before the part of it. `type`: of the
    property; a trailing * says that it has any number of values. `words`: the only values.
    """

    group: str
    property: str
    type: str
    field: str
    words: tuple[str, ...] = ()


FIELDS: tuple[FieldRow, ...] = (
    FieldRow("general", "enabled", "boolean", "enabled"),
    FieldRow("general", "restarter", "fmri", "restarter"),
    FieldRow("tm_common_name", "C", "ustring", "description"),
    FieldRow("startd", "duration", "astring", "model", ("contract", "transient", "child")),
    FieldRow("startd", "ignore_error", "astring", "ignore"),
    FieldRow("startd", "critical_failure_count", "count", "restart.rate_count"),
    FieldRow("startd", "critical_failure_period", "count", "restart.rate_period"),
    FieldRow("startd", "timeout_retry", "boolean", "restart.late_is_final"),
    FieldRow("METHOD", "exec", "astring", "METHOD.argv"),
    FieldRow("METHOD", "timeout_seconds", "count", "METHOD.timeout"),
    FieldRow("METHOD", "user", "astring", "METHOD.context.user"),
    FieldRow("METHOD", "group", "astring", "METHOD.context.group"),
    FieldRow("METHOD", "supp_groups", "astring", "METHOD.context.supplementary_groups"),
    FieldRow("METHOD", "working_directory", "astring", "METHOD.context.working_directory"),
    FieldRow("METHOD", "environment", "astring*", "METHOD.context.environment"),
    FieldRow("method_context", "user", "astring", "context.user"),
    FieldRow("method_context", "group", "astring", "context.group"),
    FieldRow("method_context", "supp_groups", "astring", "context.supplementary_groups"),
    FieldRow("method_context", "working_directory", "astring", "context.working_directory"),
    FieldRow("method_context", "environment", "astring*", "context.environment"),
    FieldRow("method_context", "environment_files", "astring*", "context.environment_files"),
    FieldRow("method_context", "umask", "astring", "context.umask"),
    FieldRow("method_context", "nice", "integer", "context.nice"),
    FieldRow("method_context", "oom_score_adj", "integer", "context.oom_score_adj"),
    FieldRow("DEPENDENCY", "grouping", "astring", "dependencies.grouping",
             tuple(str(one) for one in Grouping)),
    FieldRow("DEPENDENCY", "restart_on", "astring", "dependencies.restart_on",
             tuple(str(one) for one in RestartOn)),
    FieldRow("DEPENDENCY", "type", "astring", "dependencies.targets", ("service", "path")),
    FieldRow("DEPENDENCY", "entities", "fmri*", "dependencies.targets"),
    FieldRow("DEPENDENCY", "condition", "astring", "dependencies.condition",
             tuple(str(one) for one in Condition)),
    FieldRow("DEPENDENCY", "watch", "boolean", "dependencies.watch"),
    FieldRow("stoker", "essential", "boolean", "essential"),
    FieldRow("stoker", "interrupt", "astring", "interrupt", ("abort", "finish")),
    FieldRow("stoker", "stop_when_empty", "boolean", "stop_when_empty"),
    FieldRow("stoker", "unclean", "astring", "unclean", ("ok", "maintenance")),
    FieldRow("stoker", "rebegin", "astring", "rebegin", ("prepare", "start")),
    FieldRow("stoker", "stop_ladder", "astring*", "ladder"),
    FieldRow("stoker", "after", "fmri*", "after"),
    FieldRow("stoker", "before", "fmri*", "before"),
    FieldRow("stoker", "wants", "fmri*", "wants"),
    FieldRow("stoker", "wanted_by", "fmri*", "wanted_by"),
    FieldRow("stoker", "conflicts", "fmri*", "conflicts"),
    FieldRow("stoker", "part_of", "fmri*", "part_of"),
    FieldRow("stoker", "required_by", "fmri*", "required_by"),
    FieldRow("restart", "when", "astring", "restart.when", ("always", "on-failure", "never")),
    FieldRow("restart", "delay", "time", "restart.delay"),
    FieldRow("restart", "factor", "astring", "restart.factor"),
    FieldRow("restart", "cap", "time", "restart.cap"),
    FieldRow("restart", "jitter", "astring", "restart.jitter"),
    FieldRow("restart", "reset_after", "time", "restart.reset_after"),
    FieldRow("restart", "limit", "count", "restart.limit"),
    FieldRow("restart", "retry_every", "time", "restart.retry_every"),
    FieldRow("restart", "failures", "count", "restart.failures"),
    FieldRow("ready", "kind", "astring", "ready.kind",
             ("spawn", "exit", "notify", "fd", "probe", "pidfile", "log", "delay")),
    FieldRow("ready", "path", "astring", "ready.path"),
    FieldRow("ready", "pattern", "astring", "ready.pattern"),
    FieldRow("ready", "fd", "count", "ready.fd"),
    FieldRow("ready", "delay", "time", "ready.delay"),
    FieldRow("ready", "timeout", "time", "ready.timeout"),
    FieldRow("HEALTH", "probe", "astring", "health.probe", ("exec", "http", "tcp", "unix", "file")),
    FieldRow("HEALTH", "target", "astring", "health.probe"),
    FieldRow("HEALTH", "interval", "time", "health.probe"),
    FieldRow("HEALTH", "timeout", "time", "health.probe"),
    FieldRow("HEALTH", "threshold", "count", "health.threshold"),
    FieldRow("HEALTH", "grace", "time", "health.grace"),
    FieldRow("HEALTH", "action", "astring", "health.action", ("degrade", "restart", "none")),
    FieldRow("limits", "rlimits", "astring*", "limits.rlimits"),
    FieldRow("limits", "memory", "count", "limits.memory"),
    FieldRow("limits", "memory_high", "count", "limits.memory_high"),
    FieldRow("limits", "cpu", "astring", "limits.cpu"),
    FieldRow("limits", "pids", "count", "limits.pids"),
    FieldRow("limits", "io", "astring*", "limits.io"),
    FieldRow("limits", "missing", "astring", "limits.missing", ("refuse", "ignore")),
    FieldRow("log", "mode", "astring", "log.mode",
             ("lines", "plain", "json", "smf", "file", "passthrough", "none")),
    FieldRow("log", "path", "astring", "log.path"),
    FieldRow("log", "size", "count", "log.size"),
    FieldRow("log", "age", "time", "log.age"),
    FieldRow("log", "count", "count", "log.count"),
    FieldRow("log", "total", "count", "log.total"),
    FieldRow("log", "compress", "boolean", "log.compress"),
    FieldRow("log", "stderr", "astring", "log.stderr", ("together", "apart")),
    FieldRow("log", "prefix", "boolean", "log.prefix"),
    FieldRow("stoker", "stdin", "astring", "stdin", ("null", "inherit", "pipe")),
)  # fmt: skip
"""Every property that stands for a field."""

_SEVERAL = ("METHOD", "DEPENDENCY", "HEALTH")
PLAIN = tuple(row for row in FIELDS if row.group not in _SEVERAL)
FLOATS = {"restart.factor", "restart.jitter", "limits.cpu"}
_TYPES = {"general": "framework", "tm_common_name": "template", "method_context": "framework"}
DEFAULT = Definition("")


def view(definition: Definition) -> dict[str, Group]:
    """A definition as property groups: what differs from the default, and what SMF always has."""
    found: dict[str, dict[str, Property]] = {}
    for row in PLAIN:
        value, plain = at_field(definition, row.field), at_field(DEFAULT, row.field)
        if (value == plain and row.field not in ("enabled", "model")) or value is None:
            continue
        found.setdefault(row.group, {})[row.property] = Property(
            row.type.rstrip("*"), _texts(row, value)
        )
    groups = {name: Group(_TYPES.get(name, "framework"), them) for name, them in found.items()}
    for name in METHODS:
        steps = getattr(definition, name)
        if steps:
            groups[name] = Group("method", _view_step(steps[0], definition.context))
    for number, dependency in enumerate(definition.dependencies, 1):
        groups[dependency.name or f"dependency{number}"] = Group(
            "dependency", _view_dependency(dependency)
        )
    for one in definition.health:
        groups[one.name] = Group("health", _view_health(one))
    return groups


def at_field(definition: Definition, field: str) -> Any:
    """The value of a row's field."""
    outer, _, inner = field.partition(".")
    value = getattr(definition, outer)
    return getattr(value, inner) if inner else value


def _texts(row: FieldRow, value: Any) -> tuple[str, ...]:
    """A field's value as text."""
    writer = _WRITERS.get(row.field)
    if writer is not None:
        return writer(value)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, tuple):
        return value
    if row.type == "time":
        return (f"{value:.9f}",)
    if isinstance(value, float):
        return (f"{value:g}" if row.field in FLOATS else str(int(value)),)
    return (str(value),)


def _write_ladder(rungs: tuple[Rung, ...]) -> tuple[str, ...]:
    found = []
    for rung in rungs:
        names = "+".join(signal_name(number) for number in rung.signals)
        wait = "never" if rung.wait is None else show_duration(rung.wait)
        found.append(f"{names} {wait}".strip())
    return tuple(found)


_WRITERS: dict[str, Callable[[Any], tuple[str, ...]]] = {
    "ignore": lambda words: (",".join(words),),
    "context.supplementary_groups": lambda names: (",".join(names),),
    "context.environment": lambda pairs: tuple(f"{k}={v}" for k, v in pairs.items()),
    "context.umask": lambda mask: (f"{mask:04o}",),
    "limits.rlimits": lambda them: tuple(f"{n}={s}:{h}" for n, (s, h) in them.items()),
    "restart.late_is_final": lambda final: ("false" if final else "true",),
    "limits.io": lambda them: tuple(f"{k}={v}" for k, v in them.items()),
    "ladder": _write_ladder,
}


def _view_step(step: Step, around: Context) -> dict[str, Property]:
    seconds = FOREVER if step.timeout is None else max(1, round(step.timeout))
    found = {
        "type": Property("astring", ("method",)),
        "exec": Property("astring", (command_text(step),)),
        "timeout_seconds": Property("count", (str(0 if step.timeout is None else seconds),)),
    }
    own = step.context
    if own is not None and own != around:
        for row in FIELDS:
            if row.group == "METHOD" and row.field.startswith("METHOD.context."):
                field = row.field.removeprefix("METHOD.")
                value = getattr(own, field.removeprefix("context."))
                if value:
                    plain = row._replace(field=field)
                    found[row.property] = Property(row.type.rstrip("*"), _texts(plain, value))
    return found


def command_text(step: Step) -> str:
    """A step as the text of an `exec` property."""
    if step.word == ":kill":
        name = signal_name(step.signal)
        return ":kill" if step.signal == 15 else f":kill -{name.removeprefix('SIG')}"
    if step.word or not step.argv:
        return step.word or ":true"
    if step.argv[:2] == SHELL and len(step.argv) == 3 and step.argv[2].startswith("exec "):
        return step.argv[2].removeprefix("exec ")
    from shlex import join

    return join(step.argv)


def _view_dependency(one: Dependency) -> dict[str, Property]:
    path = bool(one.targets) and one.targets[0].startswith("file:")
    found = {
        "grouping": Property("astring", (str(one.grouping),)),
        "restart_on": Property("astring", (str(one.restart_on),)),
        "type": Property("astring", ("path" if path else "service",)),
        "entities": Property("fmri", one.targets),
    }
    if one.condition != Condition.READY:
        found["condition"] = Property("astring", (str(one.condition),))
    if not one.watch:
        found["watch"] = Property("boolean", ("false",))
    return found


def _view_health(one: Health) -> dict[str, Property]:
    from shlex import join

    probe = one.probe
    return {
        "probe": Property("astring", (probe.kind,)),
        "target": Property("astring", (join(probe.argv) if probe.argv else probe.target,)),
        "interval": Property("time", (f"{probe.interval:.9f}",)),
        "timeout": Property("time", (f"{probe.timeout:.9f}",)),
        "threshold": Property("count", (str(one.threshold),)),
        "grace": Property("time", (f"{one.grace:.9f}",)),
        "action": Property("astring", (one.action,)),
    }
