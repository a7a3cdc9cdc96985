"""Waiting until instances are in a state."""

from __future__ import annotations

from typing import Any

from stoker.errors import UsageError
from stoker.model import InstanceView

from .asking import Ask

__all__ = ["wait"]

STATES = ("online", "offline", "disabled", "maintenance", "degraded", "uninitialized", "up", "down")


def wait(ask: Ask) -> dict[str, Any] | None:
    """Until all named are in a state."""
    wanted = ask.text("for") or "online"
    if wanted not in STATES:
        raise UsageError(f"no such state: {wanted[:40]!r}", hint=", ".join(STATES))
    names = ask.query.get("name")
    if not names:
        raise UsageError("wait needs the name of a service", hint="'*' means all")
    fmris = ask.resolve(names)
    passed = Passing(ask, fmris[0], wanted) if len(fmris) == 1 else None

    patient = ask.text("patient") in ("1", "true")

    def answer(outcome: str) -> dict[str, Any]:
        known = set(ask.visible())
        views = ask.views([fmri for fmri in fmris if fmri in known])
        return {"version": 1, "outcome": outcome, "instances": views}

    def look() -> dict[str, Any] | None:
        known = set(ask.manager.engine.fmris())
        if any(fmri not in known for fmri in fmris):
            return answer("gone")
        views = [ask.manager.view(fmri) for fmri in fmris]
        if all(is_so(view, wanted) for view in views) or (passed is not None and passed.seen()):
            return answer("so")
        if (
            not patient
            and wanted in ("online", "degraded", "up")
            and any(view.hopeless and not is_so(view, wanted) for view in views)
        ):
            return answer("hopeless")
        return None

    found = look()
    seconds = ask.number("timeout")
    if found is not None:
        return found
    if seconds == 0:
        return answer("not yet")
    # A service that waits is shown as one that waits: `sysmgr-depends` in its script, say.
    ended = ask.manager.waits(ask.exchange.peer.pid, fmris) if wanted == "up" else _nothing
    ask.later(seconds, look, lambda: look() or answer("not yet"), ended)
    return None


def _nothing() -> None:
    """Nobody is shown as waiting."""


class Passing:
    """Whether an instance was in a state, be it for a moment, since we began to wait."""

    def __init__(self, ask: Ask, fmri: str, wanted: str) -> None:
        self._manager = ask.manager
        self._fmri = fmri
        self._wanted = wanted
        self._cursor = ask.manager.cursor

    def seen(self) -> bool:
        """Look through what happened since the last look."""
        found = False
        while events := self._manager.events(self._cursor):
            self._cursor = events[-1].cursor
            found = found or any(
                event.fmri == self._fmri
                and event.kind == "transition"
                and event.data.get("to") == self._wanted
                and not event.data.get("next")
                for event in events
            )
        return found


def is_so(view: InstanceView, wanted: str) -> bool:
    """True if it is at rest in that state ("up": online or degraded; "down": no process)."""
    if view.next_state:
        return False
    if wanted == "up":
        return view.state in ("online", "degraded")
    if wanted == "down":
        return view.state in ("disabled", "offline", "maintenance", "uninitialized")
    return view.state == wanted
