"""What each route does. A handler returns the answer, or None when it answers later or streams."""

from __future__ import annotations

import os
import time
from typing import Any

import msgspec

from stoker import __version__
from stoker.errors import Failed, Refused, StokerError, UsageError
from stoker.model import (
    Definition,
    InputView,
    InstanceView,
    OperationView,
    PlanStep,
    Request,
    StatusView,
    display,
    is_input,
    mask,
    parse_time,
    signal_number,
)

from .asking import Ask
from .foretelling import foretold
from .roles import Role
from .stream import EventStream
from .wire import PROTOCOL

__all__ = ["NotFound"]


class NotFound(StokerError):
    """There is no such thing to ask."""


class ReloadBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/reload."""

    dry_run: bool = False


class PropertiesBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/properties: rows as `stoker.repository` takes them; `expect`, the count of
    changes that they were made from.
    """

    changes: list[dict[str, Any]]
    expect: int | None = None


ABOUT: dict[str, Any] = {
    "stoker": str,
    "protocol": int,
    "pid": int,
    "keeper_pid": int,
    "generation": int,
    "place": str,
    "kind": str,
    "containment": str,
    "notices": list[str],
    "cursor": int,
    "smf": str,
}
INSTANCES: dict[str, Any] = {"instances": list[InstanceView]}
STATUS: dict[str, Any] = {"status": StatusView, "mistakes": list[dict[str, Any]]}
OPERATION: dict[str, Any] = {"operation": OperationView}
OPERATIONS: dict[str, Any] = {"operations": list[OperationView]}
PLAN: dict[str, Any] = {"plan": list[PlanStep], "affected": list[str]}
RELOAD: dict[str, Any] = {
    "changes": list[dict[str, Any]],
    "mistakes": list[dict[str, Any]],
    "operation": int | None,
}
SYSTEM: dict[str, Any] = {"inputs": list[InputView]}
CHECK: dict[str, Any] = {"mistakes": list[dict[str, Any]], "ignored": list[tuple[str, str]]}

# What each verb of an operation needs; what is not here cannot be asked.
VERBS = {
    "start": Role.OPERATE,
    "stop": Role.OPERATE,
    "restart": Role.OPERATE,
    "refresh": Role.OPERATE,
    "signal": Role.OPERATE,
    "clear": Role.OPERATE,
    "mark": Role.OPERATE,
    "sleep": Role.OPERATE,
    "wake": Role.OPERATE,
    "set": Role.OPERATE,
    "unset": Role.OPERATE,
    "give": Role.OPERATE,
    "settle": Role.OPERATE,
    "enable": Role.ADMINISTER,
    "disable": Role.ADMINISTER,
    "down": Role.ADMINISTER,
}
_INPUTS = ("set", "unset", "give")
_UNNAMED = ("down", "sleep", "wake", "set", "unset")
_WHOLE = (*_UNNAMED, "settle", "give")


def about(ask: Ask) -> dict[str, Any]:
    """The manager itself."""
    manager = ask.manager
    return {
        "version": 1,
        "stoker": __version__,
        "protocol": PROTOCOL,
        "generation": manager.generation,
        "place": manager.place.name,
        "kind": manager.place.kind,
        "cursor": manager.cursor,
        "smf": manager.settings.smf,
        **manager.about(),
    }


def document(ask: Ask) -> dict[str, Any]:
    """The OpenAPI document."""
    from .document import openapi  # here: generated from the table that this module is part of

    return openapi()


def instances(ask: Ask) -> dict[str, Any]:
    """All instances, or those named."""
    names = ask.query.get("name")
    return {"version": 1, "instances": ask.views(ask.resolve(names) if names else None)}


def status(ask: Ask) -> dict[str, Any]:
    """Everything about one."""
    fmri = ask.one()
    mistakes = [msgspec.structs.asdict(one) for one in ask.mistakes(fmri)]
    return {"version": 1, "status": ask.manager.status(fmri), "mistakes": mistakes}


