"""What `up` and `reload` share: changes, mistakes, waiting until all is settled, what is not up."""

from __future__ import annotations

from .call import Call
from .operation import STATUS_OF, wait_for_operation
from .say import clean, note, plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["follow_settle", "not_up", "say_mistakes", "show_changes", "summary"]

WORDS = {
    "start": "starts",
    "stop": "stops",
    "restart": "restarts",
    "live": "takes over without a restart",
    "none": "stays as it is",
}


def say_mistakes(mistakes: list[dict[str, Any]]) -> bool:
    """Every mistake on standard error; returns whether one of them is an error."""
    for one in mistakes:
        note(mistake_text(one))
    return any(one.get("level") == "error" for one in mistakes)


def mistake_text(one: dict[str, Any]) -> str:
    """FILE:LINE: KEY: level: message (hint)."""
    spot = one.get("file") or ""
    if one.get("line"):
        spot += f":{one['line']}"
    if one.get("key"):
        spot = f"{spot}: {one['key']}" if spot else one["key"]
    text = f"{one.get('level', 'error')}: {one['message']}"
    text = f"{spot}: {text}" if spot else text
    return clean(f"{text} ({one['hint']})" if one.get("hint") else text)


def show_changes(answer: dict[str, Any]) -> None:
    """What a reload does to whom, and why."""
    from stoker.model import display

    say_mistakes(answer["mistakes"])
    changes = [one for one in answer["changes"] if one["action"] != "none"]
    if not changes:
        print("nothing changed")
    for one in changes:
        fields = one.get("fields") or {}
        reason = one.get("why") or ""
        named = ", ".join(sorted(name for name in fields if name not in reason))
        why = "; ".join(part for part in (named, reason) if part)
        text = f"{display(one['fmri'])} {WORDS.get(one['action'], one['action'])}"
        print(clean(text + (f": {why}" if why else "")))


def follow_settle(
    call: Call, number: int | None, begun: float, timeout: float | None
) -> tuple[int, dict[str, Any] | None]:
    """Wait for a settle operation, and say what is not up; returns exit status and operation."""
    if number is None:
        return 0, None
    client = call.client()
    operation = client.get(f"/v1/operations/{number}?wait=0.2")["operation"]
    operation = wait_for_operation(call, operation, begun, timeout)
    status = STATUS_OF.get(operation["outcome"], 1)
    if not call.json:
        for line in not_up(call, operation):
            note(line)
    return status, operation


def not_up(call: Call, operation: dict[str, Any]) -> list[str]:
    """A line for each member of an operation that is not as it should be: what, and why."""
    from stoker.model import display

    rows = {row["fmri"]: row for row in call.client().get("/v1/instances")["instances"]}
    lines = []
    members = operation["members"]
    if not members and not operation["outcome"]:  # we stopped waiting, it has not ended
        members = [{"fmri": fmri, "outcome": "", "note": ""} for fmri in rows if _short(rows[fmri])]
    for member in members:
        if member["outcome"] == "done":
            continue
        row = rows.get(member["fmri"], {})
        why = [member["note"], row.get("note"), *row.get("waiting_for", []), row.get("cause")]
        text = next((part for part in why if part), "")
        state = row.get("state", "gone")
        if row.get("next_state"):
            state += f" → {row['next_state']}"
        lines.append(clean(f"{display(member['fmri'])}: {state}" + (f": {text}" if text else "")))
    if operation["note"] and not lines:
        lines.append(clean(operation["note"]))
    return lines


def _short(row: dict[str, Any]) -> bool:
    """Moving, or wanted and not up."""
    up = row["state"] in ("online", "degraded")
    return bool(row["next_state"]) or (row["wanted"] and not up)


def summary(rows: list[dict[str, Any]]) -> str:
    """4 services are up; 1 is disabled."""
    counts: dict[str, int] = {}
    for row in rows:
        word = "up" if row["state"] in ("online", "degraded") else row["state"]
        counts[word] = counts.get(word, 0) + 1
    up = counts.pop("up", 0)
    text = f"{plural(up, 'service')} {'is' if up == 1 else 'are'} up"
    for state, count in sorted(counts.items()):
        text += f", {count} {'in ' if state == 'maintenance' else ''}{state}"
    return text
