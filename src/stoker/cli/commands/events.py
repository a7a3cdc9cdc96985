"""Show what happened, or follow what happens."""

from __future__ import annotations

import time

from ..ask import named
from ..call import Call
from ..event_text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stoker.client import Stream

__all__ = ["run"]


def run(call: Call) -> int:
    """Print one line for each event. Following goes on when the manager is replaced."""
    follow = bool(call.get("follow"))
    cursor = call.get("cursor")
    if cursor is None:
        cursor = call.client().get("/v1")["cursor"] if follow else 0
    try:
        return _show(call, cursor, follow)
    except KeyboardInterrupt:
        if not follow:
            raise
        return 0


def _show(call: Call, cursor: int, follow: bool) -> int:
    while True:
        stream = _open(call, cursor, follow)
        try:
            for event in stream:
                cursor = event["cursor"]
                _print(call, event)
        finally:
            stream.close()
        if not follow:
            return 0
        time.sleep(0.1)  # the manager ended; its keeper starts another, or ends too


def _open(call: Call, cursor: int, follow: bool) -> Stream:
    query = named(call.names, cursor=cursor, follow=1 if follow else None)
    return call.client().stream(f"/v1/events{query}")


def _print(call: Call, event: dict[str, object]) -> None:
    if call.json:
        import json

        print(json.dumps({"version": 1, **event}, ensure_ascii=False), flush=True)
    else:
        print(text_of(event), flush=True)
