"""Stop everything in reverse order, then the manager."""

from __future__ import annotations

import time

from stoker.errors import StokerError

from ..call import Call
from ..ending import Ending, Reporter
from ..operation import STATUS_OF, show_plan
from ..say import dump, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask for it, and wait until the keeper has ended."""
    client = call.client()
    body = {"verb": "down", "why": call.get("reason") or ""}
    if call.get("dry_run"):
        return show_plan(call, client.post("/v1/operations", {**body, "dry_run": True}))
    keeper = int(client.get("/v1").get("keeper_pid") or 0)
    end = Ending(keeper)
    operation = under_way(call) or client.post("/v1/operations", body)["operation"]
    if call.get("no_wait"):
        if call.json:
            dump({"version": 1, "operation": operation})
        else:
            print(operation["number"])
        return 0
    waiting = Waiting(call, operation, end)
    status = waiting.wait()
    if call.json:
        operation = as_it_ended(waiting.operation) if status == 0 else waiting.operation
        dump({"version": 1, "down": status == 0, "operation": operation})
    elif status == 0:
        print("all is down")
    return status


def as_it_ended(operation: dict[str, Any]) -> dict[str, Any]:
    """With all down nobody is left to say how it ended: what had not ended then is done."""
    members = [{**one, "outcome": one["outcome"] or "done"} for one in operation["members"]]
    return {**operation, "members": members, "outcome": operation["outcome"] or "done"}


def under_way(call: Call) -> dict[str, Any] | None:
    """A `down` that has begun, by whomever: to be waited for. Another would hurry it."""
    for one in call.client().get("/v1/operations")["operations"]:
        if one["verb"] == "down" and not one["outcome"]:
            found: dict[str, Any] = one
            return found
    return None


class Waiting:
    """The wait for the end, with what it waits for each second, and with Ctrl-C."""

    def __init__(self, call: Call, operation: dict[str, Any], end: Ending) -> None:
        self.call = call
        self.operation = operation
        self.end = end
        self.pressed = 0
        self.reporter = Reporter(call.client())

    def wait(self) -> int:
        """Exit status: 0 when all is down, 1 when something could not be stopped, 5 not yet."""
        timeout = self.call.get("timeout")
        begun = time.monotonic()
        while True:
            try:
                left = 1.0 if timeout is None else begun + timeout - time.monotonic()
                if self.end.within(min(1.0, left)):
                    return STATUS_OF.get(self.operation["outcome"] or "done", 1)
                if timeout is not None and time.monotonic() - begun >= timeout:
                    note("not all is down yet; it goes on")
                    return STATUS_OF["waiting"]
                if not self.call.json:
                    self.reporter.tell(time.monotonic() - begun)
                self._look()
            except KeyboardInterrupt:
                self._pressed()

    def _look(self) -> None:
        path = f"/v1/operations/{self.operation['number']}"
        try:
            self.operation = self.call.client().get(path, patience=2)["operation"]
        except StokerError:
            pass  # the manager has ended: the keeper is next

    def _pressed(self) -> None:
        self.pressed += 1
        if self.pressed == 1:
            note("\nstill going down; press again to kill what is left")
            return
        note("\nkilling what is left")
        try:
            self.call.client().post("/v1/operations", {"verb": "down"}, patience=5)
        except StokerError:
            pass  # it has just ended by itself
