"""Takes everything down by the manager, for the director: `job RUN down`.

Exit status 0 when all is down or need not be waited for, 3 when there is no manager.
"""

from __future__ import annotations

from stoker.errors import NoManager, NotYet, StokerError

from .console import show
from .job import connected, followed
from .view import NO_MANAGER, SKIPPED, watched

__all__ = ["main"]

_MOMENT = 0.5  # seconds between two looks


def main(words: list[str]) -> int:
    """Ask, then wait until the manager has ended."""
    (run,) = words
    try:
        client = connected(run)
        body = {"verb": "down", "why": "the machine goes down"}
        number = client.post("/v1/operations", body)["operation"]["number"]
        found = watched(client, lambda: followed(client, number, _MOMENT))
    except (NoManager, NotYet):
        return NO_MANAGER  # it has ended, or will not be heard: the keeper ends what is left
    except StokerError as error:
        show(f"down: {error}")
        return 1
    return 0 if found is not None else SKIPPED
