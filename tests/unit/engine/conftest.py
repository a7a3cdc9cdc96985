"""Short ways to define services and look at what the engine did with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stoker.engine import Behaviour, Engine, Publish, Spawn, World
from stoker.model import Definition, Dependency, Step

UP = ("online", "degraded")
COMMAND = (Step(argv=("/bin/service",)),)


class Bench:
    """A world whose services have one-word names."""

    def __init__(self, cap: int | None = None, **behaviour: Behaviour) -> None:
        named = {self.name(word): b for word, b in behaviour.items()}
        self.world = World(Engine(cap=cap), behaviour=named)

    @staticmethod
    def name(word: str) -> str:
        return word if ":" in word else f"svc:/{word}:default"

    def service(self, word: str, **fields: Any) -> Definition:
        fields.setdefault("start", COMMAND)
        return Definition(fmri=self.name(word), **fields)

    def needs(self, *words: str, **fields: Any) -> Dependency:
        return Dependency(tuple(self.name(word) for word in words), **fields)

    def define(self, **services: dict[str, Any]) -> None:
        self.world.define(*(self.service(word, **fields) for word, fields in services.items()))

    def ask(self, verb: str, *words: str, **fields: Any) -> int:
        from stoker.model import Request

        names = tuple(self.name(word) for word in words)
        fields.setdefault("who", "root")
        return self.world.ask(Request(verb, names, **fields))

    def state(self, word: str) -> str:
        return self.world.state(self.name(word))

    def states(self, *words: str) -> str:
        return " ".join(self.state(word) for word in words)

    def view(self, word: str) -> Any:
        return self.world.engine.view(self.name(word), self.world.now)

    def run(self, word: str) -> int:
        return self.world.engine.instance(self.name(word)).run

    def outcome(self, number: int) -> str:
        found = self.world.engine.operation(number)
        assert found is not None
        return found.outcome

    def member(self, number: int, word: str) -> tuple[str, str]:
        found = self.world.engine.operation(number)
        assert found is not None
        m = next(m for m in found.members if m.fmri == self.name(word))
        return m.outcome, m.note

    def path(self, word: str) -> list[str]:
        """What was published of a service: "state/next" or "state"."""
        return [
            f"{p.state}/{p.next_state}" if p.next_state else str(p.state)
            for p in self.world.published
            if p.fmri == self.name(word)
        ]

    def order(self, kind: str = "stopping") -> list[str]:
        """The services in the order in which they began to stop, or were started."""
        found = []
        for _, e in self.world.log:
            if kind == "started" and isinstance(e, Spawn) and e.method == "start":
                found.append(e.fmri[5:-8])
            elif kind == "stopping" and isinstance(e, Publish) and e.old_state in UP:
                if e.next_state in ("", e.state):
                    continue
                found.append(e.fmri[5:-8])
        return found

    def forget(self) -> None:
        """Look only at what comes from now on."""
        self.world.log.clear()
        self.world.published.clear()

    def starts(self, word: str) -> list[float]:
        """When the service's start method was begun, in seconds."""
        return [
            at
            for at, e in self.world.log
            if isinstance(e, Spawn) and e.method == "start" and e.fmri == self.name(word)
        ]


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Makes a `Bench`."""
    return Bench
