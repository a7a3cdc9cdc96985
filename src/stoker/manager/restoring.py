"""Beginning: from the records of a predecessor, and what is left of its runs, to the first turn.

Order matters: the engine is given its records, then every definition, then what was found of each
run, all in one turn, so that nothing is decided on half of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from stoker.engine import Adopted, Event, Spawned, Status, Told
from stoker.linux import channel
from stoker.model import Definition, restart_digest
from stoker.process import Contracts, End, Executor, Found, KeptEnd, Remains, adopt, recognise

from .delegation import Delegation
from .happenings import NOTE, Happenings, note_of
from .keeping import SEEN

__all__ = ["SHOWN", "TRIED", "Records", "kept_end", "recognised", "remains", "take_over"]

OWN = "manager"
"""The key of the manager's own record in the state log."""

SHOWN = "shown/"
"""What the keys begin with under which a door remembers what it shows."""

TRIED = "tried"
"""The key of how many managers in a row, us included, have taken the records up and not served."""


class Records(msgspec.Struct):
    """The state log's values, sorted: the engine's, the notes about ends, our own, `SEEN`,
    what doors show. `tried`: so many managers took them up in vain. `recognised`: nobody recorded
    the runs, which were found.
    """

    engine: dict[str, dict[str, Any]] = {}
    ends: dict[str, dict[str, tuple[int, End]]] = {}
    notes: list[str] = []
    own: dict[str, Any] = {}
    seen: object = None
    shown: dict[str, Any] = {}
    tried: int = 0
    recognised: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Records:
        """From what `StateLog.open` returned. What makes no sense is left out."""
        found = cls()
        for key, value in values.items():
            if key.startswith(NOTE):
                found.notes.append(key)
                note = note_of(key, value)
                if note is not None:
                    fmri, method, run, end = note
                    found.ends.setdefault(fmri, {})[method] = (run, end)
            elif key == OWN:
                found.own = value if isinstance(value, dict) else {}
            elif key.startswith(SHOWN):
                found.shown[key.removeprefix(SHOWN)] = value
            elif key == SEEN:
                found.seen = value
            elif isinstance(value, dict):
                found.engine[key] = value
        return found


def kept_end(told: channel.Exit, contracts: Contracts) -> KeptEnd:
    """What the keeper told about an end."""
    name = contracts.name_of(told.cgroup) if told.cgroup else ""
    return KeptEnd(told.pid, told.start, End.of(told.code, told.status), name, told.mark)


def remains(
    fmri: str, record: Mapping[str, Any], definition: Definition, records: Records
) -> Remains | None:
    """What a record says about a run; None when there is no run."""
    if record.get("stage", "idle") == "idle":
        return None
    run = int(record.get("run", 0))
    method, pending = str(record.get("method", "")), str(record.get("pending", ""))
    main = None
    if record.get("main_alive"):
        main = (int(record.get("main", 0)), int(record.get("main_start", 0)))
    process = None
    if pending in ("running", "killed"):
        process = (int(record.get("method_pid", 0)), 0)
    ends = {
        word: end for word, (number, end) in records.ends.get(fmri, {}).items() if number == run
    }
    return Remains(
        fmri=fmri,
        run=run,
        ctid=int(record.get("ctid", 0)),
        definition=definition,
        main=main,
        method=method,
        process=process,
        expected=method if pending == "asked" else "",
        step=int(record.get("step", 0)),
        watchdog=int(record.get("watchdog", 0)),
        ends=ends,
    )


def recognised(executor: Executor, definitions: Iterable[Definition]) -> Records:
    """Records for what runs already though nobody recorded it: it is not started again."""
    found = Records(recognised=True)
    for one in recognise(executor, definitions):
        record: dict[str, Any] = {
            "v": 1,
            "stage": "up",
            "run": one.run,
            "ctid": one.ctid,
            "was_up": True,
            "populated": True,
            "effective": True,
            "settled": True,
            "digest": restart_digest(one.definition),
            "shown_state": "online",
            "reason": "adopted",
            "since": time.time_ns(),
            "cause": ["was found running, by its contract", "", 0],
        }
        if one.main is not None:
            record |= {"main": one.main[0], "main_start": one.main[1]}
            record |= {"main_alive": True, "main_ran": True}
        found.engine[one.fmri] = record
    return found


def take_over(
    executor: Executor,
    records: Records,
    definitions: Iterable[Definition],
    ends: Callable[[], Iterable[KeptEnd]],
    items: Mapping[str, int],
    happenings: Happenings,
    delegation: Delegation,
) -> list[Event]:
    """Look for every recorded run; the events that tell the engine what was found.

    What the history may not know yet is told to it (again). A run's begin is told before it is
    recorded that its process was started, so of whom the records know that it is known, but for
    what a recorder had not made durable when it died. Of ends only the first counts.
    """
    known = {one.fmri: one for one in definitions}
    todo = []
    events: list[Event] = []
    for fmri, record in records.engine.items():
        # A run whose definition is gone is nobody's any more: its contract is then left over.
        one = remains(fmri, record, known[fmri], records) if fmri in known else None
        if one is None:
            continue
        if _is_told(one, record):
            restarter = records.engine.get(one.definition.restarter, {})
            going = record["stage"] not in ("prepare", "start", "up", "refresh")
            life = int(restarter.get("run", 0))
            delegation.adopt(fmri, one.definition, one.run, going, life)
            events.append(Adopted(fmri, "alive", "alive", True))
            if restarter.get("stage", "idle") == "idle":  # nobody is left who could say so
                events.append(Told(fmri, one.run, "offline", "", "", "its restarter has ended"))
            continue
        todo.append(one)
    runs = {one.fmri: one for one in todo}
    for found in adopt(executor, todo, ends, items):
        one = runs[found.fmri]
        if found.pid and found.alive:
            events.append(Spawned(found.fmri, one.run, one.expected, found.pid, found.start))
        starts = one.expected == "start"
        if (starts and found.pid) or records.recognised:
            happenings.began(found.fmri, one.run, found.pid)
        elif one.method != "prepare" and not (starts and one.step == 0):
            happenings.goes_on(found.fmri, one.run)
        if isinstance(found.main, End):
            happenings.ended(found.fmri, one.run, "main", found.main)
        elif one.method == "start" and isinstance(found.method, End):
            whole = one.definition.ends == "never" and not found.populated
            happenings.ended(found.fmri, one.run, "main" if whole else "start", found.method)
        if not found.populated:
            happenings.emptied(found.fmri, one.run)
        events.append(_adopted(found))
    return events


def _is_told(one: Remains, record: Mapping[str, Any]) -> bool:
    """Whether another restarter has the run: not if it was one of ours, and only its definition
    leaves it to somebody now.
    """
    if one.definition.ready.kind != "told":
        return False
    here = one.main is not None and not one.main[0]  # what lives has no process of ours
    return here or record.get("digest") == restart_digest(one.definition)


def _adopted(found: Found) -> Adopted:
    main, method = _status(found.main), _status(found.method)
    return Adopted(found.fmri, main, method, found.populated, found.main_start)


def _status(found: End | str) -> Status | str:
    if isinstance(found, str):
        return found
    return Status(found.kind, found.number, found.core)
