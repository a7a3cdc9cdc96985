"""Contracts as clients see them: which there are, whose they are, what is in them, what happens.

With cgroups the truth is the file system: a directory for each contract, one more below it for each
that a service made for itself. Without them it is what the manager says.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .fast import Client

__all__ = ["contract_events", "contracts"]

EVENTS = {
    "ct_ev_exit": "empty",
    "ct_ev_core": "core",
    "ct_ev_signal": "signal",
    "ct_ev_hwerr": "hwerr",
    "exit_unknown": "empty",
}
"""What an instance's reason says of its contract."""


def contracts(client: Client) -> list[dict[str, Any]]:
    """One row a contract, by number: {contract, method, fmri, state, path, processes, nested}.

    `method`: "" for a run, else the method that has a contract of its own while it runs. `state`:
    "owned", or "orphan" for what was left running. `fmri` is "" where no instance has it any more.
    `processes`: pids in it itself; `nested`: rows {path, processes} of cgroups below it, each path
    relative to it. Raises StokerError.
    """
    kind, _, base = client.get("/v1")["containment"].partition(" ")
    rows = client.get("/v1/instances")["instances"]
    holders = {row["contract"]: row["fmri"] for row in rows if row["contract"] is not None}
    base = base.strip("()")
    if kind != "cgroup":
        return [_told(client, number, fmri) for number, fmri in sorted(holders.items())]
    found = []
    for folder in ("s", "l", "m"):
        for name in _folders(f"{base}/{folder}"):
            number, method = _number(name)
            if number is not None:
                path = f"{base}/{folder}/{name}"
                fmri = holders.get(number, "")
                found.append(_row(number, method, fmri, path))
    return sorted(found, key=lambda row: (row["contract"], row["method"]))


def _row(number: int, method: str, fmri: str, path: str) -> dict[str, Any]:
    inner = [{"path": one[len(path) + 1 :], "processes": _pids(one)} for one in _below(path)]
    return {
        "contract": number,
        "method": method,
        "fmri": fmri,
        "state": "owned" if fmri else "orphan",
        "path": path,
        "processes": _pids(path),
        "nested": inner,
    }


def _told(client: Client, number: int, fmri: str) -> dict[str, Any]:
    from .fast import quote

    status = client.get(f"/v1/instances/{quote(fmri)}")["status"]
    pids = [one["pid"] for one in status["processes"]]
    return {
        "contract": number,
        "method": "",
        "fmri": fmri,
        "state": "owned",
        "path": "",
        "processes": pids,
        "nested": [],
    }


def _number(name: str) -> tuple[int | None, str]:
    """The number in a contract's name, and its method: `web.12`, `web.12.stop`."""
    head, _, last = name.rpartition(".")
    if last.isdecimal():
        return int(last), ""
    number = head.rpartition(".")[2]
    return (int(number), last) if number.isdecimal() else (None, "")


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
    except OSError:  # nothing was made there yet, or it has just gone
        return []


def _below(path: str) -> Iterator[str]:
    for name in _folders(path):
        yield f"{path}/{name}"
        yield from _below(f"{path}/{name}")


def _pids(path: str) -> list[int]:
    try:
        with open(f"{path}/cgroup.procs", encoding="ascii") as file:
            return [int(line) for line in file]
    except OSError:  # it has just gone, or is of threads
        return []


def contract_events(
    client: Client, event: dict[str, Any], known: dict[str, int]
) -> dict[str, Any] | None:
    """What an event of the stream says of a contract: {time, contract, fmri, event, text}; None
    where it says nothing. `event`: begin, empty, core, signal, hwerr, stop, end. `known`, the
    contracts by FMRI, is kept up to date. Raises StokerError.
    """
    if event["kind"] != "transition":
        return None
    data, fmri = event["data"], event["fmri"]
    state, following = data["to"], data["next"]
    up = state in ("online", "degraded")
    if following == "online" and state == "offline":
        what = "begin"
        number = _contract_now(client, fmri)
        if number is not None:
            known[fmri] = number
    elif up and following not in (None, "online", "degraded"):
        what = EVENTS.get(data["reason"], "stop")
    elif not up and following is None:
        what = "end"
    else:
        return None
    if fmri not in known:
        return None
    number = known.pop(fmri) if what == "end" else known[fmri]
    text = data["cause"]
    return {
        "time": event["time"], "contract": number, "fmri": fmri, "event": what, "text": text,
    }  # fmt: skip


def _contract_now(client: Client, fmri: str) -> int | None:
    from stoker.errors import NoSuchService

    from .fast import quote

    try:
        rows = client.get(f"/v1/instances?name={quote(fmri)}")["instances"]
    except NoSuchService:  # it has gone since
        return None
    found: int | None = rows[0]["contract"]
    return found
