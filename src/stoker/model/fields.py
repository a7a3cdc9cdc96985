"""The one table between the fields of a definition and properties, and the two ways through it.

`view` shows a definition as property groups, whatever format it came from; `put` takes groups into
a definition. Nobody else knows which property stands for which field, and the engine knows of
no property at all. What no row names (an application's own groups) is not part of a definition.

Rows whose group is METHOD, DEPENDENCY or HEALTH stand for one group for each method, dependency
and probe, named for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from stoker.errors import UsageError

from .definition import Context, Definition, Dependency, Health, Probe, Ready, Rung, Step
from .names import canonical
from .properties import Group, Property
from .units import duration, show_duration, signal_name, signal_number
from .words import Condition, Grouping, RestartOn

__all__ = ["FIELDS", "METHODS", "FieldRow", "put", "put_model", "read_step", "view"]

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
             ("lines", "plain", "json", "file", "passthrough", "none")),
    FieldRow("log", "path", "astring", "log.path"),
    FieldRow("log", "size", "count", "log.size"),
    FieldRow("log", "age", "time", "log.age"),
    FieldRow("log", "count", "count", "log.count"),
    FieldRow("log", "total", "count", "log.total"),
    FieldRow("log", "compress", "boolean", "log.compress"),
    FieldRow("log", "stderr", "astring", "log.stderr", ("together", "apart")),
)  # fmt: skip
"""Every property that stands for a field."""

_SEVERAL = ("METHOD", "DEPENDENCY", "HEALTH")
_PLAIN = tuple(row for row in FIELDS if row.group not in _SEVERAL)
_FLOATS = {"restart.factor", "restart.jitter", "limits.cpu"}
_TYPES = {"general": "framework", "tm_common_name": "template", "method_context": "framework"}
_DEFAULT = Definition("")


# -- definition to groups


def view(definition: Definition) -> dict[str, Group]:
    """A definition as property groups: what differs from the default, and what SMF always has."""
    found: dict[str, dict[str, Property]] = {}
    for row in _PLAIN:
        value, plain = _at(definition, row.field), _at(_DEFAULT, row.field)
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


def _at(definition: Definition, field: str) -> Any:
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
        return (f"{value:g}" if row.field in _FLOATS else str(int(value)),)
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


# -- groups to definition


def put(definition: Definition, groups: Mapping[str, Group]) -> Definition:
    """The definition with what `groups` say, property by property; what no field stands for is
    passed over. Raises UsageError, naming the property.
    """
    d = definition
    for row in _PLAIN:
        group = groups.get(row.group)
        if group is None or row.property not in group.properties:
            continue
        prop = group.properties[row.property]
        try:
            d = _with(d, row, prop.values)
        except (UsageError, ValueError) as wrong:
            raise UsageError(f"{row.group}/{row.property}: {wrong}") from None
    for name, group in groups.items():
        try:
            if group.type == "method" and name in METHODS:
                d = _put_method(d, name, group)
            elif group.type == "dependency":
                d = _put_dependency(d, name, group)
            elif group.type == "health":
                d = _put_health(d, name, group)
        except (UsageError, ValueError) as wrong:
            raise UsageError(f"{name}: {wrong}") from None
    return d


def _with(d: Definition, row: FieldRow, values: tuple[str, ...]) -> Definition:
    if row.field == "model":
        return put_model(d, values[0] if values else "contract")
    value = _value(row, values)
    outer, _, inner = row.field.partition(".")
    if inner:
        value = msgspec.structs.replace(getattr(d, outer), **{inner: value})
    return msgspec.structs.replace(d, **{outer: value})


def _value(row: FieldRow, values: tuple[str, ...]) -> Any:
    """Text as the field has it. No value at all is the field's default."""
    if not values:
        return _at(_DEFAULT, row.field)
    if row.words and any(value not in row.words for value in values):
        raise UsageError(f"cannot be {values[0]!r}", hint="one of " + ", ".join(row.words))
    reader = _READERS.get(row.field)
    if reader is not None:
        return reader(values)
    if row.type.endswith("*"):
        return tuple(canonical(v, "") if row.type == "fmri*" else v for v in values)
    text = values[0]
    if row.type == "boolean":
        return text == "true"
    if row.type == "time" or row.field in _FLOATS:
        return float(text)
    return int(text) if row.type in ("count", "integer") else text


def _read_ladder(values: tuple[str, ...]) -> tuple[Rung, ...]:
    rungs = []
    for value in values:
        names, _, wait = value.rpartition(" ")
        signals = tuple(signal_number(name) for name in names.split("+") if name)
        rungs.append(Rung(signals, None if wait == "never" else duration(wait)))
    return tuple(rungs)


