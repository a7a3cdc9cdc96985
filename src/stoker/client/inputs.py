"""What the manager is told about the machine: sleep and wake, conditions met and unmet.

Each function returns the operation as plain data; it may still be open (`outcome` is "") where
`wait` is 0. Errors are those of `Client`.
"""

from __future__ import annotations

from .fast import PATIENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fast import Client

__all__ = ["give", "put_to_sleep", "set_input", "system", "unset_input", "wake"]


def system(client: Client) -> list[dict[str, Any]]:
    """Every input: name, met, by, who, why, since, watcher, watcher_says, needed_by."""
    found: list[dict[str, Any]] = client.get("/v1/system")["inputs"]
    return found


def put_to_sleep(client: Client, *, why: str = "", wait: float = 0.0) -> dict[str, Any]:
    """Nothing runs from now on; with `wait`, answered when all has stopped or after so many
    seconds.
    """
    return _ask(client, {"verb": "sleep", "why": why}, wait)


def wake(client: Client, *, why: str = "", wait: float = 0.0) -> dict[str, Any]:
    """Everything that is to run runs again; with `wait`, answered when all has settled."""
    return _ask(client, {"verb": "wake", "why": why}, wait)


def set_input(client: Client, name: str, met: bool, *, why: str = "") -> dict[str, Any]:
    """A condition is met or unmet, whatever its watcher says, until `unset_input`."""
    return _ask(client, {"verb": "set", "input": name, "value": met, "why": why})


def unset_input(client: Client, name: str, *, why: str = "") -> dict[str, Any]:
    """A condition is left to its watcher."""
    return _ask(client, {"verb": "unset", "input": name, "why": why})


def give(
    client: Client, watcher: str, name: str, met: bool, *, why: str = "", wait: float = 0.0
) -> dict[str, Any]:
    """The word of a watcher: `watcher` is its own name, whose definition says ``gives = [NAME]``.

    For `name` "active", not met means sleep: with `wait`, answered when all has stopped.
    """
    body = {"verb": "give", "names": [watcher], "input": name, "value": met, "why": why}
    return _ask(client, body, wait)


def _ask(client: Client, body: dict[str, Any], wait: float = 0.0) -> dict[str, Any]:
    path = f"/v1/operations?wait={wait:.3f}" if wait else "/v1/operations"
    patience = wait + PATIENCE
    found: dict[str, Any] = client.post(path, body, patience=patience)["operation"]
    return found
