"""The boot chart: how a place came up, out of what its history tells.

A service that was wanted from the beginning *waits* until its first process is started, then is
*starting* until it is online (or degraded), or is given up. The place has settled when each of them
is one or the other. Of a machine also what its targets bring along was wanted from the beginning,
until `target/normal` is up. The *critical path* leads from what was up last back to the beginning:
before each service stands the one, of those that it needs, that was up last before it was started.

Times are seconds since the beginning: the kernel's, where the place is a machine's, else that of
the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stoker.model import Definition, Grouping, is_instance, service_of

__all__ = ["boot_chart", "needs_of"]

_UP = ("online", "degraded")
_GIVEN_UP = ("maintenance", "disabled")
_NORMAL = "svc:/target/normal:default"
_SLACK = 0.005  # seconds: the ends of a wait are told by different clocks' readings


def needs_of(definitions: Iterable[Definition]) -> dict[str, list[str]]:
    """For each instance those that it waits for, where they are to come up."""
    known = list(definitions)
    of_service: dict[str, list[str]] = {}
    for one in known:
        of_service.setdefault(service_of(one.fmri), []).append(one.fmri)
    found: dict[str, list[str]] = {one.fmri: [] for one in known}

    def add(fmri: str, target: str) -> None:
        names = [target] if is_instance(target) else of_service.get(target, [])
        found.setdefault(fmri, []).extend(names)

    for one in known:
        for group in one.dependencies:
            if group.grouping != Grouping.EXCLUDE_ALL:
                for target in group.targets:
                    add(one.fmri, target)
        for target in one.after:
            add(one.fmri, target)
        for target in one.before:
            for name in [target] if is_instance(target) else of_service.get(target, []):
                found.setdefault(name, []).append(one.fmri)
    return found


def boot_chart(
    transitions: Sequence[Mapping[str, Any]],
    runs: Iterable[Mapping[str, Any]],
    needs: Mapping[str, Sequence[str]] | None,
    *,
    start: int,
    now: int,
    kernel: int | None = None,
) -> dict[str, Any]:
    """The chart as plain data. Rows are those of the history since `start`, oldest first, times in
    nanoseconds of the wall clock; `kernel` is when that began, None in a place that is no machine;
    `needs` None: not known, then any service may be what another waited for.

    Answer: `start` (ns), `kernel` and `manager` (seconds until the place began, and until its
    manager decided), `settled` (seconds, None: not yet), `services` in the order of their start,
    and `critical`: the FMRIs of the critical path, first to last.
    """
    zero = start if kernel is None else min(kernel, start)
    wanted = _wanted(transitions, start)
    decided = min(wanted.values(), default=start)
    if kernel is not None:
        wanted = {**_brought(transitions, start), **wanted}
    begun = _first_runs(runs, start)
    turns: dict[str, list[Mapping[str, Any]]] = {fmri: [] for fmri in wanted}
    for row in transitions:
        if row["fmri"] in turns and row["at"] >= wanted[row["fmri"]]:
            turns[row["fmri"]].append(row)
    services = [_service(fmri, turns[fmri], begun.get(fmri, []), zero) for fmri in wanted]
    ends = [one["ready"] if one["ready"] is not None else one["given_up"] for one in services]
    over = bool(services) and all(end is not None for end in ends)
    settled = max((end for end in ends if end is not None), default=0.0) if over else None
    critical = _critical(services, needs)
    for one in services:
        one["critical"] = one["fmri"] in critical
    services.sort(key=lambda one: (_late(one["started"]), _late(one["ready"]), one["fmri"]))
    return {
        "start": zero,
        "kernel": None if kernel is None else _since(start, zero),
        "manager": _since(decided, zero),
        "now": _since(now, zero),
        "settled": settled,
        "services": services,
        "critical": critical,
    }


def _since(moment: int, zero: int) -> float:
    return round(max(0, moment - zero) / 1e9, 6)


def _late(moment: float | None) -> float:
    return float("inf") if moment is None else moment


def _wanted(transitions: Iterable[Mapping[str, Any]], start: int) -> dict[str, int]:
    """Who was wanted when the manager began, and when that was: the first that is told of all."""
    found: dict[str, int] = {}
    for row in transitions:
        if row["at"] < start:
            continue
        if row["before"] != "uninitialized":
            break
        if row["after"] not in _GIVEN_UP:
            found[row["fmri"]] = row["at"]
    return found


def _brought(transitions: Iterable[Mapping[str, Any]], start: int) -> dict[str, int]:
    """Who was brought along by a machine's targets, and when."""
    found: dict[str, int] = {}
    for row in transitions:
        if row["at"] < start:
            continue
        if row["fmri"] == _NORMAL and row["after"] in _UP:
            break
        if row["before"] == "disabled" and row["after"] not in _GIVEN_UP:
            found.setdefault(row["fmri"], row["at"])
    return found


def _first_runs(runs: Iterable[Mapping[str, Any]], start: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in runs:
        if row["begun"] is not None and row["begun"] >= start:
            found.setdefault(row["fmri"], []).append(row["begun"])
    return found


def _service(
    fmri: str, turns: Iterable[Mapping[str, Any]], begun: list[int], zero: int
) -> dict[str, Any]:
    """One service's row: when it was started, was up, or was given up."""
    ready = given_up = None
    for row in turns:
        if row["after"] in _UP:
            ready = row["at"]
            break
        if row["after"] in _GIVEN_UP and given_up is None:
            given_up = row["at"]
    if ready is not None:
        given_up = None
        tries = [one for one in begun if one <= ready]
        first = min(tries, default=ready)
    else:
        tries = begun
        first = min(tries, default=given_up) if begun or given_up is not None else None
    seconds = {
        name: None if moment is None else _since(moment, zero)
        for name, moment in (("started", first), ("ready", ready), ("given_up", given_up))
    }
    starting = None
    if first is not None and ready is not None:
        starting = round((ready - first) / 1e9, 6)
    return {"fmri": fmri, **seconds, "starting": starting, "tries": len(tries)}


def _critical(
    services: Sequence[dict[str, Any]], needs: Mapping[str, Sequence[str]] | None
) -> list[str]:
    """From the beginning to what was up last."""
    up = {one["fmri"]: one for one in services if one["ready"] is not None}
    if not up:
        return []
    at = max(up.values(), key=lambda one: (one["ready"], one["fmri"]))
    path = [at["fmri"]]
    while True:
        among = up if needs is None else needs.get(at["fmri"], ())
        before = [
            up[name]
            for name in among
            if name in up
            and name not in path
            and up[name]["ready"] <= at["started"] + _SLACK
            and up[name]["started"] < at["ready"]
        ]
        if not before:
            return path[::-1]
        at = max(before, key=lambda one: (one["ready"], one["fmri"]))
        path.append(at["fmri"])
