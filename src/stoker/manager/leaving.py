"""The end: everything is down, and the keeper is told that the place is over; or we make room for
a successor of what is installed now.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from stoker.errors import Failed, NotYet, StokerError
from stoker.linux import Timer

from .trial import try_out

if TYPE_CHECKING:
    from .core import Manager

__all__ = ["Leaving"]

_PATIENCE = 2_000_000_000  # nanoseconds that the end waits for choices to become durable
_PARTING = 50_000_000  # nanoseconds from the answer to making room for a new manager
_SUCCESSORS = 30_000_000_000  # nanoseconds that keeper and recorder may take to be replaced
_GRACE = 5.0  # seconds that the keeper gives to what is still below it
_LOOK = "stoker logs --manager"

Answer = Callable[[StokerError | None], object]


class Leaving:
    """Of one manager. `over`: the keeper was told."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._until: int | None = None
        self._status = 0
        self._asking: list[Answer] = []
        self._late: Timer | None = None
        self.over = False

    @property
    def begun(self) -> bool:
        """Everything is down or is being given up: nobody is served any more."""
        return self._until is not None

    def replace(self, answer: Answer) -> None:
        """See `Manager.reexec`."""
        manager = self._manager
        if manager.keeping is None or self.begun:
            raise Failed("there is no keeper to be replaced, or all is going down")
        if not manager.keeping.command:
            raise Failed("the keeper's command cannot be read")
        self._asking.append(answer)
        if len(self._asking) > 1:
            return  # it is under way
        run = manager.executor.helpers.run
        try_out(manager.loop, run, manager.keeping.command, self._tried)

    def _tried(self, why: str) -> None:
        manager = self._manager
        if why or manager.keeping is None or self.begun:
            why = f"what is installed now does not begin: {why}" if why else "all is going down"
            self._give_up(Failed(f"nothing was replaced: {why}", hint=_LOOK))
            return
        manager.log("keeper, recorder and manager are replaced by what is installed now")
        # One after the other: whoever is killed meanwhile, the two others are there.
        manager.keeping.replaced = self._keeper_replaced
        manager.keeping.unreplaced = self._keeper_stays
        self._late = manager.loop.at(time.monotonic_ns() + _SUCCESSORS, self._stay)
        try:
            manager.keeping.exec(manager.keeping.command)
        except OSError as error:
            self._keeper_stays(error.strerror or str(error))

    def _keeper_replaced(self) -> None:
        link = self._manager.link
        if link is None:
            self._part()
        else:
            link.renew(self._part)

    def _keeper_stays(self, why: str) -> None:
        """It says so itself, so nobody need wait: with it the recorder stays, and we do."""
        program = self._manager.keeping.command[0] if self._manager.keeping else ""
        self._give_up(
            Failed(f"nothing was replaced: the keeper cannot become {program}: {why}", hint=_LOOK)
        )

    def _part(self) -> None:
        loop = self._manager.loop
        # Not sooner, so that whoever asked has the answer.
        loop.at(time.monotonic_ns() + _PARTING, loop.stop)
        self._answer(None)

    def _stay(self) -> None:
        """What is installed now does not even begin: better we than nobody. What comes late is
        followed all the same.
        """
        self._give_up(
            NotYet("no keeper or recorder of what is installed now begins yet: I stay", hint=_LOOK)
        )

    def _give_up(self, why: StokerError) -> None:
        self._manager.log(str(why))
        self._answer(why)

    def _answer(self, why: StokerError | None) -> None:
        """To everybody who asked; from now on it can be asked for again."""
        if self._late is not None:
            self._late.cancel()
            self._late = None
        asking, self._asking = self._asking, []
        for answer in asking:
            answer(why)

    def begin(self, status: int) -> None:
        """Everything is down. Choices that are not durable yet get a moment."""
        self._status = status
        if self._until is None:
            self._until = time.monotonic_ns() + _PATIENCE
            self._manager.loop.at(self._until, lambda: None)

    def go(self) -> None:
        """After each turn: go, if it has begun and nothing is waited for."""
        if self._until is None or self.over:
            return
        link = self._manager.link
        if link is not None and link.unanswered and time.monotonic_ns() < self._until:
            return
        self.over = True
        self._go()

    def _go(self) -> None:
        manager = self._manager
        manager.doors.parting()
        manager.log(f"everything is down; the end, with status {self._status}")
        last: list[Callable[[], object]] = [
            lambda: manager.executor.listeners.keep(()),
            manager.aloud.ending,
            manager.executor.contracts.close,
        ]
        for step in last:
            try:
                step()
            except Exception as error:  # the keeper has to be told all the same
                manager.failed(error)
        if manager.keeping is not None:
            manager.keeping.stop(self._status, _GRACE)
        else:
            manager.loop.stop()
