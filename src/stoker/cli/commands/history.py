"""Show runs, changes of state and operations of the past."""

from __future__ import annotations

from ..call import Call
from ..say import clean, dump, local, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask the recorder; print a table."""
    from stoker.client import records

    from ..loglines import canonical_names

    what = "transitions" if call.get("transitions") else "runs"
    what = "operations" if call.get("operations") else what
    question: dict[str, Any] = {"do": "history", "what": what}
    question["names"] = canonical_names(call) if call.names else []
    for key, option in (("since", "since"), ("until", "until"), ("limit", "lines")):
        if call.get(option) is not None:
            question[key] = call.get(option)
    with records(call.place(), question) as answer:
        rows = list(answer)
    if call.json:
        dump({"version": 1, what: rows})
        return 0
    if not rows:
        print("nothing is known of that time")
        return 0
    SHOW[what](rows)
    return 0


def when(value: Any) -> str:
    """A time of the history: nanoseconds or RFC 3339."""
    if isinstance(value, int):
        from stoker.model import rfc3339

        return local(rfc3339(value))
    return local(value) if value else "-"


def name_of(row: dict[str, Any]) -> str:
    """The name people see."""
    from stoker.model import display

    return display(str(row.get("fmri", "")))


def ended(status: Any) -> str:
    """How a run ended."""
    if isinstance(status, dict):
        status = (status.get("kind"), status.get("number"))
    if isinstance(status, (list, tuple)) and len(status) >= 2:
        kind, number = status[0], status[1]
        if kind == "signal":
            from stoker.model import signal_name

            return f"signal {signal_name(int(number))}"
        return f"{kind} {number}" if kind != "unknown" else "unknown"
    return "-" if status is None else str(status)


def _runs(rows: list[dict[str, Any]]) -> None:
    table(
        ("NAME", "RUN", "BEGIN", "END", "PID", "STATUS"),
        [
            (
                name_of(row),
                str(row.get("run", "")),
                when(row.get("begin")),
                when(row.get("end")),
                str(row.get("pid") or "-"),
                ended(row.get("status")),
            )
            for row in rows
        ],
    )


def _transitions(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        old, new = row.get("from", ""), row.get("to", "")
        text = f"{when(row.get('time'))} {name_of(row)}: {old} → {new}"
        text += f" ({row['reason']})" if row.get("reason") else ""
        text += f": {row['cause']}" if row.get("cause") else ""
        print(clean(text))


def _operations(rows: list[dict[str, Any]]) -> None:
    from stoker.model import display

    for row in rows:
        names = row.get("names") or []
        shown = names if isinstance(names, str) else " ".join(display(str(n)) for n in names)
        text = f"{when(row.get('time'))} {row.get('verb')} {shown} by {row.get('who')}"
        text += f": {row['outcome']}" if row.get("outcome") else ""
        text += f" ({row['cause']})" if row.get("cause") else ""
        print(clean(text))


SHOW = {"runs": _runs, "transitions": _transitions, "operations": _operations}
