"""What to do next: state + events + now → effects. Pure; the same events give the same decisions.

Facts come in (`events`), each is written down where it belongs and decides nothing (`apply`). Then
the engine settles: it looks at every instance that a fact could matter to, compares what is wanted
with what is, and takes the next step (`moves`), until nobody is left who could take one. What must
be done about it goes out (`effects`). Nothing is queued to be done later: what becomes possible
later is found then, because every fact that could make it possible marks those concerned. A step
never waits; waiting is a stage, with a deadline where there is one.

**Stage** is the only stored truth about a run. A run begins in `prepare` (or `start`), is `up`
when its readiness says so, and goes by `stop`, `kill`, `decide`, `cleanup` back to `idle`; each
may be passed through in an instant. SMF's states and nosh's phases are columns computed from it:

    stage    state            next state                     phase
    idle     rest             -                              stopped
    prepare  offline          online                         starting
    start    offline          online                         starting
    up       online/degraded  -                              running
    refresh  online/degraded  the same                       running
    stop     online/degraded  rest                           stopping
    kill     online/degraded  rest                           running
    decide   online/degraded  rest                           failed
    cleanup  online/degraded  rest                           stopping

*rest* is maintenance with a fault, else disabled when not wanted, else offline. A run that never
was up stays offline/online to its end. Idle is `failed` while it waits to try again; start is
`running` once its process is there, for those whose phase says so; kill is `starting` if no main
process ever ran.

**Wanted** (`gates`) is the override, else the administrator's choice, else the definition. What is
wanted and idle starts when no gate has a `Reason` against it; what runs stops when there is a
`Halt`. Explaining is asking the gates again. A *withdrawal* (stop, disable, removal, sleep,
shutdown) lets dependents go first, leaf first over all levels; a *bounce* (restart, fault, exit)
waits for nobody.

**Relations** (`graph`, `values`) are edges with cached values and counted groups: a change of one
target costs one step for each group that cites it. A departure is a stamp of one global counter,
and a dependent is stale while a stamp that it minds is younger than its own start: so nothing is
lost when a manager dies, or when the target is back before anyone looked.

**Inputs** (`given`, `inputs`) are what the engine is told about the machine: words of people and of
watchers, from which facts follow; `active` is one that every instance needs, save watchers.

**Operations** (`operations`) set goals, member by member; the relations that act only once (wants,
conflicts, requirements, part_of) act there. A goal is settled when it is reached or has failed
once: then orderings go on. Whoever asked is told when what failed has come to rest, too.

**Loops** of dependencies are a fault of all their members. In a loop that only orderings close
nobody begins before another; who of them may still come is looked at together (`hope`).

What the executor owes: every Spawn is answered by exactly one Spawned or NotSpawned; the exit of a
main process is told before the Empty of its contract (an Empty with main believed alive means that
nobody saw how it ended); a Signal or Kill for a contract without processes is answered by Empty.

Not here: clocks, files, processes, names of formats. `World` simulates what the effects ask for.
"""

from __future__ import annotations

from . import effects as _effects
from . import events as _events
from .effects import *  # noqa: F403
from .events import *  # noqa: F403
from .facts import Cause, Customs, Fault, Halt, Instance, Operation, Override
from .gates import Reason
from .graph import hard_targets
from .loops import cycle, draw, find_loops
from .machine import Engine
from .methods import LATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .world import Behaviour, World

__all__ = [
    *_effects.__all__,
    *_events.__all__,
    "LATE",
    "Behaviour",
    "Cause",
    "Customs",
    "Engine",
    "Fault",
    "Halt",
    "Instance",
    "Operation",
    "Override",
    "Reason",
    "World",
    "cycle",
    "draw",
    "find_loops",
    "hard_targets",
]


def __getattr__(name: str) -> Any:
    if name in ("Behaviour", "World"):  # no manager simulates anything
        from . import world

        return getattr(world, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
