"""What the recorder is told of operations and runs, and what it tells us."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stoker.engine import NotSaved, Outcome, Saved
from stoker.process import End

from .link import Link

if TYPE_CHECKING:
    from .core import Manager

__all__ = ["Telling"]

UNKNOWN = End("unknown", 0)


class Telling:
    """Between `manager` and its link to the recorder, where there is one."""

    def __init__(self, manager: Manager, link: Link | None) -> None:
        self._manager = manager
        self._link = link
        manager.happenings.began = self._run_began
        manager.happenings.goes_on = self._run_goes_on
        manager.happenings.ended = self._run_ended
        manager.happenings.emptied = self._run_emptied
        self._open: dict[str, tuple[int, End | None]] = {}  # runs begun, and what start ended with
        if link is not None:
            link.saved = self._saved
            link.trouble = self._trouble
            link.matched = lambda fmri, run: manager.happenings.ready(fmri, run, 0)
            link.said = manager.log

    def outcome(self, effect: Outcome) -> None:
        """An operation has ended."""
        view = self._manager.engine.operation(effect.number)
        if view is None:
            return
        names = [member.fmri for member in view.members][:200]
        if self._link is not None:
            self._link.operation(
                view.number,
                view.verb,
                names,
                view.who,
                time.time_ns(),
                effect.outcome,
                effect.note or view.why,
            )

    def _saved(self, token: int, why: str) -> None:
        self._manager.happenings.add(NotSaved(token, why) if why else Saved(token))

    def _trouble(self, what: str, fmri: str | None, text: str | None) -> None:
        key = f"recorder {what} {fmri or ''}"
        if text is None:
            self._manager.notices.pop(key, None)
        else:
            self._manager.notices[key] = text

    def _run_goes_on(self, fmri: str, run: int) -> None:
        self._open[fmri] = (run, None)

    def _run_began(self, fmri: str, run: int, pid: int) -> None:
        self._run_goes_on(fmri, run)
        if self._link is not None:
            self._link.run(fmri, run, "begin", time.time_ns(), pid, None)

    def _run_ended(self, fmri: str, run: int, method: str, end: End) -> None:
        if method == "main":
            self._over(fmri, run, end)
        elif fmri in self._open:
            # The command that brings it up has ended: the run is what it leaves behind, if it does.
            self._open[fmri] = (run, end)

    def _run_emptied(self, fmri: str, run: int) -> None:
        """Nothing is left of a run. Where nobody watched a main process, how a command ended that
        was the whole of it, or failed, is how the run ended.
        """
        begun, end = self._open.get(fmri, (0, None))
        if begun != run:
            return
        i = self._manager.engine.instances.get(fmri)
        whole = i is not None and i.definition is not None and i.definition.ends == "never"
        self._over(fmri, run, end if end is not None and (whole or end.number) else UNKNOWN)

    def _over(self, fmri: str, run: int, end: End) -> None:
        self._open.pop(fmri, None)
        status = None
        if end.kind != "unknown":
            status = end.number if end.kind == "exit" else -end.number
        if self._link is not None:
            self._link.run(fmri, run, "end", time.time_ns(), 0, status)
