"""A request as handlers see it: who asks, what for, and the manager to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stoker.errors import NoSuchService, Refused, UsageError
from stoker.model import InstanceView, Mistaken, display, matching

from .offers import Offers
from .roles import Rights, Role

if TYPE_CHECKING:
    from .connection import Exchange
    from .server import ControlSocket

__all__ = ["Ask"]


class Ask:
    """One request. `found` has the path's parameters, `query` the query's, `body` what was sent."""

    def __init__(
        self,
        door: ControlSocket,
        exchange: Exchange,
        rights: Rights,
        found: dict[str, str],
        query: dict[str, list[str]],
    ) -> None:
        self.door = door
        self.exchange = exchange
        self.rights = rights
        self.found = found
        self.query = query
        self.body: Any = None

    @property
    def manager(self) -> Offers:
        """The manager."""
        return self.door.manager

    @property
    def who(self) -> str:
        """The asker, for people."""
        return self.exchange.peer.name

    def read_body(self, kind: Any) -> None:
        """Decode the request's body as `kind`. Raises UsageError."""
        if kind is None:
            return
        try:
            self.body = msgspec.json.decode(self.exchange.body or b"{}", type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise UsageError(f"the request's body: {wrong}", hint="GET /v1/openapi.json") from None

    def text(self, name: str) -> str | None:
        """A parameter of the query, the last one given."""
        values = self.query.get(name)
        return values[-1] if values else None

    def number(self, name: str) -> float | None:
        """A parameter that is a number, not negative. Raises UsageError."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1e12:
            raise UsageError(f"{name}={text[:40]!r} is not a number")
        return value

    def integer(self, name: str) -> int | None:
        """A parameter that is a whole number, not negative. Raises UsageError."""
        text = self.text(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 19:
            raise UsageError(f"{name}={text[:40]!r} is not a whole number")
        return int(text)

    def resolve(self, names: list[str]) -> list[str]:
        """The FMRIs that names stand for; what the asker may not see does not exist."""
        try:
            return self.door.names(self.visible()).matching(names)
        except NoSuchService as error:
            if error.candidates:
                raise  # it stands for several: that is what is wrong
            self._refused(names)
            raise

    def mistakes(self, fmri: str) -> list[Mistaken]:
        """The errors in the files that stand for an instance, as they were read last."""
        return [one for one in self.manager.compiled.errors if fmri in one.fmri.split()]

    def _refused(self, names: list[str]) -> None:
        """Raise NoSuchService with the mistake, if that is why a name stands for nothing."""
        refused = {fmri: one for one in self.manager.compiled.errors for fmri in one.fmri.split()}
        known = [fmri for fmri in refused if self.rights.to(fmri) >= Role.READ]
        loaded = self.visible()
        for name in names:
            for among in (loaded, known):
                try:
                    found = matching([name], among)
                except NoSuchService:
                    continue
                if among is known:
                    mistake = refused[found[0]]
                    raise NoSuchService(
                        f"{display(found[0])} is not loaded: {mistake}",
                        hint="mend the file, then: stoker reload",
                    )
                break

    def visible(self) -> list[str]:
        """All FMRIs that the asker may see."""
        known: list[str] = self.manager.engine.fmris()
        if self.rights.sees_all():
            return known
        return [fmri for fmri in known if self.rights.to(fmri) >= Role.READ]

    def one(self) -> str:
        """The FMRI in the path. Raises NoSuchService, also when it stands for several."""
        name = self.found["fmri"]
        fmris = self.resolve([name])
        if len(fmris) != 1:
            shown = [display(fmri) for fmri in fmris]
            raise NoSuchService(
                f"{name} stands for {', '.join(shown[:8])}", hint="name one", candidates=shown
            )
        return fmris[0]

    def views(self, fmris: list[str] | None) -> list[InstanceView]:
        """Listing rows: of these, or of all that the asker may see."""
        if fmris is None:
            if self.rights.sees_all():
                return list(self.manager.views())
            fmris = self.visible()
        return [self.manager.view(fmri) for fmri in fmris]

    def need(self, role: Role, fmris: list[str] | None) -> None:
        """Raise Refused unless the asker has `role` for all these (None: for the whole place)."""
        if self.rights.may(role, fmris):
            return
        where = "here"
        if fmris is not None:
            lacking = [display(fmri) for fmri in fmris if self.rights.to(fmri) < role]
            where = f"on {', '.join(lacking[:5])}{' …' if len(lacking) > 5 else ''}"
        raise Refused(
            f"{self.who} may not {role.name.lower()} {where}",
            hint="roles are granted in the place's settings ([[role]])",
        )

    def later(self, seconds: float | None, look: Any, over: Any, ended: Any = lambda: None) -> None:
        """Answer later: `look()` after each turn until it answers something, `over()` at the end.

        Both return an answer; `look` None while there is none yet. Nothing is left behind when the
        client goes away. `ended()` is called once, whatever way it ends.
        """
        import time

        timer: Any = None

        def finish(answer: Any) -> None:
            self.door.unwatch(again)
            if timer is not None:
                timer.cancel()
            ended()
            if answer is not None:
                self.exchange.answer(200, answer)

        def again() -> None:
            answer = look()
            if answer is not None:
                finish(answer)

        self.exchange.on_gone = lambda: finish(None)
        if seconds is not None:
            due = time.monotonic_ns() + int(seconds * 1e9)
            timer = self.door.loop.at(due, lambda: finish(over()))
        self.door.watch(again)
