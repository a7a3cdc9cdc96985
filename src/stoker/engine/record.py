"""State records: an instance (and the engine itself) as JSON data, and back.

A record leaves out what has its initial value. Keys of a later version are kept and written again.
The counters `seq` and `ctid` are not written for themselves: the highest one found in the records
is the present one.
"""

from __future__ import annotations

from itertools import compress
from operator import attrgetter, ne
from typing import Any

from msgspec.structs import astuple

from stoker.model import Intent, Stage, restart_digest

from . import methods
from .core import Core, Shutdown
from .delegated import TOLD
from .effects import ProbeOn, Save
from .events import Adopted, Status
from .facts import Cause, Fault, Halt, Instance, Member, Operation, Override, as_list, as_status
from .given import as_data, from_data
from .lanes import is_starting, is_stopping

__all__ = ["adopt", "engine_record", "instance_record", "restore"]

VERSION = 1

_PLAIN: tuple[tuple[str, Any], ...] = (
    ("run", 0),
    ("ctid", 0),
    ("was_up", False),
    ("aside", False),
    ("main", 0),
    ("main_start", 0),
    ("main_alive", False),
    ("main_ran", False),
    ("method", ""),
    ("step", 0),
    ("method_pid", 0),
    ("pending", ""),
    ("ready_seen", False),
    ("hurt", ""),
    ("populated", False),
    ("deadline", None),
    ("rung", -1),
    ("not_before", None),
    ("parting", False),
    ("unclean", False),
    ("contract_ok", True),
    ("fails", 0),
    ("delay_step", 0),
    ("healthy_since", None),
    ("restarts", 0),
    ("baseline", 0),
    ("departed_fault", 0),
    ("departed_restart", 0),
    ("refreshed", 0),
    ("arrived", 0),
    ("ended", 0),
    ("failed", 0),
    ("failed_text", ""),
    ("bounce", 0),
    ("bounce_class", "restart"),
    ("bounce_reason", "restart_request"),
    ("settled", False),
    ("rested", False),
    ("asked_refresh", False),
    ("removed", False),
    ("effective", False),
    ("shown_state", "uninitialized"),
    ("shown_next", ""),
    ("reason", "insert_in_graph"),
    ("since", 0),
    ("spoken", 0),
    ("status_text", ""),
    ("watchdog", 0),
    ("herald", ""),
)
_NAMES = tuple(name for name, _ in _PLAIN)
_INITIAL = tuple(initial for _, initial in _PLAIN)
_PLAIN_NAMES = frozenset(_NAMES)
_values = attrgetter(*_NAMES)  # all at once: a record is made thrice for each start
_STAMPS = (
    "baseline",
    "departed_fault",
    "departed_restart",
    "refreshed",
    "arrived",
    "ended",
    "failed",
    "bounce",
)
_stamps = attrgetter(*_STAMPS)
_COPIED = ("degraders", "probe_fails", "probe_ok", "starts")
_KNOWN = frozenset(
    {*_NAMES, *_COPIED}
    | {"v", "stage", "digest", "intent", "later", "override", "fault", "halted", "gone", "result"}
    | {"bounce_cause", "cause", "records", "ops"}
)


def instance_record(core: Core, i: Instance) -> dict[str, Any]:
    """Everything about an instance that a successor needs."""
    r: dict[str, Any] = {"v": VERSION, "stage": str(i.stage)}
    values = _values(i)
    r.update(compress(zip(_NAMES, values, strict=True), map(ne, values, _INITIAL)))
    for name in _COPIED:
        value = getattr(i, name)
        if value:
            r[name] = value.copy()
    if i.stage is not Stage.IDLE:
        if not i.run_digest and i.run_definition is not None:
            i.run_digest = restart_digest(i.run_definition)
        r["digest"] = i.run_digest
    for name, intent in (("intent", i.intent), ("later", i.later_choice)):
        if intent is not None:
            r[name] = [intent.enabled, intent.by, intent.when, intent.why, intent.until]
    if i.override is not None:
        r["override"] = [*astuple(i.override)]
    if i.fault is not None:
        r["fault"] = [*astuple(i.fault)]
    if i.halted is not None:
        h = i.halted
        r["halted"] = [h.kind, str(h.cls), h.reason, [*astuple(h.cause)], h.waits]
    if i.gone is not None:
        r["gone"] = as_list(i.gone)
    if i.result is not None:
        r["result"] = i.result if isinstance(i.result, str) else as_list(i.result)
    if i.bounce_cause.text:
        r["bounce_cause"] = [*astuple(i.bounce_cause)]
    if i.cause.text:
        r["cause"] = [*astuple(i.cause)]
    if i.records:
        r["records"] = {name: as_list(status) for name, status in i.records.items()}
    if i.ops:
        r["ops"] = {str(n): [m.goal, m.run, m.outcome, m.note] for n, m in i.ops.items()}
    kept = core.kept.get(i.fmri)
    return {**kept, **r} if kept else r


