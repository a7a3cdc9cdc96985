"""What a definition comes to whose restarter is another service (SMF's delegated restarters).

The methods are the restarter's affair: nothing of the instance is run, watched or stopped by
ourselves. What stays with us is the graph, whether it is wanted, and maintenance. It needs its
restarter as an implicit dependency: without it, the instance is offline, for what the restarter ran
has gone with the restarter's contract.
"""

from __future__ import annotations

import msgspec

from stoker.model import (
    DELEGATED,
    MASTER,
    Activation,
    Definition,
    Dependency,
    Mistaken,
    Ready,
    Restart,
    RestartOn,
    Rung,
    Step,
    display,
)

from .inetd import INETD

__all__ = ["delegate"]

_PATIENCE = 60.0
"""Seconds from asking a restarter for an end to insisting on it, where no stop method says."""


def delegate(definitions: list[Definition], mistakes: list[Mistaken]) -> list[Definition]:
    """The definitions, those of other restarters as such. Whose restarter is not here, or is
    itself, cannot be used, which is told.
    """
    known = {one.fmri for one in definitions}
    found = []
    for one in definitions:
        if one.restarter in ("", MASTER, INETD) or one.fault == "invalid_restarter":
            found.append(one)
            continue
        what = "" if one.restarter in known else "is not here"
        what = "would be its own restarter" if one.restarter == one.fmri else what
        if what:
            who = display(one.restarter) if one.restarter != one.fmri else "it"
            text = f"its restarter: {who} {what}; {display(one.fmri)} goes to maintenance"
            mistakes.append(Mistaken(text, one.source or None, fmri=one.fmri, level="warning"))
            fault = one.fault or "invalid_restarter"
            found.append(msgspec.structs.replace(one, fault=fault, restarter=one.restarter))
        else:
            found.append(_left(one))
    return found


def _left(one: Definition) -> Definition:
    needs = Dependency((one.restarter,), restart_on=RestartOn.RESTART, name="restarter")
    others = tuple(group for group in one.dependencies if group.name != needs.name)
    started = next((step for step in one.start if step.argv), Step(DELEGATED))
    stops = [step.timeout for step in one.stop if step.timeout is not None]
    return msgspec.structs.replace(
        one,
        prepare=(),
        start=(msgspec.structs.replace(started, timeout=None),),
        stop=(),
        refresh=(Step(DELEGATED),),
        decide=(),
        cleanup=(),
        ready=Ready("told"),
        ends="main",
        interrupt="abort",
        stop_when_empty=False,
        ladder=(Rung((15,), max(stops, default=_PATIENCE)),),
        unclean="ok",
        restart=Restart(),
        health=(),
        listen=(),
        activation=Activation(),
        dependencies=(*others, needs),
        later=True,
    )
