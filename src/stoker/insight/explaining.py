"""Why an instance is, or is not, up: the engine's own reasons, followed from target to target.

The chain ends where there is nothing further to follow: at what a person said, how a process ended,
a file, an input, a mistake in a definition.
"""

from __future__ import annotations

from typing import Any

from stoker.engine import Engine, Instance, Now, Reason
from stoker.model import Stage, State, display

__all__ = ["explain"]

_UP = (Stage.UP, Stage.REFRESH)
_DECIDED = ("removed", "shutdown", "maintenance", "disabled")
_LONGEST = 50
"""Links of one answer: a service that needs a thousand others is not helped by a longer list."""

Link = dict[str, Any]


def explain(engine: Engine, fmri: str, now: Now) -> dict[str, Any]:
    """Why `fmri` is in the state that it is in, and what would change that.

    The answer: {fmri, state, up, why: [{fmri, state, text, reason, depth}], would_change: [{text,
    command, at}]}. `why` is in the order of cause: each link says what is the matter with its own
    `fmri`; links that belong below another one follow it with a greater `depth`. `command` is what
    to type, "" where no command helps; `at` when it happens by itself (RFC 3339), or None. Raises
    KeyError for an unknown instance.
    """
    engine.view(fmri, now)
    i = engine.instance(fmri)
    answer = _Answer(engine)
    up = i.stage in _UP
    if up:
        answer.running(i)
    else:
        answer.down(i, 0)
    return {
        "fmri": fmri,
        "state": _state(i),
        "up": up and i.shown_state == State.ONLINE,
        "why": answer.why,
        "would_change": answer.changes,
    }


def _state(i: Instance) -> str:
    following = f", becoming {i.shown_next}" if i.shown_next else ""
    return f"{i.shown_state}{following}"


