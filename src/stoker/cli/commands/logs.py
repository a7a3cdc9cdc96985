"""Show output, by time."""

from __future__ import annotations

from stoker.errors import Failed

from ..call import Call
from ..loglines import canonical_names, question_of, write_record
from ..say import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask the recorder's reader, and print line for line. A file that cannot be read to its end is
    named, and makes the status 1: not all is here that was written.
    """
    from stoker.client import records

    names = [] if call.get("manager") else canonical_names(call)
    question: dict[str, Any] = question_of(call, names)
    one = len(names) == 1
    damaged: list[tuple[str, str]] = []
    try:
        with records(call.place(), question) as answer:
            damaged = answer.damaged
            for record in answer:
                if "text" in record:
                    write_record(call, record, alone=one)
    except KeyboardInterrupt:
        if not call.get("follow"):
            raise
    for path, why in damaged:
        complain(Failed(f"{path}: {why}: what it has from there on is not shown"))
    return 1 if damaged else 0
