"""Restarters that are services themselves: a stream of what is asked of each, and what it answers.

A stream begins with every instance that is the restarter's, and what is asked of each now; then it
says `synced`, and goes on as long as the client reads. Who comes back after the manager or the
restarter was replaced registers again, hears the same, and says how its instances are: so neither
side has to remember what the other missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from stoker.errors import UsageError
from stoker.model import State, canonical

from .asking import Ask
from .connection import STREAM_ROOM, Exchange
from .roles import Role

__all__ = ["RestarterEvent", "StateBody", "events", "told"]

Tell = Callable[[dict[str, Any]], object]
_STATES = tuple(str(state) for state in State)
_WORD = r"[a-z][a-z_]{0,63}\Z"


class RestarterEvent(msgspec.Struct, omit_defaults=True):
    """One line for a restarter. `event`: add_instance, remove_instance, enable, disable, start,
    stop, refresh, signal, maintenance_on, maintenance_on_immediate, maintenance_off, degraded,
    restore, dependency_cycle, invalid_dependency; about none: synced, replaced. `run`: which
    answers have to name. `argv`: of start, the command of its definition. `force`: of stop,
    whatever it takes.
    """

    event: str
    fmri: str = ""
    run: int = 0
    argv: list[str] = []
    force: bool = False
    signal: int = 0
    enabled: bool = False
    state: str = ""
    next_state: str = ""
    reason: str = ""


class StateBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/restarters/{fmri}/states. `run`: as the event had it. `next_state`: "" or
    none where nothing is under way. `reason`: one word, as SMF's auxiliary states are; `text` for
    people.
    """

    instance: str
    run: int
    state: str
    next_state: str = ""
    reason: str = ""
    text: str = ""


class _Registered:
    """A restarter that hears, until it leaves, is replaced, or does not read."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._most: int | None = None  # bytes that may wait; None: as many as there are to begin
        self._end: Callable[[], object] = lambda: None
        self._over = False

    def register(self, register: Callable[[Tell], Callable[[], object]]) -> None:
        """Begin; what holds is told here, all of it, however many instances there are."""
        self._exchange.on_gone = self.end
        self._exchange.begin_stream()
        self._end = register(self.tell)
        self._most = self._exchange.waiting + STREAM_ROOM
        if self._over:
            self._end()

    def tell(self, event: dict[str, Any]) -> None:
        """One line."""
        if self._over:
            return
        exchange = self._exchange
        exchange.write(msgspec.json.encode(msgspec.convert(event, RestarterEvent)) + b"\n")
        slow = self._most is not None and exchange.waiting > self._most
        if event["event"] == "replaced" or slow:
            self.end()  # who does not read hears everything anew when it comes back
            exchange.end_stream()

    def end(self) -> None:
        """It hears no more."""
        if not self._over:
            self._over = True
            self._end()


def events(ask: Ask) -> None:
    """Register, and hear what is asked."""
    fmri = ask.one()
    ask.need(Role.OPERATE, [fmri])
    ask.door.audit(ask, f"registers as the restarter {fmri}")
    _Registered(ask.exchange).register(partial(ask.manager.delegation.register, fmri))


def told(ask: Ask) -> dict[str, Any]:
    """Take a restarter's word."""
    fmri = ask.one()
    ask.need(Role.OPERATE, [fmri])
    body = ask.body
    following = "" if body.next_state == "none" else body.next_state
    for state in (body.state, following or body.state):
        if state not in _STATES:
            raise UsageError(f"no such state: {state[:40]!r}", hint=", ".join(_STATES))
    reason = "" if body.reason == "none" else body.reason
    if reason and not re.match(_WORD, reason):
        raise UsageError(f"a reason is one word, not {reason[:40]!r}", hint="method_failed, say")
    name = canonical(body.instance)
    said = (body.run, body.state, following, reason, body.text[:1000])
    ask.manager.delegation.told(fmri, name, *said)  # and it has a turn
    return {"version": 1, "instance": ask.manager.view(name)}