class _Answer:
    """The chain as far as it has been followed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.why: list[Link] = []
        self.changes: list[dict[str, str | None]] = []
        self.seen: set[str] = set()

    def link(self, name: str, state: str, text: str, reason: str, depth: int) -> None:
        """One link; no more than fit."""
        if len(self.why) < _LONGEST:
            link: Link = {"fmri": name, "state": state, "text": text, "reason": reason}
            self.why.append({**link, "depth": depth})

    def change(self, text: str, command: str = "", at: str = "") -> None:
        """Something that would help, told once."""
        one = {"text": text, "command": command, "at": at or None}
        if one not in self.changes and len(self.changes) < _LONGEST:
            self.changes.append(one)

    # -- what runs

    def running(self, i: Instance) -> None:
        """Why it is up, degraded, or about to go down."""
        if i.halted is not None:
            view = self.engine.view(i.fmri)
            cause = i.halted.cause.text if i.halted is not None else i.cause.text
            text = f"it {cause}; {view.note}"
            self.link(i.fmri, _state(i), text, "stopping", 0)
            return
        for text in i.degraders.values():
            self.link(i.fmri, _state(i), f"it is degraded: {text}", "degraded", 0)
        if "admin" in i.degraders:
            self.change("taking that back", f"stoker clear {_typed(i)}")
        if i.waits:
            names = ", ".join(map(display, i.waits))
            text = f"its process has been started and is waiting for {names}"
            self.link(i.fmri, _state(i), text, "waiting", 0)
            for target in i.waits:
                self.target(i, target, 1)
        self.link(i.fmri, _state(i), f"it {_wanted(i)}", "wanted", 0)
        if i.cause.text.startswith(("ended", "failed")):
            text = f"it was started again because its last run {i.cause.text}"
            self.link(i.fmri, _state(i), text, i.reason, 0)
        self.change("stopping it", f"stoker stop {_typed(i)}")

    # -- what does not

    def down(self, i: Instance, depth: int) -> None:
        """Why it is not up, and below that why what it waits for is not up."""
        if i.fmri in self.seen:
            return
        self.seen.add(i.fmri)
        if i.stage is not Stage.IDLE:
            self._moving(i, depth)
            return
        reasons = self.engine.reasons(i.fmri)
        # What is not wanted does not wait for anything, whatever else it would have to wait for.
        reasons = [one for one in reasons if one.code in _DECIDED] or reasons
        failed = i.cause.text.startswith(("ended", "failed"))
        for reason in reasons:
            self.link(i.fmri, _state(i), _sentence(reason), reason.code, depth)
            if reason.code == "backoff" and failed:
                self.link(i.fmri, _state(i), f"its last run {i.cause.text}", i.reason, depth + 1)
            self._remedy(i, reason)
            for target in reason.targets:
                self.target(i, target, depth + 1)
        if not reasons:
            text = "nothing is in its way: it is about to start"
            self.link(i.fmri, _state(i), text, "starting", depth)

    def _moving(self, i: Instance, depth: int) -> None:
        d = i.running_definition()
        if i.stage in (Stage.PREPARE, Stage.START):
            if i.parting:
                text, code = f"it is to stop ({_cause(i)}) once its start has ended", "stopping"
            elif i.stage is Stage.PREPARE:
                text, code = "its preparation is running", "starting"
            else:
                text, code = f"it has been started and is not ready yet ({_waits(i)})", "starting"
            self.link(i.fmri, _state(i), text, code, depth)
            if code == "starting":
                if d.ready.timeout is not None:
                    self.change(
                        f"{i.name} becoming ready (otherwise it is given up and tried again)"
                    )
                self.change("looking at what it says", f"stoker logs {_typed(i)}")
            return
        text = f"its last run is being ended ({i.stage}): {_cause(i)}"
        self.link(i.fmri, _state(i), text, "stopping", depth)
        for reason in self.engine.reasons(i.fmri):
            if reason.code in ("disabled", "maintenance", "removed", "shutdown"):
                self._remedy(i, reason)

    def target(self, owner: Instance, target: str, depth: int) -> None:
        """One thing that `owner` waits for."""
        engine = self.engine
        if not target.startswith("svc:"):
            self._fact(owner, target, depth)
            return
        names = [f for f in engine.fmris() if f == target or f.rpartition(":")[0] == target]
        if not names:
            self.link(target, "absent", "no definition has this name", "absent", depth)
            self.change(f"a definition of {display(target)}")
        for name in names:
            i = engine.instance(name)
            if i.stage in _UP and not i.parting:
                self._up_and_not_enough(owner, i, depth)
            else:
                self.down(i, depth) if i.stage not in _UP else self._parting(i, depth)

    def _parting(self, i: Instance, depth: int) -> None:
        text = f"it is going down: it {_cause(i)}"
        self.link(i.fmri, _state(i), text, "stopping", depth)

    def _up_and_not_enough(self, owner: Instance, i: Instance, depth: int) -> None:
        """It runs, and that is not what the dependency wants of it."""
        for group in owner.groups:
            if group.value == 4 or not any(i in edge.instances for edge in group.edges):
                continue
            if group.excludes:
                text = f"it runs, and {owner.name} cannot run beside it: it {_wanted(i)}"
                self.link(i.fmri, _state(i), text, "excluded", depth)
                self.change(f"stopping {i.name}", f"stoker stop {_typed(i)}")
                return
            condition = group.dependency.condition
            text = f"it is up, but {owner.name} wants it {condition}"
            if i.degraders:
                text += f": {'; '.join(i.degraders.values())}"
            self.link(i.fmri, _state(i), text, str(condition), depth)
            return

    def _fact(self, owner: Instance, target: str, depth: int) -> None:
        if target == "active":
            cause = self.engine.active_cause.text
            self.link(target, "off", cause, "inactive", depth)
            self.change("waking the system", "stoker system wake")
            return
        kind, _, name = target.partition(":")
        given = bool(self.engine.facts.get(target))
        if kind == "file":
            path = name.removeprefix("//")
            text = "it is there" if given else "it is not there"
            self.link(target, "present" if given else "absent", text, "file", depth)
            self.change(f"{'removing' if given else 'creating'} the file {path}")
        else:
            self._input(name, given, depth)

    def _input(self, name: str, met: bool, depth: int) -> None:
        """A condition, who says so, and who else could say otherwise."""
        row = next((one for one in self.engine.input_views() if one.name == name), None)
        if row is None or not row.by:
            text = f"nobody gives {name}"
            if row is not None and row.watcher:
                text += f"; its watcher {row.watcher} has said nothing yet"
                self.change(f"what {row.watcher} finds", f"stoker logs {row.watcher}")
        else:
            text = f"it is {'met' if met else 'unmet'}, says {row.who or 'somebody'}"
            text += f" ({row.why})" if row.why else ""
        self.link(f"input:{name}", "met" if met else "unmet", text, "input", depth)
        if row is not None and row.by == "person" and row.watcher_says not in (None, met):
            self.change(f"leaving it to {row.watcher}", f"stoker system unset {name}")
        word = "unmet" if met else "met"
        self.change(f"saying that {name} is {word}", f"stoker system set {name} {word}")

    # -- what would help

    def _remedy(self, i: Instance, reason: Reason) -> None:
        code = reason.code
        if code == "disabled":
            if i.override is not None and not i.enabled:
                self.change(f"enabling {i.name}", f"stoker enable {_typed(i)}")
            elif i.override is None:
                self.change(f"enabling {i.name} for good", f"stoker enable {_typed(i)}")
            self.change(f"starting {i.name}", f"stoker start {_typed(i)}")
            self._until(i)
        elif code == "maintenance":
            if i.static is not None:
                self.change(f"mending the definition of {i.name}, then", "stoker reload")
            else:
                self.change("seeing what it said last", f"stoker logs {_typed(i)}")
                self.change("once that is mended", f"stoker clear {_typed(i)}")
                self._until(i)
        elif code == "backoff":
            self._until(i)
            self.change("trying again now", f"stoker start {_typed(i)}")
        elif code == "ordering_loop":
            self.change(
                "taking one of these orderings out of the definitions, then", "stoker reload"
            )
        elif code == "shutdown":
            self.change("starting the place again when it is down", "stoker up")
        elif code == "removed":
            self.change(f"bringing back the definition of {i.name}, then", "stoker reload")

    def _until(self, i: Instance) -> None:
        until = self.engine.view(i.fmri).until
        if until is not None:
            self.change(f"waiting: {i.name} is looked at again by itself", at=until)


def _typed(i: Instance) -> str:
    """A name as it is typed at a shell."""
    from shlex import quote

    return f"-- {quote(i.name)}" if i.name.startswith("-") else quote(i.name)


def _wanted(i: Instance) -> str:
    """Why it is wanted, as what follows "it"."""
    o = i.override
    if o is not None:
        if o.by == "person":
            by = f"was started by {o.who}" if o.who else "was started on request"
            return f"{by} ({o.why})" if o.why else by
        return o.why
    if i.intent is not None:
        by = f"was enabled by {i.intent.by}" if i.intent.by else "was enabled"
        return f"{by} ({i.intent.why})" if i.intent.why else by
    return "is enabled in its definition"


def _cause(i: Instance) -> str:
    if i.parting and i.halted is not None:
        return i.halted.cause.text
    return i.cause.text


def _sentence(reason: Reason) -> str:
    return reason.text if reason.code in ("shutdown", "inactive") else f"it {reason.text}"


def _waits(i: Instance) -> str:
    """What a start waits for."""
    ready = i.running_definition().ready
    words = {
        "notify": "it has not said READY=1",
        "fd": f"nothing was written to descriptor {ready.fd}",
        "probe": "its probe does not succeed",
        "pidfile": f"{ready.path} does not name a process of it",
        "log": f"its output has no line with {ready.pattern!r}",
        "delay": f"it must live for {ready.delay:g} s",
        "exit": "its start command has not ended",
        "told": f"its restarter {display(i.definition.restarter)} has not said that it is up",
    }
    return words.get(ready.kind, "its process is being started")
