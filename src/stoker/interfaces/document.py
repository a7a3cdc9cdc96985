"""The OpenAPI document, generated from the table of routes and the types of the model."""

from __future__ import annotations

from typing import Any

import msgspec

from stoker import __version__

from .routes import ROUTES, Route
from .wire import PROTOCOL

__all__ = ["openapi"]


class ErrorDetail(msgspec.Struct):
    """What is wrong, and the one thing to do about it. `exit_status`: what a command ends with."""

    code: str
    message: str
    hint: str = ""
    exit_status: int = 1
    candidates: list[str] = []


def openapi() -> dict[str, Any]:
    """The document, as plain data."""
    types = _types()
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stoker",
            "version": __version__,
            "description": (
                "The control socket of a manager: HTTP/1.1 on a unix socket. Peer credentials "
                "decide who may do what. Each request may carry Stoker-Protocol; another major "
                f"number than {PROTOCOL} is answered 426."
            ),
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _types() -> list[Any]:
    found: dict[str, Any] = {repr(ErrorDetail): ErrorDetail}
    for route in ROUTES:
        for kind in (*route.answers.values(), route.body, route.stream):
            if kind is not None:
                found[repr(kind)] = kind
    return list(found.values())


def _operation(route: Route, by_type: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": route.summary,
        "description": f"Needs the role {route.role.name.lower()}.",
        "operationId": f"{route.method.lower()}_{route.handler.__name__}",
        "parameters": _parameters(route),
        "responses": {
            str(route.status): _answer(route, by_type),
            "default": {
                "description": "Why not",
                "content": {"application/json": {"schema": _object(_error(by_type))}},
            },
        },
    }
    if route.body is not None:
        schema = by_type[repr(route.body)]
        found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return found


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for part in route.path.split("/"):
        if part.startswith("{"):
            found.append(
                {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
            )
    for name, (kind, meaning) in route.query.items():
        schema: dict[str, Any] = {"type": kind}
        if kind == "array":
            schema["items"] = {"type": "string"}
        found.append({"name": name, "in": "query", "description": meaning, "schema": schema})
    return found


def _answer(route: Route, by_type: dict[str, Any]) -> dict[str, Any]:
    if route.stream is not None:
        schema, kind = by_type[repr(route.stream)], "application/x-ndjson"
    else:
        members = {name: by_type[repr(part)] for name, part in route.answers.items()}
        schema, kind = _object(members), "application/json"
    return {"description": route.summary, "content": {kind: {"schema": schema}}}


def _error(by_type: dict[str, Any]) -> dict[str, Any]:
    return {"error": by_type[repr(ErrorDetail)]}


def _object(members: dict[str, Any]) -> dict[str, Any]:
    properties = {"version": {"const": 1}, **members}
    return {"type": "object", "required": ["version"], "properties": properties}
