"""Random definitions and random requests, each drawn by `below(n)` (a number from 0 to n - 1).

A zero always draws the plainest thing, so that whoever makes numbers smaller makes what is drawn
simpler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stoker.model import (
    DELEGATED,
    Condition,
    Definition,
    Dependency,
    Grouping,
    Health,
    Probe,
    Ready,
    Request,
    Restart,
    RestartOn,
    Rung,
    Step,
)

Below = Callable[[int], int]

NAMES = (
    "svc:/a:default",
    "svc:/b:default",
    "svc:/c:one",
    "svc:/c:two",
    "svc:/d:default",
    "svc:/e:default",
    "svc:/f:default",
    "svc:/g:default",
)
SERVICES = ("svc:/a", "svc:/b", "svc:/c")
FILES = ("file:///one", "file:///two")
INPUTS = ("input:net", "input:power")

_GROUPINGS = (
    Grouping.REQUIRE_ALL,
    Grouping.REQUIRE_ALL,
    Grouping.REQUIRE_ANY,
    Grouping.OPTIONAL_ALL,
    Grouping.EXCLUDE_ALL,
)
_RESTART_ON = (RestartOn.NONE, RestartOn.ERROR, RestartOn.RESTART, RestartOn.REFRESH)
_CONDITIONS = (
    *(Condition.READY,) * 5,
    Condition.STARTED,
    Condition.HEALTHY,
    Condition.COMPLETED,
)
_PROBE = Probe("exec", argv=("/look",))
_RUN = (Step(argv=("/run",)),)
_TIMED = (Step(argv=("/run",), timeout=30.0),)
_TWO = (Step(argv=("/one",), timeout=10.0, on_fail="ignore"), Step(argv=("/two",), timeout=20.0))
_SKIP = (Step(argv=("/test",), timeout=10.0, on_fail="skip"),)
_KILL = (Step(word=":kill"),)
_TRUE = (Step(word=":true"),)

_CHILD = {"start": _RUN}
_LEFT: dict[str, Any] = {
    "start": _RUN, "refresh": (Step(DELEGATED),), "ready": Ready(kind="told"), "ends": "main",
    "ladder": (Rung((15,), 60.0),), "later": True,
}  # fmt: skip
"""What `formats.delegated` makes of one that is left to another restarter."""
_KINDS: tuple[dict[str, Any], ...] = (
    _CHILD,
    _CHILD,
    _CHILD,
    {"start": _RUN, "ready": Ready(kind="notify", timeout=30.0)},
    {"start": _RUN, "ready": Ready(kind="probe", probe=_PROBE, timeout=30.0)},
    {"start": _RUN, "ready": Ready(kind="delay", delay=2.0)},
    {"start": _TIMED, "ready": Ready(kind="exit"), "ends": "empty", "model": "contract"},
    {"start": _TWO, "ready": Ready(kind="exit"), "ends": "empty", "stop_when_empty": True,
     "interrupt": "finish", "unclean": "maintenance", "stop": _TIMED},
    {"start": _TIMED, "ready": Ready(kind="exit"), "ends": "never", "model": "transient"},
    {"start": _TIMED, "ready": Ready(kind="pidfile", path="/pid", timeout=30.0), "ends": "main"},
    {"start": _RUN, "ready": Ready(kind="fd", timeout=30.0), "ends": "empty"},
    {"ends": "never"},
    {"start": _TRUE, "ready": Ready(kind="exit"), "ends": "never"},
    {"start": _TIMED, "ready": Ready(kind="exit", nothing=94), "ends": "empty", "ladder": ()},
    {"start": (_TWO[0], _RUN[0]), "ready": Ready(kind="log", pattern="up", timeout=30.0)},
    _LEFT,
)  # fmt: skip

_RESTARTS = (
    Restart(),
    Restart(),
    Restart(limit=2),
    Restart(limit=1, retry_every=100.0),
    Restart(when="on-failure"),
    Restart(when="never"),
    Restart(failures=3, rate_count=3, rate_period=5.0),
    Restart(failures=2, fatal_exits=(95,), rate_count=4, rate_period=1.0, rate_average=True),
    Restart(failures=3, fatal_exits=(95,), late_is_final=True),
)
_LADDERS = (
    (Rung((15,), 10.0),),
    (Rung((15,), 10.0),),
    (Rung((15, 18), 5.0), Rung((2,), 5.0)),
    (),
    (Rung((1,), 0.0), Rung((15,), 3.0)),
)
_HEALTH = (
    (Health("alive", _PROBE, threshold=2),),
    (Health("alive", _PROBE, threshold=1, action="restart"),),
)


def dependency(below: Below, targets: Sequence[str]) -> Dependency:
    """One group over one to three of `targets`."""
    chosen = tuple(dict.fromkeys(targets[below(len(targets))] for _ in range(1 + below(3))))
    return Dependency(
        chosen,
        grouping=_GROUPINGS[below(len(_GROUPINGS))],
        restart_on=_RESTART_ON[below(4)],
        condition=_CONDITIONS[below(len(_CONDITIONS))],
    )


def pick(below: Below, chance: int, names: Sequence[str]) -> tuple[str, ...]:
    """Mostly nothing; one name in one of `chance` cases."""
    return (names[below(len(names))],) if names and below(chance) == chance - 1 else ()


def definition(below: Below, number: int, count: int) -> Definition:
    """The definition of NAMES[number], in a graph of `count`. Targets mostly come before it."""
    name = NAMES[number]
    every = [*NAMES[:count]]
    backward = every[:number] if below(12) < 11 else every
    targets = [*backward, *backward, *FILES[:1], *INPUTS[:1]]
    if below(8) == 7:
        targets += [*SERVICES, "svc:/none:default", *FILES, *INPUTS]
    groups = [dependency(below, targets) for _ in range((0, 1, 1, 1, 2)[below(5)])]
    kind = _KINDS[below(len(_KINDS))]
    if kind is _LEFT:
        return _left(below, number, every, groups)
    fields: dict[str, Any] = dict(kind)
    fields["dependencies"] = tuple(groups)
    fields["enabled"] = below(6) != 5
    if below(3) == 2:
        fields["after"] = pick(below, 2, backward)
        fields["before"] = pick(below, 6, backward)
        fields["wants"] = pick(below, 3, every)
        fields["wanted_by"] = pick(below, 6, every)
        fields["conflicts"] = tuple(n for n in pick(below, 5, every) if n != name)
        fields["part_of"] = pick(below, 6, backward)
        fields["required_by"] = pick(below, 8, every)
    fields["restart"] = _RESTARTS[below(len(_RESTARTS))]
    fields["ladder"] = _LADDERS[below(len(_LADDERS))]
    if fields.get("start") and below(2):
        extra = below(9)
        if extra == 1:
            fields["prepare"] = _TWO
        elif extra == 2:
            fields["prepare"] = _SKIP
        elif extra == 3:
            fields["stop"] = _TIMED
        elif extra == 4:
            fields["stop"] = _KILL
        elif extra == 5:
            fields["cleanup"] = _TIMED
        elif extra == 6:
            fields["decide"] = _TIMED
            fields["rebegin"] = ("prepare", "start")[below(2)]
            fields["decide_by"] = ("program", "policy")[below(2)]
        elif extra >= 7 and fields["start"] is not _TRUE:  # what has no process is not asked
            fields["health"] = _HEALTH[below(2)]
        fields["refresh"] = ((), _TIMED, _KILL)[below(3)]
    if below(24) == 23:
        fields["essential"] = True
    fields["later"] = below(8) == 7
    if below(16) == 15:
        fields["gives"] = (("net",), ("active",), ("net", "power"))[below(3)]
    return Definition(name, **fields)


def _left(
    below: Below, number: int, every: Sequence[str], groups: Sequence[Dependency]
) -> Definition:
    """One that is left to a restarter, mostly one that comes before it; which it needs."""
    name = NAMES[number]
    others = [*every[:number]] if number and below(8) < 7 else [n for n in every if n != name]
    if not others:
        return Definition(name, dependencies=tuple(groups), **_CHILD)
    restarter = others[below(len(others))]
    needs = Dependency((restarter,), restart_on=RestartOn.RESTART, name="restarter")
    return Definition(
        name,
        dependencies=(*groups, needs),
        enabled=below(6) != 5,
        after=pick(below, 6, every[:number]),
        restarter=restarter,
        **_LEFT,
    )


_VERBS = (
    "start",
    "stop",
    "restart",
    "enable",
    "disable",
    "refresh",
    "clear",
    "mark",
    "signal",
    "input",
    "settle",
    "start",
    "stop",
    "restart",
    "kill",
    "once",
    "give",
)


def request(
    below: Below, names: Sequence[str], wall: int, gives: Mapping[str, tuple[str, ...]]
) -> Request:
    """Anything that a person may ask, or a watcher: `gives` says what each of those gives."""
    verb = "down" if below(40) == 39 else _VERBS[below(len(_VERBS))]
    several: tuple[str, ...] = ()
    if verb == "give" and gives:
        watcher = [*gives][below(len(gives))]
        name = gives[watcher][below(len(gives[watcher]))]
        return Request("give", (watcher,), who="root", input=name, value=below(3) != 2)
    if verb not in ("down", "input") and (verb != "settle" or below(3) == 2):
        several = tuple(dict.fromkeys(names[below(len(names))] for _ in range(1 + below(2))))
    timeout = (None, 5.0, 60.0)[below(3)]
    until = None
    if verb in ("start", "stop", "enable", "disable", "once") and below(6) == 5:
        until = wall + (1 + below(100)) * 1_000_000_000
    if verb == "input":
        return _told(("net", "power", "active")[below(3)], below(3))
    return Request(
        verb,
        several,
        who="root",
        why=("", "disk swap")[below(2)],
        until=until,
        later=verb in ("enable", "disable") and below(8) == 7,
        timeout=timeout,
        signal=(1, 15, 9)[below(3)] if verb == "signal" else 0,
        state=("degraded", "maintenance")[below(2)] if verb == "mark" else "",
        immediate=verb == "mark" and below(3) == 0,
        value=below(3) != 2,
        alone=below(6) == 5,
    )


def _told(name: str, how: int) -> Request:
    """What a person says of the machine: a sleep or a wake; a condition met, unmet, or unset."""
    if name == "active":
        return Request("sleep" if how == 2 else "wake", who="root")
    if how == 1:
        return Request("unset", who="root", input=name)
    return Request("set", who="root", input=name, value=how == 0)
