"""Show or set which milestone holds."""

from __future__ import annotations

import time

from stoker.errors import UsageError

from ..call import Call
from ..operation import show_plan, wait_for_operation
from ..say import clean, dump, note

__all__ = ["run"]


def run(call: Call) -> int:
    """Set it, and wait until all has settled; then say which one holds."""
    from stoker.compat import properties
    from stoker.model import display

    begun = time.monotonic()
    found = properties(call.place(), note)
    wanted = call.arguments.get("name") or ""
    if call.get("dry_run"):
        if not wanted:
            raise UsageError("which milestone?", hint=f"usage: {call.verb.usage}")
        return show_plan(call, found.plan_of_milestone(wanted))
    now, later, number = found.milestone(wanted, bool(call.get("default")))
    status = 0
    if number is not None and not call.get("no_wait"):
        operation = call.client().get(f"/v1/operations/{number}")["operation"]
        operation = wait_for_operation(call, operation, begun, call.get("timeout"))
        # What fails, or waits for what is outside now, is no failure of the milestone.
        status = 0 if operation["outcome"] else 5
    if call.json:
        dump({"version": 1, "milestone": now, "default": later, "operation": number})
        return status
    after = "" if now == later else f" (after a boot: {display(later)})"
    print(clean(f"{display(now)}{after}"))
    return status
