"""Property groups into a definition, by the table of `fields`; what an `exec` property means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from stoker.errors import UsageError

from .definition import Definition, Dependency, Health, Probe, Ready, Rung, Step
from .fields import (
    DEFAULT,
    FIELDS,
    FLOATS,
    FOREVER,
    METHODS,
    PLAIN,
    SHELL,
    FieldRow,
    at_field,
    command_text,
)
from .names import canonical
from .properties import Group
from .units import duration, signal_number
from .words import Condition, Grouping, RestartOn

__all__ = ["put", "put_model", "read_step"]


def put(definition: Definition, groups: Mapping[str, Group]) -> Definition:
    """The definition with what `groups` say, property by property; what no field stands for is
    passed over. Raises UsageError, naming the property.
    """
    d = definition
    for row in PLAIN:
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
        return at_field(DEFAULT, row.field)
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
    if row.type == "time" or row.field in FLOATS:
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
    "restart.late_is_final": lambda values: values[0] == "false",
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
