"""Instances that another restarter implements: what is asked of them goes to it, what it says comes
back (SMF's delegated restarters; librestart(3LIB)).

To the engine such a run is one like any other. Its start and its end are not carried out by the
executor: they are told to whoever has registered as the restarter, and are over when that says so.
Who registers is told at once of every instance that is its, with what is asked of each now; so
nothing is lost when either side dies, and no log of events has to be kept.

What is asked of a restarter whose run is over needs nobody any more: with its contract all that it
ran has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from stoker.engine import Exited, Instance, Kill, Release, Signal, Spawn, Spawned, Status, Told
from stoker.errors import Failed, UsageError
from stoker.model import DELEGATED, Definition, Stage, State, display

if TYPE_CHECKING:
    from .core import Manager

__all__ = ["Delegation"]

Tell = Callable[[dict[str, Any]], object]
_ENDS = frozenset((Stage.STOP, Stage.KILL, Stage.DECIDE, Stage.CLEANUP))
_CYCLES = frozenset(("dependency_cycle", "invalid_dependency"))


class _Run:
    """A run that its restarter has, or is to have. `life`: the run of the restarter itself.
    `heard`: somebody was told to start it, as far as we know.
    """

    __slots__ = ("argv", "asked", "force", "heard", "life", "number", "restarter")

    def __init__(self, number: int, restarter: str, life: int) -> None:
        self.number = number
        self.restarter = restarter
        self.life = life
        self.asked = "start"
        self.force = self.heard = False
        self.argv: list[str] = []


class Delegation:
    """Of one manager. The first four methods take effects, as the executor does with others'."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._runs: dict[str, _Run] = {}
        self._clients: dict[str, Tell] = {}
        self._known: dict[str, tuple[str, tuple[Any, ...]]] = {}  # restarter, and what it was told

    def has(self, effect: Signal | Kill | Release) -> bool:
        """Whether an effect is about a run of another restarter."""
        run = self._runs.get(effect.fmri)
        return run is not None and run.number == effect.run

    def spawn(self, effect: Spawn) -> None:
        """Something is to be begun: by whom, its definition says."""
        add = self._manager.happenings.add
        add(Spawned(effect.fmri, effect.run, effect.method, 0))
        if effect.method != "start":
            if effect.method == "refresh":
                self._tell(effect.definition.restarter, "refresh", effect.fmri)
            add(Exited(effect.fmri, effect.run, effect.method, Status("exit", 0)))
            return
        restarter = effect.definition.restarter
        run = self._runs[effect.fmri] = _Run(effect.run, restarter, self._life(restarter))
        run.argv = [] if effect.step.argv == DELEGATED else list(effect.step.argv)
        self._ask(effect.fmri, run)

    def signal(self, effect: Signal) -> None:
        """Of all its processes it is the end that is asked for, else a signal."""
        run = self._runs[effect.fmri]
        if effect.scope == "all":
            run.asked = "stop"
            self._ask(effect.fmri, run)
        else:
            self._tell(run.restarter, "signal", effect.fmri, signal=effect.signo)

    def kill(self, effect: Kill) -> None:
        """The end, whatever it takes."""
        run = self._runs[effect.fmri]
        if effect.scope == "contract":
            run.asked, run.force = "stop", True
            self._ask(effect.fmri, run)

    def release(self, effect: Release) -> None:
        """A run is over: an instance's, or (`over`) a restarter's."""
        self._runs.pop(effect.fmri, None)

    def over(self, fmri: str, number: int) -> None:
        """The run of a restarter is over, and with it everything that it ran."""
        for name, run in self._runs.items():
            if run.restarter == fmri and run.life == number:
                self._gone(name, run)

    def adopt(self, fmri: str, definition: Definition, number: int, ends: bool, life: int) -> None:
        """A predecessor had asked for this."""
        run = self._runs[fmri] = _Run(number, definition.restarter, life)
        run.asked = "stop" if ends else "start"
        run.heard = True
        argv = definition.start[0].argv if definition.start else DELEGATED
        run.argv = [] if argv == DELEGATED else list(argv)

    # -- what restarters use

    def register(self, fmri: str, tell: Tell) -> Callable[[], None]:
        """From now on `tell(event)` hears what is asked of this restarter, first of all what holds;
        returns what ends that. Whoever was registered before is told of nothing any more.
        """
        before = self._clients.get(fmri)
        self._clients[fmri] = tell
        if before is not None:
            before({"event": "replaced"})
        for i in self._of(fmri):
            self._add(i)
        for name, run in sorted(self._runs.items()):
            if run.restarter == fmri:  # also of one whose definition leaves it to another by now
                self._ask(name, run)
        self._tell(fmri, "synced")
        self._manager.log(f"{display(fmri)} has registered as a restarter")

        def end() -> None:
            if self._clients.get(fmri) is tell:
                del self._clients[fmri]
                self._manager.log(f"{display(fmri)} is registered as a restarter no more")

        return end

    def told(
        self, fmri: str, name: str, run: int, state: str, following: str, reason: str, text: str
    ) -> None:
        """A restarter says how an instance of its is (see `Told`). Raises UsageError, Failed."""
        i = self._manager.engine.instances.get(name)
        known = self._runs.get(name)  # it may have another definition by now
        theirs = known.restarter if known is not None else "" if i is None else _restarter(i)
        if i is None or theirs != fmri:
            raise UsageError(f"{display(name)} is not left to {display(fmri)}")
        if run != i.run:
            raise Failed(f"run {run} of {i.name} is over; now it is run {i.run}")
        if i.stage is Stage.IDLE and state in (State.ONLINE, State.DEGRADED):
            raise Failed(f"{i.name} is not to run", hint="end what is left of it")
        self._manager.happenings.add(Told(name, run, state, following, reason, text))
        self._manager.turn()

    # -- after each turn

    def turn(self, touched: Iterable[str]) -> None:
        """Tell of what people did, and of what came and went, among these."""
        for fmri in touched:
            i = self._manager.engine.instances.get(fmri)
            known = self._known.get(fmri)
            if known is not None and (i is None or _restarter(i) != known[0]):
                del self._known[fmri]
                self._tell(known[0], "remove_instance", fmri)
                known = None
            if i is None or not _restarter(i):
                continue
            if known is None:
                self._add(i)
            elif known[1] != _facts(i):
                self._changed(i, known[1])

    # -- inside

    def _of(self, restarter: str) -> list[Instance]:
        known = self._manager.engine.instances
        return [known[name] for name in sorted(known) if _restarter(known[name]) == restarter]

    def _life(self, restarter: str) -> int:
        i = self._manager.engine.instances.get(restarter)
        return 0 if i is None or i.stage is Stage.IDLE else i.run

    def _ask(self, fmri: str, run: _Run) -> None:
        if run.asked == "start":
            run.heard |= self._tell(run.restarter, "start", fmri, argv=run.argv)
            return
        if self._life(run.restarter) != run.life or not run.life:
            self._gone(fmri, run)
        elif not run.heard:
            self._gone(fmri, run, "its start was never taken")
        elif run.force and run.restarter not in self._clients:
            self._gone(fmri, run)  # nobody will ever say how it ends
        else:
            self._tell(run.restarter, "stop", fmri, force=run.force)

    def _gone(self, fmri: str, run: _Run, text: str = "") -> None:
        text = text or f"its restarter {display(run.restarter)} has ended"
        self._manager.happenings.add(Told(fmri, run.number, "offline", "", "", text))

    def _tell(self, restarter: str, event: str, fmri: str = "", **more: Any) -> bool:
        """Whether anybody hears it; who does not yet is told when it registers."""
        tell = self._clients.get(restarter)
        if tell is None:
            return False
        i = self._manager.engine.instances.get(fmri)
        about = {"fmri": fmri, "run": i.run if i is not None else 0} if fmri else {}
        tell({"event": event, **about, **more})
        return True

    def _add(self, i: Instance) -> None:
        self._known[i.fmri] = (_restarter(i), _facts(i))
        state, following = str(i.shown_state), str(i.shown_next)
        more = {"enabled": i.effective, "state": state, "next_state": following}
        self._tell(_restarter(i), "add_instance", i.fmri, **more, reason=i.reason)

    def _changed(self, i: Instance, before: tuple[Any, ...]) -> None:
        """One event for each thing that differs."""
        restarter, now = _restarter(i), _facts(i)
        self._known[i.fmri] = (restarter, now)
        (was_wanted, had, was_aside, was_less), (wanted, has, aside, less) = before, now
        if wanted != was_wanted:
            self._tell(restarter, "enable" if wanted else "disable", i.fmri)
        if has and (has != had or aside != was_aside):
            word = "maintenance_on_immediate" if aside else "maintenance_on"
            self._tell(restarter, has if has in _CYCLES else word, i.fmri, reason=has)
        elif had and not has:
            self._tell(restarter, "maintenance_off", i.fmri)
        if less != was_less:
            self._tell(restarter, "degraded" if less else "restore", i.fmri)


def _restarter(i: Instance) -> str:
    """Who implements it; "" where that is ourselves."""
    d = i.definition
    return d.restarter if d.restarter and d.ready.kind == "told" else ""


def _facts(i: Instance) -> tuple[Any, ...]:
    """What a restarter is told of when it changes."""
    fault = i.static or i.fault
    return i.effective, fault.word if fault else "", i.aside, "admin" in i.degraders