def pairs(values: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE texts; what is none is passed over, and names that are not the administrator's."""
    found = {}
    for text in values:
        name, sign, value = text.partition("=")
        if sign and name and not name.startswith("SMF_"):
            found[name] = value
    return found


def _rlimits(values: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    found = {}
    for name, text in pairs(values).items():
        soft, _, hard = text.partition(":")
        found[name] = (int(soft), int(hard or soft))
    return found


def group_names(values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Supplementary groups, as smf_method(7) has them; None: the user's own."""
    text = values[0] if values else ":default"
    return None if text == ":default" else tuple(text.replace(",", " ").split())


def _group(values: tuple[str, ...]) -> str:
    return "" if values[0] == ":default" else values[0]


def directory(values: tuple[str, ...]) -> str:
    """A working directory; "~" is the home of the account."""
    text = values[0] if values else ""
    return "~" if text in (":default", ":home") else text


_READERS: dict[str, Callable[[tuple[str, ...]], Any]] = {
    "ignore": lambda values: (
        tuple(sorted(values[0].split(",")))
        if values[0] in ("core", "signal", "core,signal", "signal,core")
        else ()
    ),
    "context.supplementary_groups": group_names,
    "context.group": _group,
    "context.working_directory": directory,
    "context.environment": pairs,
    "context.umask": lambda values: int(values[0], 8),
    "limits.rlimits": _rlimits,
    "limits.io": pairs,
    "ladder": _read_ladder,
}


def put_model(d: Definition, word: str) -> Definition:
    """The definition with another model of running (smf_method(7); engine.md 1.3). A word that is
    none means contract, as SMF has it.
    """
    if word not in ("transient", "child"):
        word = "contract"
    if word == d.model:
        return d
    kind = "spawn" if word == "child" else "exit"
    timeout = d.ready.timeout
    return msgspec.structs.replace(
        d,
        model=word,
        ready=Ready(kind, timeout=timeout),
        ends={"child": "main", "contract": "empty", "transient": "never"}[word],
    )


def read_step(text: str, timeout: float | None) -> Step:
    """An `exec` property as a step: a word, or a command for the shell (smf_method(7)).

    Raises UsageError for a word that is none, and for a signal that is not known here.
    """
    word, _, rest = text.strip().partition(" ")
    if word == ":true":
        return Step(word=":true", timeout=timeout)
    if word == ":kill":
        name = rest.strip().removeprefix("-")
        return Step(word=":kill", signal=signal_number(name) if name else 15, timeout=timeout)
    if word.startswith(":"):
        raise UsageError(f"there is no {word[:40]}", hint=":true, :kill or a command")
    return Step((*SHELL, f"exec {text.strip()}"), timeout=timeout)


def seconds(values: tuple[str, ...]) -> float | None:
    """A timeout_seconds: 0, -1 and none at all are for ever."""
    number = int(values[0]) if values else 0
    return None if number in (0, FOREVER) else float(number)


def _put_method(d: Definition, name: str, group: Group) -> Definition:
    given = group.properties
    old = getattr(d, name)
    step: Step = old[0] if old else Step(word=":true")
    timeout = step.timeout
    if "timeout_seconds" in given:
        timeout = seconds(given["timeout_seconds"].values)
    if "exec" in given and given["exec"].values:
        text = given["exec"].values[0]
        if text == command_text(step):
            made = msgspec.structs.replace(step, timeout=timeout)
        else:
            made = read_step(text, timeout)
    else:
        made = msgspec.structs.replace(step, timeout=timeout)
    own = {
        row.property: row for row in FIELDS if row.field.startswith("METHOD.context.")
    }  # fmt: skip
    context = step.context or d.context
    for key, row in own.items():
        if key in given:
            field = row.field.removeprefix("METHOD.")
            value = _value(row._replace(field=field), given[key].values)
            inner = field.removeprefix("context.")
            context = msgspec.structs.replace(context, **{inner: value})
    if context != d.context:
        made = msgspec.structs.replace(made, context=context)
    return msgspec.structs.replace(d, **{name: (made, *old[1:])})


def _put_dependency(d: Definition, name: str, group: Group) -> Definition:
    given = {key: one.values for key, one in group.properties.items()}
    named = {one.name or f"dependency{n}": one for n, one in enumerate(d.dependencies, 1)}
    old = named.get(name)
    made = old or Dependency((), name=name)
    if "entities" in given:
        made = msgspec.structs.replace(made, targets=given["entities"])
    for key, kind in (("grouping", Grouping), ("restart_on", RestartOn), ("condition", Condition)):
        if given.get(key):
            made = msgspec.structs.replace(made, **{key: kind(given[key][0])})
    if given.get("watch"):
        made = msgspec.structs.replace(made, watch=given["watch"][0] == "true")
    named[name] = made
    return msgspec.structs.replace(d, dependencies=tuple(named.values()))


def _put_health(d: Definition, name: str, group: Group) -> Definition:
    from shlex import split

    given = {key: one.values[0] for key, one in group.properties.items() if one.values}
    named = {one.name: one for one in d.health}
    old = named.get(name) or Health(name, Probe("exec", interval=10.0))
    kind = given.get("probe", old.probe.kind)
    argv, target = old.probe.argv, old.probe.target
    if "target" in given:
        argv = tuple(split(given["target"])) if kind == "exec" else ()
        target = "" if kind == "exec" else given["target"]
    named[name] = Health(
        name,
        Probe(
            kind,
            argv,
            target,
            float(given.get("interval", old.probe.interval)),
            float(given.get("timeout", old.probe.timeout)),
        ),
        int(given.get("threshold", old.threshold)),
        float(given.get("grace", old.grace)),
        given.get("action", old.action),
    )
    return msgspec.structs.replace(d, health=tuple(named.values()))