def _load_instance(core: Core, i: Instance, r: dict[str, Any]) -> None:
    i.stage = Stage(r.get("stage", "idle"))
    i.since = i.spoken = 0  # all else is as `_PLAIN` has it
    for name in r.keys() & _PLAIN_NAMES:
        setattr(i, name, r[name])
    for name in _COPIED:
        if name in r:
            setattr(i, name, r[name].copy())
    i.run_digest = str(r.get("digest", ""))
    i.intent, i.later_choice = _intent(r.get("intent")), _intent(r.get("later"))
    i.override = Override(*r["override"]) if "override" in r else None
    i.fault = Fault(*r["fault"]) if "fault" in r else None
    if "halted" in r:
        kind, cls, reason, cause, waits = r["halted"]
        i.halted = Halt(kind, cls, reason, Cause(*cause), waits)
    i.gone = as_status(r.get("gone"))
    result = r.get("result")
    i.result = result if isinstance(result, str) else as_status(result)
    i.bounce_cause = Cause(*r["bounce_cause"]) if "bounce_cause" in r else Cause("")
    i.cause = Cause(*r["cause"]) if "cause" in r else Cause("")
    i.records = {n: s for n, d in r.get("records", {}).items() if (s := as_status(d)) is not None}
    for number, (goal, run, outcome, note) in r.get("ops", {}).items():
        op = core.ops.get(int(number))
        if op is not None and not op.outcome:
            i.ops[op.number] = op.members[i.fmri] = Member(i.fmri, goal, run, outcome, note)
            op.open += not outcome
    core.seq = max(core.seq, *_stamps(i))
    core.ctids = max(core.ctids, i.ctid)
    i.restored = i.stage is not Stage.IDLE
    i.spoken = i.spoken or i.since
    i.begins, i.ends = is_starting(i), is_stopping(i)
    core.starts.busy += i.begins
    core.stops.busy += i.ends
    others = r.keys() - _KNOWN
    if others:
        core.kept[i.fmri] = {name: value for name, value in r.items() if name in others}


def _intent(data: Any) -> Intent | None:
    return None if data is None else Intent(*data)


_OVER = 20  # operations that are over and still known to a successor


def engine_record(core: Core) -> dict[str, Any]:
    """What belongs to no instance."""
    ops = list(core.ops.values())
    # Those that ended last, not those that began last: somebody may still be waiting for them.
    over = sorted((op for op in ops if op.outcome), key=lambda op: op.ended or 0)[-_OVER:]
    told = sorted([op for op in ops if not op.outcome] + over, key=lambda op: op.number)
    r: dict[str, Any] = {
        "v": VERSION,
        "seq": core.seq,
        "ctid": core.ctids,
        "token": core.tokens,
        "operation": core.operation_number,
        "facts": dict(core.facts),
        "fact_stamps": dict(core.fact_stamps),
        "active": core.active,
        "inputs": as_data(core),
        "settled": core.settled_before,
        "settling": list(core.settling),
        "operations": [_operation_record(core, op) for op in told],
        "saves": [
            [token, number, fmri, None if n is None else [n.enabled, n.by, n.when, n.why, n.until]]
            for token, (number, fmri, n) in core.saves.items()
        ],
    }
    if core.shutdown is not None:
        s = core.shutdown
        r["shutdown"] = [s.status, [*astuple(s.cause)], s.hurry, s.hurry_at]
    return {**core.kept.get("engine", {}), **r}


def _operation_record(core: Core, op: Operation) -> dict[str, Any]:
    settling = op.number in core.settling
    members = [
        [m.fmri, m.goal, m.run, m.outcome, m.note]
        for m in op.members.values()
        if settling or m.outcome not in ("", "done")
    ]
    return {
        "number": op.number,
        "verb": op.verb,
        "who": op.who,
        "why": op.why,
        "stamp": op.stamp,
        "began": op.began,
        "ended": op.ended,
        "deadline": op.deadline,
        "outcome": op.outcome,
        "note": op.note,
        "affected": op.affected[:1000],
        "members": members if settling else members[:200],
        "saving": [[token, fmri] for token, fmri in op.saving.items()],
    }


