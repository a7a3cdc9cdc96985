"""Replace our own programs by what is installed now."""

from __future__ import annotations

import time

from stoker import __version__
from stoker.errors import NoManager, NotYet

from ..call import Call
from ..say import dump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.client import Client

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask for it, and wait until the new manager answers."""
    client = call.client()
    if call.get("dry_run"):
        return _would(call, client.get("/v1"))
    end = time.monotonic() + (call.get("timeout") or 60.0)
    before = _ask(client, end)
    while True:
        client.close()
        try:
            now = client.get("/v1", patience=_left(end))
            if now["generation"] != before["generation"]:
                break
        except NoManager:
            pass  # between the old and the new one
        if time.monotonic() > end:
            raise NotYet("the new manager does not answer yet", hint="stoker logs --manager")
        time.sleep(0.02)
    if call.json:
        dump({"version": 1, "manager": now})
    else:
        print(f"manager: stoker {before['stoker']} → {now['stoker']}, process {now.get('pid')}")
    return 0


def _ask(client: Client, end: float) -> dict[str, Any]:
    """Have it done; returns the manager that goes. One that is lost over it has not said what
    became of it, so the next one is asked. Raises Failed, NotYet: nobody goes (yet).
    """
    before: dict[str, Any] = {}
    while True:
        try:
            before = client.get("/v1", patience=_left(end))
            client.post("/v1/reexec", {}, patience=_left(end))
            return before
        except NoManager:
            if not before or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _left(end: float) -> float:
    return max(0.1, end - time.monotonic())


def _would(call: Call, now: dict[str, Any]) -> int:
    """Say what would be replaced, and by what: what is installed is what this command is of."""
    if call.json:
        dump({"version": 1, "manager": now, "installed": __version__})
    else:
        pids = f"processes {now['keeper_pid']} and {now['pid']}"
        print(f"stoker {now['stoker']} ({pids}, and the recorder) would become {__version__}")
        print("no service is touched")
    return 0
