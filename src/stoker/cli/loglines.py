"""Lines of logs: the question for the reader, and how a record is printed."""

from __future__ import annotations

import sys

from .call import Call
from .say import clock, coloured, local, paint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["canonical_names", "question_of", "write_record"]

_COLOURS = ("32", "33", "34", "35", "36", "92", "93", "94", "95", "96")


def canonical_names(call: Call) -> list[str]:
    """The FMRIs of the names given: as the manager knows them, else those that have logs."""
    if not call.names:
        return []
    from stoker.errors import NoManager, NoSuchService
    from stoker.model import matching

    known: list[str] = []
    try:
        known = [row["fmri"] for row in call.client().get("/v1/instances")["instances"]]
        return matching(call.names, known)
    except NoManager:
        return matching(call.names, _logged(call))
    except NoSuchService:
        # It may have been removed since; its log is still there.
        return matching(call.names, list(dict.fromkeys([*known, *_logged(call)])))


def _logged(call: Call) -> list[str]:
    from stoker.client import records

    with records(call.place(), {"do": "names"}) as answer:
        return [record["fmri"] for record in answer if "fmri" in record]


def question_of(call: Call, names: list[str]) -> dict[str, Any]:
    """What the options ask for, as the reader wants it."""
    question: dict[str, Any] = {"do": "logs", "names": names}
    if call.get("manager"):
        question["own"] = True
    for key, option in (
        ("n", "lines"),
        ("since", "since"),
        ("until", "until"),
        ("stream", "stream"),
        ("grep", "grep"),
        ("ignore_case", "ignore_case"),
        ("follow", "follow"),
    ):
        if call.get(option) is not None:
            question[key] = call.get(option)
    run = call.get("run")
    if run is not None:
        if run != "last" and not run.isdigit():
            from stoker.errors import UsageError

            raise UsageError(f"a run is a number or last, not {run!r}")
        question["run"] = run if run == "last" else int(run)
    if question.get("follow") and "n" not in question and "since" not in question:
        question["n"] = 10
    return question


def write_record(call: Call, record: dict[str, Any], *, alone: bool = False) -> None:
    """One line to standard output, its bytes as the service wrote them."""
    out = sys.stdout.buffer
    if call.get("json"):
        import json

        out.write(json.dumps({"version": 1, **record}).encode() + b"\n")
    elif call.get("plain"):
        out.write(_bytes(record["text"]) + b"\n")
    elif record["fmri"] == "stoker":
        head = f"{local(record['time'])} {record['stream']}: "
        out.write(head.encode() + _bytes(record["text"]) + b"\n")
    else:
        out.write(head_of(record, alone).encode() + _bytes(record["text"]) + b"\n")
    out.flush()


def head_of(record: dict[str, Any], alone: bool = False) -> str:
    """Time and name before a line; always the same colour for a name."""
    from stoker.model import display

    name = display(record["fmri"])
    text = clock(record["time"]) + " "
    if alone:
        return text
    if coloured():
        colour = _COLOURS[sum(name.encode("utf-8", "replace")) % len(_COLOURS)]
        return f"{paint(text, 'dim', True)}\x1b[{colour}m{name}\x1b[0m | "
    mark = {"s": "· ", "e": "! "}.get(record.get("stream", "o"), "| ")
    return f"{text}{name} {mark}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
