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
        dump({"version": 1, what: [for_programs(row) for row in rows]})
        return 0
    if not rows:
        print("nothing is known of that time")
        return 0
    SHOW[what](rows)
    return 0


def for_programs(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its times in RFC 3339, its names apart, and its status in words too."""
    from stoker.model import rfc3339

    found = dict(row)
    for key in ("at", "begun", "ended"):
        if isinstance(found.get(key), int):
            found[key] = rfc3339(found[key])
    if isinstance(found.get("names"), str):
        found["names"] = found["names"].split()
    if "status" in found:
        found["how"] = ended(found["status"])
    return found


def when(value: int | None) -> str:
    """A time of the history, in nanoseconds, as the clock here says it."""
    from stoker.model import rfc3339

    return local(rfc3339(value)) if value else "-"


def name_of(row: dict[str, Any]) -> str:
    """The name people see."""
    from stoker.model import display

    return display(str(row["fmri"]))


def ended(status: int | None) -> str:
    """How a run ended: exit 1, TERM, or nothing that is known."""
    if status is None:
        return "-"
    if status < 0:
        from stoker.model import signal_name

        return f"signal {signal_name(-status)}"
    return f"exit {status}"


def _runs(rows: list[dict[str, Any]]) -> None:
    table(
        ("NAME", "RUN", "BEGIN", "END", "PID", "STATUS", "LAST LINE"),
        [
            (
                name_of(row),
                str(row["run"]),
                when(row["begun"]),
                when(row["ended"]),
                str(row["pid"] or "-"),
                ended(row["status"]) if row["ended"] else "runs",
                str(row["tail"] or "").rpartition("\n")[2][:60],
            )
            for row in rows
        ],
    )


def _transitions(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        text = f"{when(row['at'])} {name_of(row)}: {row['before']} → {row['after']}"
        text += f" ({row['reason']})" if row["reason"] not in ("", "none") else ""
        text += f": {row['cause']}" if row["cause"] else ""
        print(clean(text))


def _operations(rows: list[dict[str, Any]]) -> None:
    from stoker.model import display

    for row in rows:
        names = [display(name) for name in row["names"].split()]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        words = [row["verb"], *names[:8]]
        text = f"{when(row['at'])} {' '.join(words)}{more} by {row['who']}"
        text += f": {row['outcome']}" + (f" ({row['cause']})" if row["cause"] else "")
        print(clean(text))


SHOW = {"runs": _runs, "transitions": _transitions, "operations": _operations}
