"""What would happen: the engine run on a copy of itself, and nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.errors import UsageError
from stoker.model import Request

if TYPE_CHECKING:
    from .asking import Ask

__all__ = ["foretold", "milestone"]

WORDS = {"all": "", "none": "none"}
"""Milestones that are no service, by what the manager calls them."""


def foretold(ask: Ask, *requests: Request) -> dict[str, Any]:
    """What these would do, each for itself, in order of time."""
    from stoker.insight import plan  # here: nobody pays for it who does not ask

    found = [plan(ask.manager.engine, one, ask.manager.now()) for one in requests]
    steps = sorted((step for steps, _ in found for step in steps), key=lambda step: step.at)
    affected = dict.fromkeys(name for _, names in found for name in names)
    return {"version": 1, "plan": steps, "affected": list(affected)}


def milestone(ask: Ask) -> dict[str, Any]:
    """What would happen if this one held from now on."""
    name = ask.text("name")
    if not name:
        raise UsageError("milestone needs a name", hint="all, none, or a service")
    found = WORDS.get(name)
    if found is None:
        found, *others = ask.resolve([name])
        if others:
            raise UsageError(f"{name} names several instances")
    return foretold(ask, *ask.manager.milestone.requests(found, ask.who))
