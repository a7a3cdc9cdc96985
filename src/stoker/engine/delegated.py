"""Instances that another restarter implements (SMF's delegated restarters): it says how they are,
and is believed.

A run of such an instance looks like any other: its start is asked for by Spawn, its end by Signal
and Kill, all of which go to the restarter, and readiness of kind "told" comes from there. What
stands for its processes is alive until the restarter says that the instance is down. Whether it
starts again then is decided here, as for everybody.
"""

from __future__ import annotations

from stoker.model import Class, Stage, State

from .core import Core
from .events import Status, Told
from .facts import Cause, Fault, Instance

__all__ = ["TOLD", "told"]

TOLD = "told"
"""The kind of readiness, and the mark of an end, that a restarter tells of."""

_HERE = "restarter"  # among what degrades an instance
_UP = (State.ONLINE, State.DEGRADED)
_FAULTS = frozenset(
    (
        "bad_repo_state",
        "ct_ev_core",
        "ct_ev_hwerr",
        "ct_ev_signal",
        "fault_threshold_reached",
        "invalid_dependency",
        "invalid_restarter",
        "method_failed",
        "restarting_too_quickly",
    )
)


def told(core: Core, i: Instance, e: Told) -> None:
    """Write down what the restarter says."""
    core.touch(i)
    if e.state == State.MAINTENANCE:
        _maintenance(i, e)
    if i.stage is Stage.IDLE:
        return
    if e.state in _UP and e.next_state in ("", *_UP):
        _up(i, e)
    elif e.state in _UP:
        _ends(i, e)
    elif e.next_state not in _UP:
        _down(i, e)


def _class(word: str) -> str:
    return Class.FAULT if word in _FAULTS else Class.RESTART


def _text(i: Instance, e: Told, otherwise: str) -> str:
    return e.text or (f"its restarter says {e.reason}" if e.reason else otherwise)


def _up(i: Instance, e: Told) -> None:
    if i.stage is Stage.START:
        i.ready_seen = i.ready_seen or i.pending != "asked"
    elif i.stage not in (Stage.UP, Stage.REFRESH):
        return  # it was told to end, and will say so
    text = _text(i, e, "its restarter says so")
    if e.state == State.DEGRADED:
        i.degraders[_HERE] = text
    elif i.degraders.pop(_HERE, None) is None:
        return
    if i.stage is not Stage.START:
        i.reason, i.cause = e.reason or "none", Cause(text)


def _ends(i: Instance, e: Told) -> None:
    """What was up is on its way down by itself."""
    if i.stage in (Stage.UP, Stage.REFRESH):
        i.hurt = TOLD
        i.bounce_reason = e.reason or "ct_ev_exit"
        i.bounce_class = _class(i.bounce_reason)
        i.failed_text = f"ended: {_text(i, e, 'its restarter says so')}"


def _down(i: Instance, e: Told) -> None:
    """Nothing of it is left."""
    _ends(i, e)
    i.main_alive = i.populated = False
    if i.stage is not Stage.START:
        i.gone = i.records["main"] = Status("unknown")
    elif i.fault is None:
        i.result = _text(i, e, "its restarter could not start it")


def _maintenance(i: Instance, e: Told) -> None:
    if i.fault is not None and i.fault.word != "stuck":
        return
    word = e.reason or "method_failed"
    text = _text(i, e, "its restarter put it there")
    i.fault = Fault(word, _class(word), text)
    i.settled = True
    i.reason, i.cause = word, Cause(f"went to maintenance: {text}")
