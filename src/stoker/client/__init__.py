"""The control API as a Python library, and the way to start a manager.

    from stoker.client import connect, place_of

    with connect(place_of("examples/quickstart")) as client:
        for row in client.get("/v1/instances")["instances"]:
            print(row["name"], row["state"])

Decides how a manager is reached and started, and what is said when it cannot be. Every question is
a path of the control socket (`GET /v1/openapi.json` has all), every answer plain data.

Invariants: a manager is started by running the keeper as a program, never by importing it; nothing
here reads definitions (whoever starts a place gives the compiled bytes); asking imports no more
than the C halves of socket and json, because a command's whole time is mostly its imports.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .contract_rows import contract_events, contracts
    from .fast import Client, Stream, connect, quote
    from .finding import place_of
    from .inputs import give, put_to_sleep, set_input, system, unset_input, wake
    from .launch import (
        Launch,
        exec_keeper,
        is_alive,
        is_up,
        prepare,
        record_environment,
        service_path,
        start,
        wait_for,
    )
    from .recorded import Records, records
    from .tail import last_lines

_PARTS = {
    "contract_events": "contract_rows",
    "contracts": "contract_rows",
    "Client": "fast",
    "Stream": "fast",
    "connect": "fast",
    "quote": "fast",
    "place_of": "finding",
    "give": "inputs",
    "put_to_sleep": "inputs",
    "set_input": "inputs",
    "system": "inputs",
    "unset_input": "inputs",
    "wake": "inputs",
    "Launch": "launch",
    "exec_keeper": "launch",
    "is_alive": "launch",
    "is_up": "launch",
    "prepare": "launch",
    "record_environment": "launch",
    "service_path": "launch",
    "start": "launch",
    "wait_for": "launch",
    "Records": "recorded",
    "last_lines": "tail",
    "records": "recorded",
}

__all__ = [
    "Client",
    "Launch",
    "Records",
    "Stream",
    "connect",
    "contract_events",
    "contracts",
    "exec_keeper",
    "give",
    "is_alive",
    "is_up",
    "last_lines",
    "place_of",
    "prepare",
    "put_to_sleep",
    "quote",
    "record_environment",
    "records",
    "set_input",
    "service_path",
    "start",
    "system",
    "unset_input",
    "wait_for",
    "wake",
]


def __getattr__(name: str) -> Any:
    part = _PARTS.get(name)
    if part is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = __import__(f"{__name__}.{part}", fromlist=[name])
    value = getattr(module, name)
    globals()[name] = value
    return value
