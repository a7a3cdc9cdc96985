"""One job, as a process of its own: `job RUN EVENT`.

A target is started by asking the manager; that it is not there yet, or is replaced meanwhile, is
waited out (the director's alarm ends what takes too long). What a machine needs without a manager
is a shell. Exit status: 0 done, 1 failed, 3 no manager.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from stoker.client import Client
from stoker.errors import NoManager, NotYet, StokerError

from .console import remark, show

__all__ = ["main", "start", "target_of"]

_PATIENCE = 20.0  # seconds for which no manager is waited for
_SLICE = 20.0


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
        return 3
    except (StokerError, OSError) as error:
        show(f"{event}: {error}")
        return 1


def connected(run: str) -> Client:
    """A client of the machine's manager, as soon as there is one. Raises NoManager."""
    client = Client(f"{run}/control")
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            client.open()
            return client
        except NoManager:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def start(run: str, event: str) -> int:
    """Start a target and wait for it. Raises StokerError."""
    body: dict[str, Any] = {
        "verb": "start",
        "names": [target_of(event)],
        "why": f"{event} was asked for",
    }
    client = connected(run)
    operation = client.post(f"/v1/operations?wait={_SLICE:g}", body, patience=None)["operation"]
    while not operation["outcome"]:
        try:
            path = f"/v1/operations/{operation['number']}?wait={_SLICE:g}"
            operation = client.get(path, patience=None)["operation"]
        except (NoManager, NotYet):
            client = connected(run)
    status = 0 if operation["outcome"] == "done" else 1
    for member in operation["members"]:
        if member["outcome"] != "done":
            show(f"{event}: {member['note'] or member['outcome']}")
    return status


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
