"""What people did to the files, asked of the manager in the order in which they did it.

Requests of one turn are dealt with together, as though each later one had replaced the earlier. So
a start that follows a stop waits until that has begun: kill and `rm -r` right after one another,
which is the original's `svctl restart`, are not nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stoker.errors import Refused
from stoker.model import Request

if TYPE_CHECKING:
    from stoker.manager import Manager

__all__ = ["Asking"]

_DOWN, _UP = ("stop", "kill"), "start"


class Asking:
    """Asks `manager`; `turned` is to be called after each of its turns."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._fresh: dict[str, list[tuple[str, Request]]] = {}  # stops of this turn, what follows
        self.pending = False
        """Something was asked that no turn has dealt with: a successor would not know of it."""

    def ask(
        self, verb: str, fmri: str, name: str, why: str, who: str, lock: int | None = None
    ) -> None:
        """Ask for `verb` of one instance, known as NAME in the directory."""
        request = Request(verb=verb, names=(fmri,), who=who, why=why, lock=lock)
        if verb == _UP and fmri in self._fresh:
            self._fresh[fmri].append((name, request))
            return
        if verb in _DOWN or fmri in self._fresh:
            self._fresh[fmri] = []  # what was to follow an earlier one is overtaken
        self._submit(name, request)

    def _submit(self, name: str, request: Request) -> None:
        try:
            number = self._manager.ask(request)
        except Refused:  # everything is going down anyway
            return
        said = f"{request.verb} {name}: operation {number} ({request.why})"
        self._manager.log(f"{request.who}: {said}")
        self.pending = True

    def turned(self) -> None:
        """The stops have begun: what has waited for that is asked as soon as the loop goes on."""
        waiting = [one for later in self._fresh.values() for one in later]
        self._fresh.clear()
        self.pending = bool(waiting)
        if not waiting:
            return

        def go_on() -> None:
            self.pending = False
            for name, request in waiting:
                self._submit(name, request)

        self._manager.loop.at(time.monotonic_ns(), go_on)
