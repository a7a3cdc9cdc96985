"""Everything that can be asked through the control socket: one table.

Each row has method, path, role, handler and types; requests are dispatched by it, and the OpenAPI
document is generated from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stoker.model import EventView, InstanceView, RequestBody

from . import foretelling, handlers, restarters, waiting
from .asking import Ask
from .roles import Role

__all__ = ["ROUTES", "Ask", "NotFound", "Route"]

NotFound = handlers.NotFound
Handler = Callable[[Ask], Any]


class Route:
    """One row. `answers`: the members of the answer besides `version`, each with its type.

    `query`: parameter to (JSON type, meaning). `body`: the type of the request's body.
    `stream`: the type of each line where the answer is a stream.
    """

    def __init__(
        self,
        method: str,
        path: str,
        role: Role,
        handler: Handler,
        summary: str,
        *,
        answers: dict[str, Any] | None = None,
        query: dict[str, tuple[str, str]] | None = None,
        body: Any = None,
        stream: Any = None,
        status: int = 200,
    ) -> None:
        self.method, self.path, self.role, self.handler = method, path, role, handler
        self.summary, self.answers, self.query = summary, answers or {}, query or {}
        self.body, self.stream, self.status = body, stream, status
        self._parts = path.strip("/").split("/")

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """The values of the path's parameters, or None if it is another path."""
        if len(parts) != len(self._parts):
            return None
        found = {}
        for have, want in zip(parts, self._parts, strict=True):
            if want.startswith("{"):
                found[want[1:-1]] = have
            elif have != want:
                return None
        return found

    def __repr__(self) -> str:
        return f"Route({self.method} {self.path}, {self.role.name})"


_NAME = {"name": ("array", "a name as people write it, or a pattern; may be repeated")}
_WAIT = {"wait": ("number", "seconds to wait for the end before answering")}

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1", Role.READ, handlers.about, "The manager itself", answers=handlers.ABOUT),
    Route(
        "GET", "/v1/openapi.json", Role.READ, handlers.document, "This document",
        answers={"openapi": str},
    ),
    Route(
        "GET", "/v1/instances", Role.READ, handlers.instances, "All instances, or those named",
        query=_NAME, answers=handlers.INSTANCES,
    ),
    Route(
        "GET", "/v1/instances/{fmri}", Role.READ, handlers.status,
        "Everything about one instance", answers=handlers.STATUS,
    ),
    Route(
        "GET", "/v1/instances/{fmri}/explain", Role.READ, handlers.explain,
        "Why it is, or is not, up", answers={"explain": dict[str, Any]},
    ),
    Route(
        "GET", "/v1/instances/{fmri}/definition", Role.READ, handlers.definition,
        "The effective definition, secrets masked, with where each value comes from",
        answers={"definition": dict[str, Any], "origins": dict[str, str]},
    ),
    Route(
        "GET", "/v1/system", Role.READ, handlers.system,
        "What the manager was told about the machine: \"active\" first, then the conditions",
        answers=handlers.SYSTEM,
    ),
    Route(
        "GET", "/v1/operations", Role.READ, handlers.operations, "Operations under way and recent",
        answers=handlers.OPERATIONS,
    ),
    Route(
        "POST", "/v1/operations", Role.OPERATE, handlers.ask,
        "Ask for something to be done; with dry_run, what would happen",
        body=RequestBody, answers={**handlers.OPERATION, **handlers.PLAN}, status=202,
        query={**_WAIT},
    ),
    Route(
        "GET", "/v1/operations/{number}", Role.READ, handlers.operation, "One operation",
        query=_WAIT, answers=handlers.OPERATION,
    ),
    Route(
        "GET", "/v1/milestone", Role.READ, foretelling.milestone,
        "What would happen if this milestone held",
        query={"name": ("string", "a service, all or none")}, answers=handlers.PLAN,
    ),
    Route(
        "GET", "/v1/events", Role.READ, handlers.events, "What happened, and what happens",
        query={
            **_NAME,
            "cursor": ("integer", "go on after this event; 0: from the oldest kept; absent: now"),
            "follow": ("integer", "1: go on for ever"),
        },
        stream=EventView,
    ),
    Route(
        "GET", "/v1/wait", Role.READ, waiting.wait, "Wait until instances are in a state",
        query={
            **_NAME,
            "for": ("string", "a state (online, offline, disabled, maintenance, …)"),
            "timeout": ("number", "seconds; absent: as long as it takes"),
            "patient": ("integer", "1: also for what will not come without an administrator"),
        },
        answers={"outcome": str, **handlers.INSTANCES},
    ),
    Route(
        "POST", "/v1/reload", Role.ADMINISTER, handlers.reload,
        "Read the definitions again; answered when that ended",
        body=handlers.ReloadBody, answers=handlers.RELOAD,
    ),
    Route(
        "POST", "/v1/properties", Role.ADMINISTER, handlers.properties,
        "Change stored properties, all of it or nothing; answered when it is durable",
        body=handlers.PropertiesBody, answers={"changed": int},
    ),
    Route(
        "POST", "/v1/reexec", Role.ADMINISTER, handlers.reexec,
        "Replace keeper, recorder and manager by what is installed now; answered when it is the "
        "manager's turn, or is not to be",
        status=202,
    ),
    Route(
        "GET", "/v1/restarters/{fmri}", Role.OPERATE, restarters.events,
        "Register as the restarter that an instance is: what is asked of it, from now on",
        stream=restarters.RestarterEvent,
    ),
    Route(
        "POST", "/v1/restarters/{fmri}/states", Role.OPERATE, restarters.told,
        "A restarter says how an instance that is left to it is",
        body=restarters.StateBody, answers={"instance": InstanceView},
    ),
    Route(
        "GET", "/v1/check", Role.READ, handlers.check, "Mistakes found at the last reading",
        answers=handlers.CHECK,
    ),
)  # fmt: skip
