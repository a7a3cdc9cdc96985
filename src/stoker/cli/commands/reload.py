"""Read the definitions again; only what changed is touched."""

from __future__ import annotations

import time

from ..call import Call
from ..say import dump
from ..settling import follow_settle, show_changes

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask for it, say what changed and why, and wait until that is done."""
    begun = time.monotonic()
    body = {"dry_run": bool(call.get("dry_run"))}
    answer = call.client().post("/v1/reload", body, patience=300)
    errors = any(one.get("level") == "error" for one in answer["mistakes"])
    if call.get("dry_run") or call.get("no_wait"):
        if call.json:
            number = answer["operation"]
            if number is not None:
                answer |= call.client().get(f"/v1/operations/{number}")
            dump(answer)
        else:
            show_changes(answer)
            if call.get("no_wait") and answer["operation"] is not None:
                print(answer["operation"])
        return 1 if errors else 0
    if not call.json:
        show_changes(answer)
    status, operation = follow_settle(call, answer["operation"], begun, call.get("timeout"))
    if call.json:
        dump({**answer, "operation": operation})
    return status or (1 if errors else 0)
