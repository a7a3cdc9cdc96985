"""The simulated world for users: the real engine, simulated processes, simulated time.

Names are those that people type (``web``, ``web:blue``). Nothing here starts a process, reads a
clock or sleeps, and nothing is random: the same acts give the same day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stoker.engine import Behaviour, Engine, Fact, Now, Publish
from stoker.engine import World as Inner
from stoker.model import (
    Definition,
    Dependency,
    InstanceView,
    OperationView,
    Ready,
    Request,
    RestartOn,
    Step,
    canonical,
    display,
)

__all__ = ["FakeClock", "World", "service"]

SECOND = 1_000_000_000
COMMAND = (Step(argv=("/bin/true",)),)


class FakeClock:
    """A clock that moves only when told to. `monotonic()` and `time()` read as those of `time` do.

    >>> clock = FakeClock()
    >>> before = clock.monotonic()
    >>> clock.advance(90)
    >>> clock.monotonic() - before
    90.0
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        """`wall`: seconds since the epoch at the beginning."""
        self.now = Now(1000 * SECOND, int(wall * SECOND))

    def monotonic(self) -> float:
        """Seconds of a clock that is never set."""
        return self.now.mono / SECOND

    def time(self) -> float:
        """Seconds since the epoch."""
        return self.now.wall / SECOND

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for less than nothing."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds} s")
        step = int(seconds * SECOND)
        self.now = Now(self.now.mono + step, self.now.wall + step)

    def set(self, wall: float) -> None:
        """Set the wall clock, in seconds since the epoch: no time passes."""
        self.now = Now(self.now.mono, int(wall * SECOND))


class _Inner(Inner):
    """The engine's world, on a clock that others may read."""

    clock: FakeClock

    def __init__(self, engine: Engine, clock: FakeClock, **words: Any) -> None:
        self.clock = clock
        super().__init__(engine, now=clock.now, **words)

    @property
    def now(self) -> Now:
        """The present moment."""
        return self.clock.now

    @now.setter
    def now(self, value: Now) -> None:
        self.clock.now = value


def service(
    name: str,
    *,
    requires: str | Sequence[str] = (),
    restart_on: str = "none",
    ready: str = "spawn",
    **fields: Any,
) -> Definition:
    """A definition with little to write.

    `requires`: what must be up first (``"db"``, ``"file:///path"``, ``"input:NAME"``), each as a
    dependency of its own with `restart_on`. `ready`: the kind of readiness ("spawn", "notify",
    "exit", …; with a time limit of 30 s where something must speak). `fields`: any other field of
    `stoker.model.Definition`. Raises UsageError for a name that is none.

    >>> service("web", requires="db", ready="notify").fmri
    'svc:/web:default'
    """
    needs = (requires,) if isinstance(requires, str) else tuple(requires)
    groups = tuple(Dependency((_target(one),), restart_on=RestartOn(restart_on)) for one in needs)
    fields.setdefault("dependencies", groups)
    fields.setdefault("start", COMMAND)
    timeout = None if ready in ("spawn", "delay") else 30.0
    fields.setdefault("ready", Ready(kind=ready, timeout=timeout))
    return Definition(canonical(name), **fields)


def _target(name: str) -> str:
    return name if name.startswith(("file:", "input:")) else canonical(name)


