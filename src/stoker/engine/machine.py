"""`Engine`: the one object that other rooms hold."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from stoker.model import InputView, InstanceView, OperationView, Stage

from . import closures, gates, hope, inputs, operations, views
from .aftermath import look_calm
from .apply import apply
from .basics import shut_down
from .core import Core
from .effects import Effect, Exit
from .events import Adopted, Event, Now
from .facts import Cause, Customs, Instance, Member
from .graph import build
from .moves import change_of_mind, decide
from .record import adopt, engine_record, instance_record, load, resend, restore
from .values import propagate

__all__ = ["Engine"]


class Engine(Core):
    """Decides what to do next. `cap`: how many starts may be under way at once (None: any).
    `down_timeout`: seconds after which going down kills what is left (None: each ladder decides).
    """

    def __init__(self, *, cap: int | None = None) -> None:
        super().__init__(cap=cap)
        self._records: dict[str, dict[str, Any]] = {}
        self._resend = False

    def handle(self, events: Iterable[Event], now: Now) -> list[Effect]:
        """Apply all `events`, then decide until nothing is left to decide; the effects in order.

        `now` must never run backwards. Raises TypeError for what is no event.
        """
        self.now = now
        self.turn += 1
        effects: list[Effect] = []
        self.effects = effects
        if self._resend:
            self._resend = False
            resend(self)
        for event in events:
            apply(self, event)
            if self._records and self.rebuild:
                self._load_records()
        if self._records:
            self._forget_records()
        if self.rebuild:
            self._rebuild()
        self.clock_moved()
        self.due()
        self._hurry()
        self.tangled = bool(self.looped)
        self._change_minds()
        self._settle_all()
        if self.looped or self.opens:
            hope.notice(self)
        operations.run_out(self)
        operations.settle_operations(self)
        if self.queue:
            self._settle_all()
        self._exit()
        self.wake()
        return effects

    def _change_minds(self) -> None:
        """Take in what is wanted, of all of them before anybody acts on what others want."""
        known = 0
        while known < len(self.queue):
            new = list(islice(self.queue, known, None))
            known = len(self.queue)
            for i in new:
                change_of_mind(self, i)
                if i.watchers:
                    self.flow.append(i)

    def _settle_all(self) -> None:
        self._settle()
        while self.rebuild:
            self._rebuild()
            self._settle()

    def _settle(self) -> None:
        """Decide about everybody, or until the graph must be made anew: what is left of a circle of
        which a member is gone knows nothing true of it. Others that are to go go before that.
        """
        queue, flow, later = self.queue, self.flow, []
        while queue or (self.tangled and not self.rebuild):
            while flow:
                propagate(self, flow.pop())
            if self.tangled and not self.rebuild:
                hope.look(self)
                continue
            i = queue.popleft()
            if self.rebuild and not i.removed:
                later.append(i)
                continue
            i.dirty = False
            decide(self, i)
        queue.extend(later)

    def _rebuild(self) -> None:
        self.rebuild = False
        for i in list(self.instances.values()):
            if i.restored:
                adopt(self, i, Adopted(i.fmri))
        freed = self.looped
        build(self)
        while self.flow:
            propagate(self, self.flow.pop())
        for i in freed:
            if i.later and i.fmri in self.instances:
                look_calm(self, i)  # as far as it hung on others of its circle
        self.tangled = bool(self.looped)

    def _hurry(self) -> None:
        """Going down in order has taken as long as it may."""
        down = self.shutdown
        if down is None or down.hurry or down.hurry_at is None or self.now.mono < down.hurry_at:
            return
        cause = Cause("was killed because going down took longer than the settings' down_timeout")
        shut_down(self, down.status, cause, hurry=True)

    def _exit(self) -> None:
        if self.shutdown is None or self.exited or self.live:
            return
        self.exited = True
        for op in list(self.ops.values()):
            if op.verb == "down" and not op.outcome:
                operations.maybe_end(self, op)
        self.emit(Exit(self.shutdown.status))

    def adapt(self, customs: Customs) -> None:
        """Decide by these customs from now on."""
        if customs != self.customs:
            self.customs = customs
            self.rebuild = True

    # -- state

    def take_changed(self) -> dict[str, dict[str, Any] | None]:
        """Records of what changed since the last call, by FMRI and "engine"; None: forgotten."""
        found: dict[str, dict[str, Any] | None] = {}
        for name in self.changed:
            if name == "engine":
                found[name] = engine_record(self)
            else:
                i = self.instances.get(name)
                found[name] = None if i is None else instance_record(self, i)
        self.changed = {}
        return found

    def records(self) -> dict[str, dict[str, Any]]:
        """All state records, whether changed or not."""
        found = {i.fmri: instance_record(self, i) for i in self.instances.values()}
        return {"engine": engine_record(self), **found}

    def restore(self, records: dict[str, dict[str, Any]]) -> None:
        """Take over a predecessor's records. Then, in one `handle`: `Defined` for every definition,
        `Adopted` for every instance that had a run.
        """
        self._records = restore(self, records)
        self._resend = True

    def _load_records(self) -> None:
        """Give instances that have just been defined their records."""
        name = next(reversed(self.instances))
        record = self._records.pop(name, None)
        if record is not None:
            load(self, self.instances[name], record)

    def _forget_records(self) -> None:
        """Records of instances that nobody defined any more: what was asked of them is over."""
        for name, record in self._records.items():
            self.changed[name] = None
            inputs.withdraw(self, name)
            for number, (goal, run, outcome, note) in record.get("ops", {}).items():
                op = self.ops.get(int(number))
                if op is not None and not op.outcome:
                    outcome, note = outcome or "cancelled", note or "its definition is gone"
                    op.members[name] = Member(name, goal, run, outcome, note)
        self._records = {}
        for op in list(self.ops.values()):
            operations.maybe_end(self, op)

    def copy(self) -> Engine:
        """An independent engine in the same state, for a dry run."""
        other = Engine(cap=self.cap)
        other.down_timeout = self.down_timeout
        other.customs = self.customs
        rest = restore(other, self.records())
        other.now, other.turn = self.now, self.turn
        for i in self.instances.values():
            twin = Instance(i.definition)
            load(other, twin, rest[i.fmri])
            twin.restored = False
            twin.run_definition, twin.run_digest = i.run_definition, i.run_digest
            twin.calm, twin.quiet, twin.goes, twin.leaving = i.calm, i.quiet, i.goes, i.leaving
            twin.moving, twin.live, twin.turn = i.moving, i.live, i.turn
            twin.probing = i.probing
            other.moving += i.moving
            other.live += i.live
            other.instances[i.fmri] = twin
        other.watched, other.unknown = dict(self.watched), dict(self.unknown)
        other.active_cause = self.active_cause
        other.exited = self.exited
        other.starts.waiting = dict(self.starts.waiting)
        other.stops.waiting = dict(self.stops.waiting)
        build(other)
        other.effects = []
        other.changed = {}
        return other

    # -- questions

    def input_views(self) -> list[InputView]:
        """What the manager was told about the machine, "active" first."""
        return inputs.input_views(self)

    def view(self, fmri: str, now: Now | None = None) -> InstanceView:
        """One instance for people; raises KeyError."""
        self.now = now or self.now
        return views.instance_view(self, self.instances[fmri])

    def views(self, now: Now | None = None) -> list[InstanceView]:
        """All instances, in the order of their definitions."""
        self.now = now or self.now
        return [views.instance_view(self, i) for i in self.instances.values()]

    def fmris(self) -> list[str]:
        """The names of all instances."""
        return list(self.instances)

    def instance(self, fmri: str) -> Instance:
        """The facts about one instance, to read and not to change; raises KeyError."""
        return self.instances[fmri]

    def reasons(self, fmri: str) -> list[gates.Reason]:
        """What keeps an instance from being up; empty when it is up. Raises KeyError."""
        return gates.reasons(self, self.instances[fmri])

    def dependencies(self, fmri: str) -> list[dict[str, Any]]:
        """One row for each target of each dependency; raises KeyError."""
        return views.dependencies(self, self.instances[fmri])

    def dependents(self, fmri: str) -> list[str]:
        """The instances that depend on, or come after, this one."""
        i = self.instances[fmri]
        found = [edge.group.owner.fmri for edge in i.watchers] + [o.fmri for o in i.later]
        return list(dict.fromkeys(found))

    def goes_down(self, fmris: Iterable[str]) -> tuple[list[str], list[str]]:
        """If these stopped: what the rules would stop too, and what would go on without them."""
        return closures.goes_down(self, [self.instances[name] for name in fmris])

    def operation(self, number: int) -> OperationView | None:
        """One operation; None when it is unknown or long over."""
        op = self.ops.get(number)
        return None if op is None else views.operation_view(op)

    def operations(self) -> list[OperationView]:
        """Open ones and the latest of those that are over, oldest first."""
        return [views.operation_view(op) for op in self.ops.values()]

    def next_operation(self) -> int:
        """A number for the next request."""
        self.operation_number += 1
        self.touch_engine()
        return self.operation_number

    def quiet(self) -> bool:
        """Nothing is in transition: only time, an input or an administrator changes anything."""
        return (
            self.moving == 0
            and not self.unknown
            and not any(i.stage not in (Stage.IDLE, Stage.UP) for i in self.instances.values())
        )
