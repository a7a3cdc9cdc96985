"""What would happen: the engine run in its simulated world, on a copy or from nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from stoker.engine import (
    Asked,
    Defined,
    Effect,
    Empty,
    Engine,
    Event,
    Exit,
    Exited,
    Fact,
    Instance,
    Now,
    Publish,
    Ready,
    Signal,
    Spawned,
    Status,
    World,
)
from stoker.model import Definition, Grouping, PlanStep, Request, Stage, display, signal_name

__all__ = ["plan", "start_order"]

HORIZON = 3600.0
"""Seconds that a dry run looks ahead."""

_MOMENTS = 2000
_STOPS = ("stop", "kill", "disable")
_RUNNING = ("online", "degraded")
_FINE = Status("exit", 0)
_WHOM = {"main": "its main process", "all": "every process of it"}


def plan(engine: Engine, request: Request, now: Now) -> tuple[list[PlanStep], list[str]]:
    """What `request` would do, in order, and the FMRIs it would move without naming them.

    Nothing is changed: a copy of the engine is asked, and answered by simulated processes. `action`
    of a step: start, stop, refresh, signal, disable, wait (wanted, and not yet possible), set aside
    (maintenance), degrade, clear, leave (it goes on without what is stopped), fail (this part of
    the request), refuse (all of it), end (the manager). `at` is seconds after the request as far as
    delays and deadlines are concerned. What would happen without the request too (another's next
    attempt, the end of somebody's choice) is no step of it.
    """
    copy, number, found = _foretold(engine, request, now)
    anyway = Counter(map(_what, _foretold(engine, None, now)[2]))
    steps = []
    for step in found:
        if anyway[_what(step)] > 0:
            anyway[_what(step)] -= 1
        else:
            steps.append(step)
    op = copy.operation(number)
    affected = op.affected if op is not None else []
    steps += _endings(copy, number, steps)
    if op is not None and op.outcome != "failed" and request.verb in _STOPS:
        _down, without = engine.goes_down([*request.names, *affected])
        why = f"goes on without {', '.join(map(display, request.names))}"
        last = steps[-1].at if steps else 0.0
        steps += [PlanStep(last, name, "leave", why) for name in without]
    named = set(request.names)
    moved = [*affected, *(step.fmri for step in steps if step.action != "leave")]
    return steps, [name for name in dict.fromkeys(moved) if name and name not in named]


def _foretold(
    engine: Engine, request: Request | None, now: Now
) -> tuple[Engine, int, list[PlanStep]]:
    """A copy that has seen the hour after `request` (None: after nothing), the number of the
    operation, and what happened.
    """
    copy = engine.copy()
    files = [name for name, there in copy.facts.items() if there and name.startswith("file:")]
    world = World(copy, files=files, now=now)
    world.tell(*_as_if_done(copy))
    world.log.clear()
    number = copy.next_operation()
    if request is not None:
        world.tell(Asked(number, request))
    for _ in range(_MOMENTS + 20 * len(copy.instances)):
        at = world.next_moment()
        if at is None or (at - now.mono) / 1e9 > HORIZON:
            break
        world.advance((at - world.now.mono) / 1e9)
    steps: list[PlanStep] = []
    for at_seconds, effect in world.log:
        steps += _steps(copy, request, at_seconds, effect)
    return copy, number, steps


def _what(step: PlanStep) -> tuple[float, str, str]:
    return step.at, step.fmri, step.action


def _as_if_done(engine: Engine) -> Iterable[Event]:
    """What is under way now is taken to go well: the simulated world does not know of it."""
    for i in engine.instances.values():
        if i.stage is Stage.IDLE:
            continue
        if i.pending == "asked":
            yield Spawned(i.fmri, i.run, i.method, 1)
        if i.stage is Stage.KILL:
            yield Empty(i.fmri, i.run)
        elif i.pending and not _is_main(i):
            yield Exited(i.fmri, i.run, i.method, _FINE)
        if i.stage in (Stage.PREPARE, Stage.START):
            yield Ready(i.fmri, i.run)


def _is_main(i: Instance) -> bool:
    d = i.running_definition()
    return i.method == "start" and d.ready.kind not in ("exit", "pidfile")


def _steps(engine: Engine, request: Request | None, at: float, effect: Effect) -> list[PlanStep]:
    at = round(at, 3)
    if isinstance(effect, Publish):
        action = _action(effect)
        return [PlanStep(at, effect.fmri, action, effect.cause)] if action else []
    if isinstance(effect, Signal):
        asked = request is not None and request.verb == "signal" and effect.fmri in request.names
        told = f"{signal_name(effect.signo)} to " + _WHOM.get(effect.scope, effect.scope)
        return [PlanStep(at, effect.fmri, "signal", told)] if asked else []
    if isinstance(effect, Exit):
        return [PlanStep(at, "", "end", f"everything is down; status {effect.status}")]
    return []


def _action(e: Publish) -> str:
    """The word for one publication; "" where another one says it."""
    if e.state in _RUNNING:
        if e.old_state in _RUNNING and e.old_state != e.state:
            return "degrade" if e.state == "degraded" else "clear"
        if e.next_state in _RUNNING:
            return "refresh"
        return "stop" if e.next_state else ""
    if e.next_state:
        return "start" if e.next_state == "online" else ""
    if e.old_state in _RUNNING:
        return ""  # its stop was told when it began
    if e.state == "disabled":
        return "disable" if e.old_state != "uninitialized" else ""
    if e.state == "maintenance":
        return "set aside"
    if e.state == "offline" and e.old_state == "disabled":
        return "enable"
    return ""


def _endings(engine: Engine, number: int, steps: list[PlanStep]) -> Iterable[PlanStep]:
    """What of the request would not be done, and what would go on waiting."""
    op = engine.operation(number)
    if op is None:
        return
    if op.outcome == "failed" and op.note and all(m.note == op.note for m in op.members):
        yield PlanStep(0.0, "", "refuse", op.note)
        return
    last = steps[-1].at if steps else 0.0
    for m in op.members:
        if m.outcome in ("failed", "impossible"):
            yield PlanStep(last, m.fmri, "fail", m.note)
    moved = dict.fromkeys([*(m.fmri for m in op.members), *(step.fmri for step in steps)])
    for name in moved:
        i = engine.instances.get(name)
        if i is None or i.stage is not Stage.IDLE or i.shown_state != "offline":
            continue
        reasons = "; ".join(reason.text for reason in engine.reasons(name))
        if reasons:
            yield PlanStep(last, name, "wait", reasons)


def start_order(definitions: Iterable[Definition]) -> list[list[str]]:
    """The FMRIs that would start, in waves: each wave starts when those before it are up.

    Every file and input that something requires is taken to be there. What is not enabled, and what
    can never start, is in no wave.
    """
    known = list(definitions)
    required, excluded = _facts(known)
    given = [name for name in required if name not in excluded]
    waves: list[list[str]] = []
    started: set[str] = set()
    world = World(Engine(), files=[n for n in given if n.startswith("file:")], keep_log=False)

    def after(_events: list[Event], effects: list[Effect]) -> None:
        wave = [
            e.fmri
            for e in effects
            if isinstance(e, Publish) and e.next_state == "online" and e.fmri not in started
        ]
        wave = list(dict.fromkeys(wave))
        if wave:
            started.update(wave)
            waves.append(wave)

    world.after = after
    facts: list[Event] = [Fact(name, True) for name in given]
    world.tell(*facts, *(Defined(one) for one in known))
    for _ in range(_MOMENTS):
        at = world.next_moment()
        if at is None or world.elapsed() > HORIZON:
            break
        world.advance((at - world.now.mono) / 1e9)
    return waves


def _facts(definitions: Iterable[Definition]) -> tuple[dict[str, None], dict[str, None]]:
    required: dict[str, None] = {}
    excluded: dict[str, None] = {}
    for d in definitions:
        for one in d.dependencies:
            into = excluded if one.grouping == Grouping.EXCLUDE_ALL else required
            into |= {t: None for t in one.targets if not t.startswith("svc:")}
    return required, excluded
