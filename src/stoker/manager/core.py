"""The manager: one turn after the other.

A turn: what happened since the last one becomes events; the engine says what to do; what changed is
written to the state log; then it is done. Nothing here waits, and nothing that one service, client
or probe does wrong ends it: an exception is logged once with its place and the turn goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from stoker.engine import (
    Asked,
    Customs,
    Defined,
    Due,
    Effect,
    Engine,
    Event,
    Now,
    Waits,
)
from stoker.errors import Failed, NoSuchService, Refused, StokerError
from stoker.linux import Loop, Timer, clock, faults
from stoker.model import (
    Compiled,
    EventView,
    InstanceView,
    Place,
    Request,
    Settings,
    StatusView,
    rfc3339,
)
from stoker.process import End, Executor

from .aloud import Aloud
from .carry import Carrier
from .delegation import Delegation
from .doors import Doors
from .happenings import Happenings
from .keeping import Keeping
from .leaving import Leaving
from .link import Link
from .meanings import Meanings
from .milestone import Milestone
from .parent import Parent
from .reload import bad_files
from .reloading import Reloading
from .remarks import Remarks
from .ring import Ring
from .statelog import StateLog
from .status import status_view
from .telling import Telling
from .tidying import Tidying
from .watching import Watching

__all__ = ["Manager"]

# So many rounds of engine and executor are in a turn, and no further one after so many events: the
# loop has to see its descriptors again, for clients want their answers in a storm too.
_ROUNDS, _ENOUGH = 4, 16
_CUSTOMS = {"solaris10": Customs(False, True, False)}


class Manager:
    """One place's manager. Made by `daemon.main`, which then calls `begin` and runs the loop with
    `turn`.
    """

    def __init__(
        self,
        loop: Loop,
        place: Place,
        engine: Engine,
        state: StateLog,
        happenings: Happenings,
        keeping: Keeping | None,
        link: Link | None,
        generation: int,
        log: Callable[[str], object],
    ) -> None:
        self.loop = loop
        self.place = place
        self.engine = engine
        self.state = state
        self.happenings = happenings
        self.keeping = keeping
        self.link = link
        self.generation = generation
        self.compiled = Compiled()
        self.settings = Settings()
        self.ring = Ring(generation)
        self.notices: dict[str, str] = {}
        self._write_line = log
        self._alarm: Timer | None = None
        self._in_turn = False
        self._said: dict[str, int] = {}
        self._leaving = Leaving(self)
        self.reloading = Reloading(self)
        self.tidying = Tidying(loop, self._busy)
        self.milestone = Milestone(self)
        self.remarks = Remarks(self)
        self.meanings = Meanings(self)
        self.delegation = Delegation(self)
        self.aloud = Aloud(self)
        self._waits: dict[tuple[str, int], list[tuple[str, ...]]] = {}
        self.on_settings: Callable[[], object] = lambda: None
        self.doors = Doors(self.failed)
        self.doors.join(touched=self.delegation.turn)
        reloading = self.reloading
        self.watching = Watching(loop, place, reloading.files_changed, reloading.unwatched)
        keeper = keeping.pid if keeping is not None else 0
        self.parent = Parent(
            loop, keeper, lambda: [one.shown_state for one in engine.instances.values()]
        )

    def attach(self, executor: Executor) -> None:
        """Who carries out what is decided."""
        self.executor = executor
        self.telling = Telling(self, self.link)
        self.carrier = Carrier(
            executor,
            self.happenings,
            self.ring,
            self.link,
            self._wake,
            self._leaving.begin,
            self.telling.outcome,
            self.aloud.published,
            self.log,
            self.failed,
            self.delegation,
        )

    # -- what the doors use

    def now(self) -> Now:
        """The moment."""
        return Now(*clock.now())

    def log(self, text: str) -> None:
        """One line in the place's log."""
        self._write_line(text)

    def about(self) -> dict[str, Any]:
        """Facts about the manager itself."""
        contracts = self.executor.contracts
        return {
            "pid": os.getpid(),
            "keeper_pid": self.keeping.pid if self.keeping is not None else 0,
            "containment": f"{contracts.kind} ({contracts.base})",
            "notices": [*self.notices.values(), *self._orphans()],
        }

    def _orphans(self) -> list[str]:
        rows = []
        for ctid, what in self.happenings.orphans.items():
            rows.append(f"left running: {what} (contract {ctid})")
        return rows

    def submit(self, request: Request) -> int:
        """Make a request an operation and return its number. Raises Refused when we are leaving."""
        number = self.ask(request)
        self.turn()
        return number

    def ask(self, request: Request) -> int:
        """The same, dealt with in the next turn, together with what else has happened by then."""
        if self.leaving:
            raise Refused("the manager is ending", hint="stoker up")
        number = self.engine.next_operation()
        if request.verb == "down":
            self.parent.stopping()
        data = {"number": number, "verb": request.verb, "who": request.who, "why": request.why}
        self.ring.add(time.time_ns(), "operation", "", {**data, "outcome": ""})
        self.happenings.add(Asked(number, request))
        return number

    def await_end(self, pid: int, call: Callable[[End], object]) -> None:
        """Call `call(how)` when this process, a child of ours or of the keeper's that is of no
        service, has ended.
        """
        self.executor.reaper.helpers[pid] = call

    def waits(self, pid: int, fmris: Sequence[str]) -> Callable[[], object]:
        """Show the service that this process is of, if it is of any, as waiting for these; returns
        what ends that.
        """
        run = self.executor.hearing.run_of(pid)
        if run is None:
            return _nothing
        one = (run.fmri, run.number)
        said = self._waits.setdefault(one, [])
        said.append(tuple(fmris))

        def tell() -> None:
            targets = dict.fromkeys(target for each in said for target in each)
            self.happenings.add(Waits(*one, tuple(targets)))

        def end() -> None:
            said.remove(tuple(fmris))
            if not said:
                self._waits.pop(one, None)
            tell()

        tell()
        return end

    def views(self) -> list[InstanceView]:
        """All instances, by FMRI."""
        return sorted(self.engine.views(self.now()), key=lambda one: one.fmri)

    def view(self, fmri: str) -> InstanceView:
        """One instance. Raises NoSuchService."""
        self._known(fmri)
        return self.engine.view(fmri, self.now())

    def status(self, fmri: str) -> StatusView:
        """Everything about one instance. Raises NoSuchService."""
        self._known(fmri)
        return status_view(self, fmri)

    def _known(self, fmri: str) -> None:
        if fmri not in self.engine.instances:
            raise NoSuchService(f"there is no service {fmri}")

    @property
    def cursor(self) -> int:
        """The cursor of the newest event."""
        return self.ring.cursor

    def events(self, cursor: int) -> list[EventView]:
        """The events after `cursor`, a gap first where some are lost."""
        return self.ring.after(cursor)

    def subscribe(self, call: Callable[[], object]) -> Callable[[], None]:
        """Call `call()` after each turn that made events; returns what ends that."""
        return self.ring.subscribe(call)

    # -- the turn

    def turn(self) -> None:
        """Deal with what has happened, a while of it: of a storm more turns are made, with what
        clients ask between them. Called after each batch of the loop.
        """
        if self._in_turn:
            return
        self._in_turn = True
        before = self.ring.cursor
        done = 0
        try:
            for _ in range(_ROUNDS):
                self.executor.turn_ends()
                if self.happenings.queue:
                    done += self._round()
                elif not self.carrier.go_on():
                    break
                if done >= _ENOUGH:
                    break
        except Exception as error:
            self.failed(error)
        finally:
            self._in_turn = False
        self.tidying.dealt(done)
        if self._busy():
            self.loop.at(time.monotonic_ns(), _nothing)
        try:
            self._afterwards(before)
        except Exception as error:
            self.failed(error)

    def _busy(self) -> bool:
        """Whether there is something that need not be waited for."""
        return self.carrier.waits or bool(self.happenings.queue)

    def _round(self) -> int:
        """One round; how many events it dealt with."""
        events, notes = self.happenings.take()
        now = self.now()
        effects = self._decide(events, now)
        values: dict[str, Any] = self.engine.take_changed()
        for key in notes:
            values[key] = None
        if self.keeping is not None:
            values.update(self.keeping.unseen())
        if values:
            self.write(values)
            faults.point("carry")
        self.remarks.turn(events, effects)
        self.carrier.carry(effects)
        self.doors.touched(values)
        for key, value in values.items():
            if value is None and key.startswith("svc:"):
                self.executor.forget(key)
                if self.link is not None:
                    self.link.keep(key, None)
        return len(events)

    def _decide(self, events: list[Event], now: Now) -> list[Effect]:
        """The engine's answer. If one event makes it fail, what it had decided counts, and the
        others are told to it one by one: what concerns one service does not disturb another.
        """
        try:
            return self.engine.handle(events, now)
        except Exception as error:
            self.failed(error)
        effects = list(self.engine.effects)
        for event in events if len(events) > 1 else ():
            try:
                effects += self.engine.handle([event], now)
            except Exception as error:
                self.failed(error)
                effects += self.engine.effects
        return effects

    def write(self, values: dict[str, Any]) -> None:
        """Append to the state log. Without memory for it the services go on; it is said."""
        try:
            self.state.append(values)
            self.notices.pop("state", None)
        except OSError as error:
            text = f"the state cannot be written: {error.strerror}; a successor would not know it"
            if self.notices.get("state") != text:
                self.log(text)
            self.notices["state"] = text

    def _afterwards(self, before: int) -> None:
        if self.keeping is not None:
            self.keeping.acknowledge()
        if self.link is not None:
            self.link.flush()
        if self.ring.cursor != before:
            self.ring.tell(self.failed)
        self._leaving.go()

    def _wake(self, at: int | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if at is None else self.loop.at(at, self._due)

    def _due(self) -> None:
        self._alarm = None
        self.happenings.add(Due())

    def failed(self, error: Exception) -> None:
        """An exception that nobody expected: logged the first few times with its place."""
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
        text = f"{type(error).__name__}: {error} ({where})"
        count = self._said[text] = self._said.get(text, 0) + 1
        if count <= 3:
            more = "; further ones are not shown" if count == 3 else ""
            self.log(f"a mistake of ours, contained: {text}{more}")
            self.notices[f"mistake {where}"] = f"a mistake of ours: {text}"

    # -- beginning

    def define(self, compiled: Compiled) -> list[Defined]:
        """The events that make these definitions known, with everybody's stored choices."""
        self.compiled = compiled
        self.settings = compiled.settings
        self.engine.cap = self.settings.concurrency
        self.engine.down_timeout = self.settings.down_timeout
        self.engine.adapt(_CUSTOMS.get(self.settings.smf, Customs()))
        intents = self.link.intents if self.link is not None else {}
        self.watching.follow(compiled)
        self.remarks.follow(compiled.definitions)
        bad = bad_files(compiled)
        if not bad:
            self.notices.pop("bad files", None)
        elif self.notices.get("bad files") != bad:
            self.notices["bad files"] = bad
            self.log(bad)
        if self.link is not None:
            self.link.bound(self.settings.history_count, self.settings.history_age)
            self.link.grant(self.settings.roles)
        found = []
        for definition in compiled.definitions:
            if self.link is not None:
                self.link.keep(definition.fmri, definition.log)
            found.append(Defined(definition, intents.get(definition.fmri)))
        return found

    # -- reload

    def reload(
        self, call: Callable[[Any], object], dry_run: bool = False, who: str = "the manager"
    ) -> None:
        """Read the definitions again; `call` gets {changes, mistakes, operation} or an error."""
        self.reloading.ask(call, dry_run, who)

    # -- properties

    def change(self, path: str, who: str, call: Callable[[str, str, bool], object]) -> None:
        """Have the change of properties in a file made durable; `call(why, hint, refused)`, why ""
        when it is. Raises Failed.
        """
        if self.link is None:
            raise Failed("there is no recorder, so nothing can be remembered")
        self.link.change(path, who, call)

    # -- being replaced

    def reexec(self, call: Callable[[StokerError | None], object]) -> None:
        """Keeper, recorder and manager become what is installed now; no service is touched.

        The keeper executes its own command again with all that it holds; the recorder and this
        process end in order, and the new keeper starts their successors. `call(None)` when all but
        this process is replaced, which then is at once; `call(error)` when it stays. Raises Failed.
        """
        self._leaving.replace(call)

    # -- the end

    @property
    def leaving(self) -> bool:
        """Everything is down or is being given up: nobody is served any more."""
        return self._leaving.begun

    @property
    def ended(self) -> bool:
        """Everything is down, and the keeper was told so."""
        return self._leaving.over


def _nothing() -> None:
    """Wakes the loop, so that it looks at its descriptors and then has another turn."""


def log_line(text: str) -> None:
    """A line of the manager in stoker.log, which is descriptor 2."""
    line = f"{rfc3339(time.time_ns())} manager: {text}\n"
    try:
        os.write(2, line.encode("utf-8", "backslashreplace"))
    except OSError:  # a full disk must not end us, and there is no better place to say it
        pass