class World:
    """A place with simulated processes. Everything happens when told to, and then at once.

    >>> world = World(service("db"), service("web", requires="db", restart_on="restart"))
    >>> world.settle()
    True
    >>> world.states()
    {'db': 'online', 'web': 'online'}
    >>> world.ask("stop", "db").outcome
    'done'
    >>> world.states()
    {'db': 'disabled', 'web': 'offline'}
    >>> world.why("web")
    ['requires db (disabled: stopped by tester)']

    `behaviour`: how processes act, by name, for those that do not simply run: an instance of
    `stoker.engine.Behaviour` (``Behaviour(exit_after=5.0)``, ``Behaviour(ready_after=None)`` …).
    `clock`: a `FakeClock` to share with other code under test. `files`: paths that exist. `cap`:
    how many starts may be under way at once.
    """

    def __init__(
        self,
        *services: Definition,
        behaviour: Mapping[str, Behaviour] | None = None,
        clock: FakeClock | None = None,
        files: Iterable[str] = (),
        cap: int | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        named = {canonical(name): one for name, one in (behaviour or {}).items()}
        there = [f"file://{path}" for path in files]
        self._inner = _Inner(Engine(cap=cap), self.clock, behaviour=named, files=there)
        self._inner.define(*services)

    # -- what happens

    def define(self, *services: Definition) -> None:
        """Definitions are read, for the first time or again: what changed is acted upon."""
        self._inner.define(*services)

    def remove(self, *names: str) -> None:
        """Definitions are gone."""
        self._inner.remove(*map(canonical, names))

    def ask(self, verb: str, *names: str, **fields: Any) -> OperationView:
        """A person asks for something: start, stop, restart, refresh, enable, disable, clear, mark,
        settle, down. `fields`: others of `stoker.model.Request`. The operation as it stands then.
        """
        fields.setdefault("who", "tester")
        number = self._inner.ask(Request(verb, tuple(map(canonical, names)), **fields))
        return self.operation(number)

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that happens in it."""
        self._inner.advance(seconds)

    def settle(self, seconds: float = 3600.0) -> bool:
        """Let time pass until nothing more would happen. False: after `seconds` something still
        would.
        """
        return self._inner.run(seconds)

    def end(self, name: str, code: int = 0) -> None:
        """The main process ends by itself, with this exit status."""
        self._inner.exit(canonical(name), code)

    def kill(self, name: str, signal: int = 9) -> None:
        """A signal from outside ends the main process."""
        self._inner.kill(canonical(name), signal)

    def behave(self, name: str, **changes: Any) -> None:
        """From now on its processes act otherwise: fields of `stoker.engine.Behaviour`."""
        self._inner.with_behaviour(canonical(name), **changes)

    def input(self, name: str, value: bool = True) -> None:
        """An input is turned on or off."""
        self._inner.tell(Fact("active" if name == "active" else f"input:{name}", value))

    def file(self, path: str, exists: bool = True) -> None:
        """A file appears, or goes."""
        target = f"file://{path}"
        if exists:
            self._inner.files.add(target)
        else:
            self._inner.files.discard(target)
        self._inner.tell(Fact(target, exists))

    def replace_manager(self) -> None:
        """The manager dies; another takes over. No service notices."""
        self._inner.replace_manager()

    # -- what is seen

    def state(self, name: str) -> str:
        """ "online", or "offline/online" while it is becoming online. Raises KeyError."""
        return self._inner.state(canonical(name))

    def states(self) -> dict[str, str]:
        """The states of all, by the names that people see."""
        return {display(fmri): self._inner.state(fmri) for fmri in self._inner.engine.fmris()}

    def view(self, name: str) -> InstanceView:
        """Everything that a listing shows of one. Raises KeyError."""
        return self._inner.engine.view(canonical(name), self.clock.now)

    def why(self, name: str) -> list[str]:
        """What keeps it from being up; empty when it is."""
        return [reason.text for reason in self._inner.engine.reasons(canonical(name))]

    def alive(self, name: str) -> bool:
        """Whether it has any process."""
        return self._inner.alive(canonical(name))

    def operation(self, number: int) -> OperationView:
        """One operation as it stands. Raises KeyError."""
        found = self._inner.engine.operation(number)
        if found is None:
            raise KeyError(number)
        return found

    def transitions(self, name: str | None = None) -> list[Publish]:
        """Every published change of state so far, in order; of one instance, or of all."""
        wanted = None if name is None else canonical(name)
        return [one for one in self._inner.published if wanted in (None, one.fmri)]

    @property
    def exit_status(self) -> int | None:
        """What the manager ended with after "down"; None while it runs."""
        return self._inner.exited