def explain(ask: Ask) -> dict[str, Any]:
    """Why it is, or is not, up."""
    from stoker.insight import explain as why  # here: nobody pays for it who does not ask

    found = why(ask.manager.engine, ask.one(), ask.manager.now())
    return {"version": 1, "explain": found}


def definition(ask: Ask) -> dict[str, Any]:
    """The effective definition with its origins, secrets masked."""
    fmri = ask.one()
    found: Definition = ask.manager.engine.instance(fmri).definition
    data = masked(msgspec.to_builtins(found))
    return {
        "version": 1,
        "definition": {k: v for k, v in data.items() if k != "origins"},
        "origins": found.origins,
    }


def operations(ask: Ask) -> dict[str, Any]:
    """Operations under way and recent; of others' services nothing is shown."""
    found = list(ask.manager.engine.operations())
    if not ask.rights.sees_all():
        mine = set(ask.visible())
        found = [one for one in found if all(member.fmri in mine for member in one.members)]
    return {"version": 1, "operations": found}


def operation(ask: Ask) -> dict[str, Any] | None:
    """One operation, at once or when it has ended."""
    text = ask.found["number"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    return _await(ask, number)


def _view(ask: Ask, number: int) -> OperationView:
    found: OperationView | None = ask.manager.engine.operation(number)
    if found is None:
        raise NotFound(f"there is no operation {number}", hint="old ones are forgotten")
    if not ask.rights.sees_all():
        ask.need(Role.READ, [member.fmri for member in found.members])
    return found


def _await(ask: Ask, number: int) -> dict[str, Any] | None:
    """The operation now, or when it has ended or `wait` is over."""
    view = _view(ask, number)
    seconds = ask.number("wait")
    if not seconds or view.outcome:
        return {"version": 1, "operation": view}

    def look() -> dict[str, Any] | None:
        now = _view(ask, number)
        return {"version": 1, "operation": now} if now.outcome else None

    ask.later(seconds, look, lambda: {"version": 1, "operation": _view(ask, number)})
    return None


def ask(ask: Ask) -> dict[str, Any] | None:
    """Make a request an operation, or say what it would do."""
    body = ask.body
    if body.verb not in VERBS:
        near = _near(body.verb)
        raise UsageError(f"no such verb: {body.verb[:40]!r}", hint=near)
    request = _request(ask)
    role = VERBS[body.verb]
    ask.need(role, None if body.verb in _WHOLE else list(request.names))
    if body.dry_run:
        return foretold(ask, request)
    what = f"{body.verb} {' '.join(display(fmri) for fmri in request.names)}".rstrip()
    if request.input:
        what += f" {request.input}" + ("" if body.verb == "unset" else f"={request.value}")
    try:
        number = ask.manager.submit(request)
    except StokerError as error:
        ask.door.audit(ask, f"{what}: refused: {error}")
        raise
    ask.door.audit(ask, f"{what}: operation {number}" + (f" ({body.why})" if body.why else ""))
    return _await(ask, number)


def _request(ask: Ask) -> Request:
    body = ask.body
    names: list[str] = []
    if body.verb not in _UNNAMED:
        if body.names:
            names = ask.resolve(body.names)
        elif body.verb != "settle":
            raise UsageError(f"{body.verb} needs the name of a service", hint="'*' means all")
    if body.verb == "mark" and body.state not in ("degraded", "maintenance"):
        raise UsageError(f"cannot mark {body.state!r}", hint="degraded or maintenance")
    if body.verb in _INPUTS and not input_name(body.input):
        raise UsageError(
            f"{body.verb} needs the name of an input, not {body.input[:40]!r}",
            hint="at most 64 letters, digits and . _ -",
        )
    until = None
    if body.until is not None:
        until = parse_time(body.until, time.time_ns())
        if until <= time.time_ns():
            raise UsageError(f"{body.until} is past")
    if body.timeout is not None and not 0 <= body.timeout < 1e9:
        raise UsageError(f"not a time to wait: {body.timeout} s")
    if not 0 <= body.status <= 255:
        raise UsageError(f"not an exit status: {body.status}")
    return Request(
        verb=body.verb,
        names=tuple(names),
        who=ask.who,
        why=body.why[:1000],
        until=until,
        later=body.later,
        timeout=body.timeout,
        signal=signal_number(body.signal) if body.verb == "signal" else 0,
        state=body.state,
        immediate=body.immediate,
        input=body.input,
        value=body.value,
        alone=body.alone,
        status=body.status if body.verb == "down" else 0,
    )


def input_name(text: str) -> bool:
    """Whether an input may be called so: as definitions may name it in input:NAME."""
    return is_input(text.removeprefix("input:"))


def system(ask: Ask) -> dict[str, Any]:
    """What the manager was told about the machine."""
    rows = ask.manager.engine.input_views()
    if not ask.rights.sees_all():
        mine = {display(fmri) for fmri in ask.visible()}
        for row in rows:
            row.needed_by = [name for name in row.needed_by if name in mine]
    return {"version": 1, "inputs": rows}


def events(ask: Ask) -> None:
    """The stream of events."""
    names = ask.query.get("name")
    fmris = set(ask.resolve(names)) if names else None
    if not ask.rights.sees_all():
        mine = set(ask.visible())
        fmris = mine if fmris is None else fmris & mine
    EventStream(ask, ask.integer("cursor"), fmris, ask.text("follow") in ("1", "true")).begin()


def properties(ask: Ask) -> None:
    """Have a change of properties made durable. It goes to the recorder as a file in the runtime
    directory, because a message has a bound.
    """
    count = len(ask.body.changes)
    name = f"change-{os.getpid()}-{time.monotonic_ns()}"
    path = os.path.join(ask.manager.place.runtime, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(ask.body))
    ask.door.audit(ask, f"properties: {count} changes")

    def ended(why: str, hint: str, refused: bool) -> None:
        if why:
            from .server import error_body

            error = (Refused if refused else Failed)(why, hint=hint)
            ask.exchange.answer(409, error_body(error))
            return
        ask.exchange.answer(200, {"version": 1, "changed": count})

    ask.manager.change(path, ask.who, ended)


def reload(ask: Ask) -> None:
    """Read the definitions again."""
    dry = ask.body.dry_run
    ask.door.audit(ask, "reload" + (" (dry run)" if dry else ""))

    def ended(result: Any) -> None:
        if isinstance(result, StokerError):
            from .server import error_body

            ask.exchange.answer(409, error_body(result))
            return
        if not dry:
            ask.door.open_to_others()
        ask.exchange.answer(200, {"version": 1, **result})

    ask.manager.reload(ended, dry_run=dry, who=ask.who)


def reexec(ask: Ask) -> None:
    """Replace keeper, recorder and manager."""
    ask.door.audit(ask, "reexec")

    def ended(error: StokerError | None) -> None:
        if error is not None:
            from .server import error_body

            ask.exchange.answer(409, error_body(error))
            return
        ask.exchange.answer(202, {"version": 1})

    ask.manager.reexec(ended)


def check(ask: Ask) -> dict[str, Any]:
    """Mistakes found at the last reading."""
    compiled = ask.manager.compiled
    return {
        "version": 1,
        "mistakes": [msgspec.structs.asdict(one) for one in compiled.mistakes],
        "ignored": compiled.ignored,
    }


def _near(verb: str) -> str:
    from stoker.model import did_you_mean

    near = did_you_mean(verb[:40], VERBS)
    return f"did you mean {near}?" if near else f"one of {', '.join(VERBS)}"


def masked(data: Any, name: str = "") -> Any:
    """Plain data with what looks secret hidden, by the name under which it stands."""
    if isinstance(data, dict):
        return {key: masked(value, key) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [masked(value) for value in data]
    return mask(name, data) if isinstance(data, str) else data
