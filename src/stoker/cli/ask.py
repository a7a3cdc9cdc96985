"""Questions to the manager that several verbs ask."""

from __future__ import annotations

from .call import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.client import Client

__all__ = ["fmri_path", "instances", "named", "of_all"]


def named(names: list[str], **more: object) -> str:
    """A query: name=… for each, and what else is not None."""
    from stoker.client import quote

    parts = [f"name={quote(name)}" for name in names]
    parts += [f"{key}={quote(str(value))}" for key, value in more.items() if value is not None]
    return "?" + "&".join(parts) if parts else ""


def instances(call: Call, names: list[str]) -> list[dict[str, Any]]:
    """The rows of a listing. Raises NoManager, NoSuchService."""
    return of_all(call.client(), names)


def of_all(client: Client, names: list[str]) -> list[dict[str, Any]]:
    """The same, of a client."""
    rows: list[dict[str, Any]] = client.get("/v1/instances" + named(names))["instances"]
    return rows


def fmri_path(fmri: str, part: str = "") -> str:
    """The path of one instance."""
    from stoker.client import quote

    return f"/v1/instances/{quote(fmri)}{'/' + part if part else ''}"
