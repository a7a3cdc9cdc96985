"""What SMF's restarter writes into an instance's log, between what its methods say.

For instances whose log is kept so (`log.mode` "smf"). The words are illumos', which scripts look
for (svc.startd(8)). What is said follows from the events and effects of one turn: nothing is
remembered from one to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from stoker.engine import (
    LATE,
    Asked,
    Effect,
    Event,
    Exited,
    Kill,
    NotSpawned,
    Publish,
    Spawn,
    Spawned,
)
from stoker.model import Definition, Step, signal_name
from stoker.process import expand, token_words

if TYPE_CHECKING:
    from .core import Manager

__all__ = ["Remarks"]

_CAUSES = {
    "disable_request": "service disabled",
    "restart_request": "service restarting",
    "dependency_activity": "dependency activity requires stop",
    "ct_ev_exit": "all processes in service exited",
    "exit_unknown": "all processes in service exited",
    "ct_ev_core": "process dumped core",
    "ct_ev_signal": "process received fatal signal from outside the service",
    "ct_ev_hwerr": "process killed due to uncorrectable hardware error",
}
_UP = ("online", "degraded")
_METHODS = ("start", "stop", "refresh")


class Remarks:
    """Of a manager's instances; `wanted` are those whose log has such lines."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self.wanted: set[str] = set()
        self._says: dict[type, Callable[[Any], str]] = {
            Exited: _exited,
            NotSpawned: lambda e: f"{e.method} method could not be run: {e.text}",
            Spawn: self._executing,
            Publish: lambda e: _published(e) + self._wordy(e),
            Kill: self._killing,
        }

    def follow(self, definitions: Iterable[Definition]) -> None:
        """These are the instances that there are."""
        self.wanted = {one.fmri for one in definitions if one.log.mode == "smf"}

    def turn(self, events: Iterable[Event], effects: Iterable[Effect]) -> None:
        """Write what is to be said of one turn, before its effects are carried out."""
        if not self.wanted:
            return
        try:
            self._tell(events, effects)
        except Exception as error:  # a line less in a log keeps nobody from acting
            self._manager.failed(error)

    def _tell(self, events: Iterable[Event], effects: Iterable[Effect]) -> None:
        wordy = {(e.fmri, e.method) for e in events if isinstance(e, Spawned) and not e.pid}
        for event in events:
            if isinstance(event, Asked):
                self._asked(event)
            elif (getattr(event, "fmri", ""), getattr(event, "method", "")) not in wordy:
                self._say(event)
        for effect in effects:
            self._say(effect)

    def _say(self, what: Any) -> None:
        say = self._says.get(type(what))
        if say is None or what.fmri not in self.wanted:
            return
        for line in filter(None, say(what).split("\n")):
            self._write(what.fmri, line, isinstance(what, Exited))

    def _write(self, fmri: str, text: str, after: bool = False) -> None:
        if self._manager.link is not None:
            self._manager.link.note(fmri, text, after)

    def _definition(self, fmri: str) -> Definition | None:
        known = self._manager.engine.instances.get(fmri)
        return known.definition if known is not None else None

    def _asked(self, event: Asked) -> None:
        if event.request.verb != "refresh":
            return
        for fmri in event.request.names:
            definition = self._definition(fmri)
            if fmri not in self.wanted or definition is None:
                continue
            self._write(fmri, "Rereading configuration.")
            if not definition.refresh:
                self._write(fmri, "No 'refresh' method defined.  Treating as :true.")

    def _executing(self, effect: Spawn) -> str:
        if effect.method not in _METHODS or not effect.step.argv:
            return ""
        return f"Executing {effect.method} method ({_shown(effect)})."

    def _wordy(self, effect: Publish) -> str:
        """A method that is a word is no process, so nobody is asked to execute it."""
        state, following = effect.state, effect.next_state
        method = ""
        if state == "offline" and following == "online":
            method = "start"
        elif state in _UP and following:
            method = "refresh" if following == state else "stop"
        definition = self._definition(effect.fmri)
        steps = getattr(definition, method, ()) if method else ()
        if not steps or steps[0].argv:
            return ""
        return f"\nExecuting {method} method ({steps[0].word.replace(':true', 'null')})."

    def _killing(self, effect: Kill) -> str:
        one = self._manager.engine.instances.get(effect.fmri)
        late = one is not None and bool(one.definition.stop) and (one.unclean or one.result == LATE)
        if effect.scope != "method" and not late:
            return ""  # its ordinary end: nobody had asked it to end by itself
        return "Method or service exit timed out.  Killing what is left of its contract."


def _shown(effect: Spawn) -> str:
    """The command of a method as it is executed."""
    step: Step = effect.step
    text = step.argv[-1] if step.argv[:2] == ("/bin/sh", "-c") else " ".join(step.argv)
    try:
        text = expand(text.removeprefix("exec "), token_words(effect.fmri, effect.method))
    except OSError:  # told when it is not spawned
        pass
    return f'"{text}"'


def _exited(event: Exited) -> str:
    if event.method not in _METHODS:
        return ""  # the service itself: what it means is told when it leaves
    status = event.status
    if status.kind == "exit":
        return f'Method "{event.method}" exited with status {status.number}.'
    if status.kind == "signal":
        return f'Method "{event.method}" failed due to signal {signal_name(status.number)}.'
    return ""


def _published(effect: Publish) -> str:
    old, state, following, reason = (
        effect.old_state, effect.state, effect.next_state, effect.reason,
    )  # fmt: skip
    if following:
        if state not in _UP or following in _UP:
            return ""
        if following == "maintenance":
            return f"Stopping for maintenance due to {reason}."
        return f"Stopping because {_CAUSES.get(reason, reason.replace('_', ' '))}."
    if old == "maintenance" and state != "maintenance":
        why = "disable" if reason == "disable_request" else "clear"
        left = f"Leaving maintenance because {why} requested."
        return f"{left}\nDisabled." if state == "disabled" else left
    if state == "offline" and old in ("disabled", "uninitialized"):
        return "Enabled."
    if state == "disabled" and old in ("offline", "uninitialized"):
        return "Disabled."
    if state == "maintenance" and reason == "restarting_too_quickly":
        return "Restarting too quickly, changing state to maintenance."
    return ""
