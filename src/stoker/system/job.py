"""One job, as a process of its own: `job RUN EVENT`.

A target is started by asking the manager; that it is not there yet, or is replaced meanwhile, is
waited out (the director's alarm ends what takes too long). What a machine needs without a manager
is a shell. Exit status: 0 done, 1 failed, 3 no manager, 4 no such target.
"""

from __future__ import annotations

import time
from typing import Any

from stoker.client import Client
from stoker.errors import NoManager, NoSuchService, NotYet, StokerError

from .console import remark, show
from .signals import POWER
from .slots import MODES
from .view import MISSING, NO_MANAGER, SKIPPED, watched

__all__ = ["connected", "followed", "main", "start", "target_of"]

_PATIENCE = 30.0  # seconds for which an end or a key waits for a manager that does not answer
_FOR_EVER = 1e9  # what comes up has no other choice than to wait; its alarm bounds that
_SOON = 5.0  # seconds for one answer
_SLICE, _MOMENT = 20.0, 0.5


def target_of(event: str) -> str:
    """The service that stands for an event."""
    return f"svc:/target/{event}"


def main(words: list[str]) -> int:
    """The program; its exit status."""
    run, event = words
    if event == "emergency":
        from .shell import main as shell

        return shell(["emergency"])
    if event == "down":
        from .ending import main as ending

        return ending([run])
    try:
        if event == "reload":
            connected(run).post("/v1/reload", {}, patience=300)
            return 0
        return start(run, event)
    except NoManager as error:
        remark(f"{event}: {error}")
        return NO_MANAGER
    except NoSuchService as error:
        show(f"{event}: {error}")
        return MISSING
    except (StokerError, OSError) as error:
        show(f"{event}: {error}")
        return 1


def connected(run: str, seconds: float = _PATIENCE) -> Client:
    """A client of the machine's manager, as soon as it answers. Raises NoManager."""
    client = Client(f"{run}/control")
    end = time.monotonic() + seconds
    while True:
        if _given_up(run):
            raise NoManager("no manager gets ready")
        try:
            client.get("/v1", patience=_SOON)
            return client
        except (NoManager, NotYet) as error:
            if time.monotonic() > end:
                raise NoManager(f"no manager answers: {error}") from None
        time.sleep(0.05)


def _given_up(run: str) -> bool:
    """Whether the keeper says so: its socket takes questions that nobody answers."""
    try:
        with open(f"{run}/keeper", encoding="utf-8", errors="replace") as file:
            return "trouble manager" in file.read()
    except OSError:
        return False


def start(run: str, event: str) -> int:
    """Start a target and wait for it. Raises StokerError."""
    body: dict[str, Any] = {
        "verb": "start",
        "names": [target_of(event)],
        "why": f"{event} was asked for",
    }
    patience = _FOR_EVER if event in MODES else _PATIENCE
    end = time.monotonic() + patience
    while True:
        client = connected(run, patience)
        try:
            operation = client.post("/v1/operations", body)["operation"]
            break
        except (NoManager, NotYet):  # it died, or is busy, just now; to ask twice does no harm
            if time.monotonic() > end:
                raise
        time.sleep(0.05)
    if event in POWER:
        found = watched(client, lambda: followed(client, operation["number"], _MOMENT))
        if found is None:
            return SKIPPED
        operation = found
    while not operation["outcome"]:
        operation = followed(client, operation["number"], _SLICE, _FOR_EVER)
    status = 0 if operation["outcome"] == "done" else 1
    for member in operation["members"]:
        if member["outcome"] != "done":
            show(f"{event}: {member['note'] or member['outcome']}")
    return status


def followed(
    client: Client, number: int, seconds: float, patience: float = _PATIENCE
) -> dict[str, Any]:
    """An operation, at its end or after some seconds, over the deaths of managers. Raises
    StokerError.
    """
    end = time.monotonic() + patience
    while True:
        try:
            path = f"/v1/operations/{number}?wait={seconds:g}"
            found: dict[str, Any] = client.get(path, patience=seconds + 10.0)["operation"]
            return found
        except (NoManager, NotYet):
            if time.monotonic() > end:
                raise
        time.sleep(0.05)