def _load_engine(core: Core, r: dict[str, Any]) -> None:
    core.seq = max(core.seq, r.get("seq", 0))
    core.ctids = max(core.ctids, r.get("ctid", 0))
    core.tokens = r.get("token", 0)
    core.operation_number = r.get("operation", 0)
    core.facts = dict(r.get("facts", {}))
    core.fact_stamps = dict(r.get("fact_stamps", {}))
    core.seq = max([core.seq, *core.fact_stamps.values()])
    core.active = r.get("active", True)
    from_data(core, r.get("inputs", {}))
    core.settled_before = r.get("settled", False)
    core.settling = list(r.get("settling", []))
    for o in r.get("operations", []):
        op = Operation(o["number"], o["verb"], o["who"], o["why"], o["stamp"], o["began"])
        op.ended, op.deadline, op.outcome = o["ended"], o["deadline"], o["outcome"]
        op.note, op.affected = o["note"], list(o["affected"])
        op.saving = dict(o["saving"])
        op.members = {m[0]: Member(*m) for m in o["members"]}
        core.ops[op.number] = op
        if op.deadline is not None and not op.outcome:
            core.timed[op.number] = op
    for token, number, fmri, intent in r.get("saves", []):
        core.saves[token] = (number, fmri, _intent(intent))
    if "shutdown" in r:
        status, cause, *rest = r["shutdown"]
        core.shutdown = Shutdown(status, Cause(*cause), *rest)
    known = {"v", "seq", "ctid", "token", "operation", "facts", "fact_stamps", "active", "settled"}
    known |= {"settling", "operations", "saves", "shutdown", "inputs"}
    others = {name: value for name, value in r.items() if name not in known}
    if others:
        core.kept["engine"] = others


def restore(core: Core, records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Load the engine's own record; answers those of instances, for when they are defined."""
    if "engine" in records:
        _load_engine(core, records["engine"])
    return {name: r for name, r in records.items() if name != "engine"}


def load(core: Core, i: Instance, r: dict[str, Any]) -> None:
    """Load an instance's record into it, which has just been made."""
    _load_instance(core, i, r)


def resend(core: Core) -> None:
    """Choices whose answer was not seen are given to the recorder again."""
    for token, (_, fmri, intent) in core.saves.items():
        core.emit(Save(token, fmri, intent))


# -- adoption


def adopt(core: Core, i: Instance, e: Adopted) -> None:
    """A new manager found what is left of a run: what died meanwhile has died, what never began
    begins again, what lives goes on.
    """
    i.restored = False
    core.touch(i)
    core.mark(i)
    if i.stage is Stage.IDLE:
        i.populated = e.populated
        return
    i.shown_next = ""
    if i.definition.ready.kind == TOLD and i.run_digest == restart_digest(i.definition):
        i.run_definition = i.definition  # whatever becomes of that, the run is its restarter's
    i.populated = e.populated
    main_expected = i.main_alive
    if e.main == "alive":
        i.main_alive = i.main_ran = True
        i.main_start = e.main_start or i.main_start
        i.populated = True
    elif main_expected:
        i.main_alive = False
        i.gone = e.main if isinstance(e.main, Status) else Status("unknown")
        i.records["main"] = i.gone
    if i.pending:
        _adopt_method(core, i, e)
    if i.stage is Stage.KILL and i.populated and i.rung >= 0:
        i.rung -= 1  # what it sent may not have arrived: send it again
        i.deadline = core.now.mono
    d = i.running_definition()
    if i.stage is Stage.START and not i.pending and d.ready.kind in methods.PROBED:
        core.emit(ProbeOn(i.fmri, i.run, ("ready",), d))
    elif i.stage in (Stage.UP, Stage.REFRESH):
        from .basics import health_on

        health_on(core, i)


def _adopt_method(core: Core, i: Instance, e: Adopted) -> None:
    d = i.running_definition()
    main = methods.is_main(i, d)
    found, other = (e.main, e.method) if main else (e.method, e.main)
    if found == "never" and i.method not in methods.OWN:
        # It may go by the other name: for those who know no steps, or since the definition changed.
        # Processes that nobody can name are swept before anything is started beside them.
        found = other if other != "never" else "unknown" if e.populated else "never"
    if found == "alive":
        if main:
            i.main_alive = i.main_ran = True
            _await_ready(core, i)
        else:
            i.pending = "running"
    elif found == "never":
        if i.stage is Stage.KILL:
            i.pending = i.method = ""
        else:
            steps = getattr(d if i.method in ("prepare", "start") else i.definition, i.method)
            if i.step < len(steps):
                methods.run(core, i, i.method, steps, number=i.step)
            else:
                i.pending = ""  # the definition has no such step any more
    else:
        status = found if isinstance(found, Status) else Status("unknown")
        i.pending = ""
        if main:
            i.main_ran = True
            i.gone = status
            i.records["main"] = i.records["start"] = status
            _await_ready(core, i)
        else:
            i.result = status


def _await_ready(core: Core, i: Instance) -> None:
    """Its main process was started: the predecessor did not live to see that."""
    ready = i.running_definition().ready
    i.pending = ""
    i.ready_seen = i.ready_seen or ready.kind == "spawn"
    if not i.ready_seen:
        i.deadline = core.after(ready.delay if ready.kind == "delay" else ready.timeout)
