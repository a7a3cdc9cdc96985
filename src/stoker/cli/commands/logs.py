"""Show output, by time."""

from __future__ import annotations

from ..call import Call
from ..loglines import canonical_names, question_of, write_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run"]


def run(call: Call) -> int:
    """Ask the recorder's reader, and print line for line."""
    from stoker.client import records

    names = [] if call.get("manager") else canonical_names(call)
    question: dict[str, Any] = question_of(call, names)
    one = len(names) == 1
    try:
        with records(call.place(), question) as answer:
            for record in answer:
                if "text" in record:
                    write_record(call, record, alone=one)
    except KeyboardInterrupt:
        if not call.get("follow"):
            raise
    return 0
