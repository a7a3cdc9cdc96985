"""What every verb prints with --json: one object, in the shapes of the served document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from stoker.cli import VERBS
from stoker.testing import Scenario

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}

# A call of each verb in an order in which each succeeds, its list, and what that is a list of.
CALLS: list[tuple[list[str], str, str]] = [
    (["check"], "order", ""),
    (["ls"], "instances", "InstanceView"),
    (["status"], "", ""),
    (["status", "web"], "statuses", "StatusView"),
    (["explain", "web", "idle"], "explanations", ""),
    (["start", "web"], "operation", "OperationView"),
    (["stop", "--dry-run", "web"], "plan", "PlanStep"),
    (["stop", "web"], "operation", "OperationView"),
    (["start", "--no-wait", "web"], "operation", "OperationView"),
    (["wait", "web"], "instances", "InstanceView"),
    (["restart", "web"], "operation", "OperationView"),
    (["refresh", "web"], "operation", "OperationView"),
    (["signal", "CONT", "web"], "operation", "OperationView"),
    (["mark", "degraded", "web"], "operation", "OperationView"),
    (["clear", "web"], "operation", "OperationView"),
    (["enable", "idle"], "operation", "OperationView"),
    (["disable", "idle"], "operation", "OperationView"),
    (["cat", "web"], "definitions", ""),
    (["system"], "inputs", "InputView"),
    (["prop", "get", "web"], "properties", ""),
    (["snapshot", "ls", "web"], "snapshots", ""),
    (["export", "web"], "", ""),
    (["history"], "runs", ""),
    (["history", "--transitions"], "transitions", ""),
    (["history", "--operations"], "operations", ""),
    (["boot"], "services", ""),
    (["contract", "ls"], "contracts", ""),
    (["contract", "stat", "web"], "contracts", ""),
    (["milestone"], "", ""),
    (["reload"], "changes", ""),
    (["reload", "--dry-run"], "changes", ""),
    (["reload", "--no-wait"], "changes", ""),
    (["reexec", "--dry-run"], "", ""),
    (["reexec"], "", ""),
    (["schema"], "", ""),
    (["completion", "bash"], "", ""),
    (["completion", "--names"], "words", ""),
    (["help"], "verbs", ""),
    (["version"], "", ""),
    (["down", "--dry-run"], "plan", "PlanStep"),
    (["down"], "operation", "OperationView"),
]
# One object a line; and what is tried elsewhere, because it changes files of the machine.
LINES = {"logs", "events"}
ELSEWHERE = {
    "up",
    "run",
    "user",
    "new",
    "import",
    "doctor",
    "install",
    "uninstall",
    "install-commands",
}


def faults(value: Any, rule: dict[str, Any], parts: dict[str, Any], at: str) -> Iterator[str]:
    """Where a value is not as a JSON Schema of ours says."""
    if "$ref" in rule:
        rule = parts[rule["$ref"].rpartition("/")[2]]
    if "anyOf" in rule:
        if all(list(faults(value, one, parts, at)) for one in rule["anyOf"]):
            yield f"{at}: {value!r} is none of {rule['anyOf']}"
        return
    kind = rule.get("type")
    if kind and not isinstance(value, TYPES[kind]):
        yield f"{at}: {value!r} is no {kind}"
    elif kind == "object":
        rows = rule.get("properties", {})
        for name in rule.get("required", []):
            if name not in value:
                yield f"{at}: {name} is missing"
        for name, item in value.items():
            other = rule.get("additionalProperties")
            if name in rows:
                yield from faults(item, rows[name], parts, f"{at}.{name}")
            elif isinstance(other, dict):
                yield from faults(item, other, parts, f"{at}.{name}")
            elif rows:
                yield f"{at}: {name} is not described"
    elif kind == "array":
        for number, item in enumerate(value):
            yield from faults(item, rule.get("items", {}), parts, f"{at}[{number}]")


def times(value: Any, name: str = "") -> Iterator[tuple[str, object]]:
    """Everything in an answer that is called a time."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from times(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from times(item, name)
    elif name in ("time", "state_time", "began", "ended", "begun", "at") and value is not None:
        yield name, value


def test_every_verb_is_tried() -> None:
    tried = {words[0] for words, _list, _of in CALLS}
    assert {verb.name for verb in VERBS} - ELSEWHERE - LINES == tried


@pytest.mark.timeout(180)
def test_one_object_with_a_version_and_a_list(place: Scenario) -> None:
    place.script("web", "echo hello; exec sleep infinity")
    place.toml("idle", 'exec_start = ["sleep", "infinity"]\nenabled = false\n')
    up = place.up("--json").json()
    assert (up["version"], len(up["instances"])) == (1, 2)
    parts = document(place)["components"]["schemas"]
    for words, key, of in CALLS:
        if words[0] == "history":  # it is written a little later
            place.until(partial(rows_of, place, words, key), " ".join(words))
        told = place.stoker(*words, "--json").ok().json()
        assert told["version"] == 1, words
        if not key:
            continue
        found = told[key]
        assert isinstance(found, dict if key == "operation" else list), words
        assert found or key == "changes", words
        if of:
            rows = [found] if key == "operation" else found
            wrong = [text for row in rows for text in faults(row, extended(parts[of]), parts, of)]
            assert not wrong, words
        if of != "PlanStep":  # there it is seconds after now
            for name, value in times(told):
                assert isinstance(value, str) and TIME.fullmatch(value), (words, name, value)
    assert all(one["outcome"] == "done" for one in told["operation"]["members"])


def test_one_object_a_line(place: Scenario) -> None:
    place.script("web", "echo hello; exec sleep infinity")
    place.up()
    place.until(lambda: "hello" in place.stoker("logs").out, "its output")
    for words in (["logs"], ["logs", "--manager"], ["events"]):
        lines = place.stoker(*words, "--json").ok().out.splitlines()
        assert lines, words
        for line in lines:
            told = json.loads(line)
            assert told["version"] == 1
            assert TIME.fullmatch(told["time"]), told


def rows_of(place: Scenario, words: list[str], key: str) -> Any:
    return place.stoker(*words, "--json").ok().json()[key]


def extended(schema: dict[str, Any]) -> dict[str, Any]:
    """`status` adds what the manager does not read: the end of the output, and mistakes."""
    more = {"output": {"type": "array"}, "mistakes": {"type": "array"}}
    if schema["title"] != "StatusView":
        return schema
    return {**schema, "properties": {**schema["properties"], **more}}


def document(place: Scenario) -> dict[str, Any]:
    """The document as the manager serves it."""
    from stoker.client import Client

    with Client(str(place.runtime / "control")) as client:
        found: dict[str, Any] = client.get("/v1/openapi.json")
    return found
