"""Reloads, one after the other: definitions are read again by a process of their own, and what
differs is taken over in one turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stoker.engine import Removed
from stoker.errors import Failed, Refused, StokerError
from stoker.model import Compiled, Definition, Request

from .reload import Compile, changes, mistakes

if TYPE_CHECKING:
    from .core import Manager

__all__ = ["Reloading"]


class Reloading:
    """Who asked for a reload of `manager`'s definitions, and what becomes of it."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._asked: list[tuple[Callable[[Any], object], bool, str]] = []

    def ask(self, call: Callable[[Any], object], dry: bool, who: str) -> None:
        """Read the definitions again, after those who asked before; `call` gets {changes, mistakes,
        operation} or an error. `dry`: nothing changes.
        """
        self._asked.append((call, dry, who))
        if len(self._asked) == 1:
            self._compile()

    def unasked(self, who: str) -> None:
        """The same where nobody waits for the answer."""
        self.ask(self._answered, False, who)

    def _answered(self, answer: Any) -> None:
        if isinstance(answer, StokerError):
            self._manager.log(f"reload: {answer}")

    def files_changed(self) -> None:
        """Something has happened in a directory of definitions."""
        manager = self._manager
        if not manager.leaving and manager.engine.shutdown is None:
            manager.log("files may have changed: definitions are read again")
            self.unasked("a change of files")

    def unwatched(self, text: str) -> None:
        """Changes of files are not noticed, and why; "": they are again."""
        if text:
            self._manager.log(text)
            self._manager.notices["watch"] = text
        else:
            self._manager.notices.pop("watch", None)

    def _compile(self) -> None:
        manager = self._manager
        _call, dry, _who = self._asked[0]
        if not dry:
            manager.parent.reloading()
        Compile(manager.loop, manager.executor, manager.place, self._compiled, dry)

    def _compiled(self, found: Compiled | StokerError) -> None:
        manager, link = self._manager, self._manager.link
        if link is not None and isinstance(found, Compiled) and not link.known:
            link.when_known(lambda: self._compiled(found))
            return
        call, dry, who = self._asked[0]
        answer: Any
        try:
            answer = found if isinstance(found, StokerError) else self._take_over(found, dry, who)
        except StokerError as error:
            answer = error
        except Exception as error:
            manager.failed(error)
            answer = Failed(f"the definitions could not be taken over: {error}")
        self._asked.pop(0)
        if not dry:
            manager.parent.ready()
        if self._asked:
            self._compile()
        call(answer)

    def _take_over(self, compiled: Compiled, dry: bool, who: str) -> dict[str, Any]:
        manager = self._manager
        instances = manager.engine.instances.values()
        old = {i.fmri: i.definition for i in instances if not i.removed}
        new = {one.fmri: one for one in compiled.definitions}
        running = [i.fmri for i in instances if i.live]
        rows = changes(old, new, running, self._wanted)
        answer: dict[str, Any] = {
            "changes": rows,
            "mistakes": mistakes(compiled),
            "operation": None,
        }
        if dry:
            return answer
        if manager.leaving:
            raise Refused("the manager is ending", hint="stoker up")
        touched = {row["fmri"] for row in rows}
        fresh = []
        for event in manager.define(compiled):
            name = event.definition.fmri
            if name in touched or old.get(name) != event.definition:
                manager.happenings.add(event)
            if name not in old:
                fresh.append(event.definition)
        manager.doors.defined(fresh)
        manager.milestone.take(fresh, who)
        for fmri in old:
            if fmri not in new:
                manager.happenings.add(Removed(fmri))
        manager.on_settings()
        manager.log(f"definitions read again: {len(rows)} changed, {len(compiled.errors)} mistakes")
        answer["operation"] = manager.submit(Request(verb="reload", who=who))
        return answer

    def _wanted(self, fmri: str, definition: Definition) -> bool:
        manager = self._manager
        known = manager.engine.instances.get(fmri)
        if known is not None:
            if known.override is not None:
                return known.override.value
            if known.intent is not None:
                return known.intent.enabled
            return definition.enabled
        intent = manager.link.intents.get(fmri) if manager.link is not None else None
        return definition.enabled if intent is None else intent.enabled
