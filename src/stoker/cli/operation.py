"""Verbs that change something: ask, wait with progress, and say how it ended."""

from __future__ import annotations

import sys
import time

from .ask import fmri_path, named
from .call import Call
from .say import clean, dump, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["STATUS_OF", "change", "show_plan", "wait_for_operation"]

STATUS_OF = {"done": 0, "waiting": 5, "": 5}
"""Exit status by an operation's outcome; everything else is 1."""

DONE = {
    "start": "started",
    "stop": "stopped",
    "restart": "restarted",
    "refresh": "refreshed",
    "signal": "signalled",
    "enable": "enabled",
    "disable": "disabled",
    "clear": "cleared",
    "mark": "marked",
}
SAID = {
    "sleep": "the system sleeps: nothing runs",
    "wake": "the system is active",
    "set": "",
    "unset": "",
}
SLICE = 20.0  # seconds that one question may stay unanswered while we wait
FIRST = 1.0  # seconds after which a person is told what is waited for


def change(call: Call, verb: str, names: list[str], **more: Any) -> int:
    """Make a request an operation, and wait for its end as the options say."""
    body = {"verb": verb, "names": names, "why": call.get("reason") or "", **more}
    until = call.get("until")
    if until is not None:
        from stoker.model import rfc3339

        body["until"] = rfc3339(until)
    if call.get("later"):
        body["later"] = True
    timeout = call.get("timeout")
    if timeout is not None:
        body["timeout"] = timeout
    if call.get("dry_run"):
        return show_plan(call, call.client().post("/v1/operations", {**body, "dry_run": True}))
    client = call.client()
    begun = time.monotonic()
    if call.get("no_wait"):
        operation = client.post("/v1/operations", body)["operation"]
        if call.json:
            dump({"version": 1, "operation": operation})
        else:
            print(operation["number"])
        return 0
    first = FIRST if timeout is None else min(FIRST, timeout)
    operation = client.post(f"/v1/operations?wait={first:.3f}", body)["operation"]
    operation = wait_for_operation(call, operation, begun, timeout)
    return report(call, operation)


def wait_for_operation(
    call: Call, operation: dict[str, Any], begun: float, timeout: float | None
) -> dict[str, Any]:
    """Wait until it has ended or the time is over, and say meanwhile what is waited for."""
    told: dict[str, str] = {}
    client = call.client()
    try:
        while not operation["outcome"]:
            # The engine ends the operation at its time by itself; a little later we stop asking.
            left = SLICE if timeout is None else begun + timeout + 0.5 - time.monotonic()
            if left <= 0:
                break
            if not call.json:
                _progress(call, operation, told)
            wait = max(0.01, min(left, SLICE if told else 0.5, 2.0 if told else SLICE))
            path = f"/v1/operations/{operation['number']}?wait={wait:.3f}"
            operation = client.get(path)["operation"]
    except KeyboardInterrupt:
        note(f"\noperation {operation['number']} goes on; `stoker ls` shows how it stands")
        raise
    return operation


def _progress(call: Call, operation: dict[str, Any], told: dict[str, str]) -> None:
    """What the open members wait for, each sentence once.

    One that waits for everything to settle has no members until it ends: what moves is told.
    """
    from stoker.errors import StokerError

    names = [member["fmri"] for member in operation["members"] if not member["outcome"]]
    everything = operation["verb"] in ("settle", "reload", "wake") and not operation["members"]
    if not names and not everything:
        return
    try:
        rows = call.client().get("/v1/instances" + named(names[:50]))["instances"]
    except StokerError:  # one of them has gone meanwhile: the operation will say so
        return
    for row in rows:
        if everything and not row["next_state"]:
            continue
        if row["waiting_for"]:
            text = "waits: " + "; ".join(row["waiting_for"][:3])
        elif row["next_state"]:
            text = f"{row['state']} → {row['next_state']}"
            text += f" ({row['note']})" if row["note"] else ""
        else:
            continue
        if told.get(row["fmri"]) != text:
            told[row["fmri"]] = text
            note(f"{clean(row['name'])}: {clean(text)}")


def report(call: Call, operation: dict[str, Any]) -> int:
    """Say how it ended; returns the exit status."""
    status = STATUS_OF.get(operation["outcome"], 1)
    if call.json:
        dump({"version": 1, "operation": operation})
        return status
    from stoker.model import display

    verb = operation["verb"]
    for member in operation["members"]:
        name, outcome, text = display(member["fmri"]), member["outcome"], member["note"]
        if outcome == "done":
            if verb in SAID:
                continue  # it is about everything, not about these
            print(clean(f"{DONE.get(verb, verb)} {name}" + (f": {text}" if text else "")))
        elif outcome in ("", "waiting"):
            note(clean(f"{name}: not yet" + (f": {text}" if text else _waits(call, member))))
        else:
            note(clean(f"{name}: {outcome}" + (f": {text}" if text else "")))
    _also(operation)
    if verb in SAID and status == 0 and not operation["note"]:
        print(SAID[verb])
    if operation["note"]:
        print(clean(operation["note"]), file=sys.stdout if status == 0 else sys.stderr)
    if verb == "refresh" and status == 0:
        _without_method(call, operation)
    return status


def _waits(call: Call, member: dict[str, Any]) -> str:
    from stoker.errors import StokerError

    try:
        row = call.client().get(fmri_path(member["fmri"]))["status"]["instance"]
    except StokerError:  # it cannot be said any more
        return ""
    return ": waits: " + "; ".join(row["waiting_for"]) if row["waiting_for"] else ""


def _also(operation: dict[str, Any]) -> None:
    from stoker.model import display

    named = {member["fmri"] for member in operation["members"]}
    noted = operation["note"].replace(",", " ").split()
    others = [display(fmri) for fmri in operation["affected"] if fmri not in named]
    others = [name for name in others if name not in noted]
    if others:
        word = {"stop": "also stopped", "disable": "also stopped", "restart": "also restarted"}
        print(clean(f"{word.get(operation['verb'], 'also affected')}: {', '.join(others)}"))


def _without_method(call: Call, operation: dict[str, Any]) -> None:
    """Be honest about a refresh that executed nothing."""
    from stoker.errors import StokerError
    from stoker.model import display

    for member in operation["members"]:
        try:
            found = call.client().get(fmri_path(member["fmri"], "definition"))["definition"]
        except StokerError:  # gone meanwhile
            continue
        if not found.get("refresh") and not member["note"]:
            print(
                clean(
                    f"{display(member['fmri'])}: has no refresh method (exec_refresh): nothing was "
                    "run; its definition and dependencies were looked at again"
                )
            )


def show_plan(call: Call, answer: dict[str, Any]) -> int:
    """What a dry run found, in order."""
    if call.json:
        dump(answer)
        return 0
    from stoker.model import display

    if not answer["plan"]:
        print("nothing would happen")
    for step in answer["plan"]:
        when = f"{step['at']:8.3f}s" if step["at"] else "      now"
        why = f"  ({step['why']})" if step["why"] else ""
        name = display(step["fmri"]) if step["fmri"] else "stoker"
        print(clean(f"{when}  {step['action']} {name}{why}"))
    return 0
