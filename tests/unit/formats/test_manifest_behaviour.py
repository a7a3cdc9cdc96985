"""Manifests in a simulated world: methods, exit codes, restarts as smf_method(7) says."""

from __future__ import annotations

from typing import Any

import pytest

from stoker.engine import Behaviour, Engine, Kill, Signal, Spawn, Status, World
from stoker.formats import compose_definition, read_bundle
from stoker.model import Request

DOCTYPE = "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"
WEB = "svc:/web:default"


def definition(stop: str = ":kill", timeout: int = 30, refresh: str = "", **startd: str) -> Any:
    properties = "".join(
        f"<propval name='{name}' type='astring' value='{value}'/>"
        for name, value in startd.items()
        if name not in ("count", "period", "retry")
    )
    for name, kind, full in (
        ("count", "count", "critical_failure_count"),
        ("period", "count", "critical_failure_period"),
        ("retry", "boolean", "timeout_retry"),
    ):
        if name in startd:
            properties += f"<propval name='{full}' type='{kind}' value='{startd[name]}'/>"
    body = f"<exec_method type='method' name='start' exec='/x' timeout_seconds='{timeout}'/>"
    for name, text in (("stop", stop), ("refresh", refresh)):
        if text:
            body += (
                f"<exec_method type='method' name='{name}' exec='{text}' "
                f"timeout_seconds='{timeout}'/>"
            )
    text = (
        f"{DOCTYPE}<service_bundle type='manifest' name='t'><service name='web' type='service' "
        f"version='1'>{body}<property_group name='startd' type='framework'>{properties}"
        "</property_group><instance name='default' enabled='true'/></service></service_bundle>"
    )
    bundle = read_bundle("/web.xml", text.encode())
    assert bundle.mistakes == []
    return compose_definition(WEB, bundle.services[0].composed("default"))


def world(one: Any, **behaviour: Any) -> World:
    made = World(Engine(), behaviour={WEB: Behaviour(**{"leaves": True, **behaviour})})
    made.define(one)
    made.advance(0.5)
    return made


def starts(made: World, method: str = "start") -> int:
    return sum(isinstance(e, Spawn) and e.method == method for _, e in made.log)


def fault(made: World) -> str:
    found = made.engine.instance(WEB).fault
    return "" if found is None else found.word


@pytest.mark.parametrize("code", [95, 96, 99, 100])
def test_t51_exit_codes_that_are_final(code: int) -> None:
    made = world(definition(), methods={"start": Status("exit", code)}, leaves=False)
    made.advance(60)
    assert made.state(WEB) == "maintenance"
    assert (starts(made), fault(made)) == (1, "method_failed")


@pytest.mark.parametrize("status", [Status("exit", 1), Status("exit", 97), Status("signal", 9)])
def test_t52_the_third_failure_in_a_row(status: Status) -> None:
    made = world(definition(), methods={"start": status}, leaves=False)
    made.advance(60)
    assert made.state(WEB) == "maintenance"
    assert (starts(made), fault(made)) == (3, "fault_threshold_reached")


def test_t53_a_failure_and_then_a_success() -> None:
    made = world(definition(), takes=1.0, methods={"start": Status("exit", 1)})
    made.advance(0.6)  # the first has ended, the second runs
    made.with_behaviour(WEB, methods={})
    made.advance(60)
    assert made.state(WEB) == "online"
    assert starts(made) >= 2


def test_t54_a_method_that_does_not_end_in_time() -> None:
    made = world(definition(timeout=10), takes=None)
    made.advance(9)
    assert made.state(WEB) == "offline/online"
    made.advance(60)
    assert made.state(WEB) == "maintenance"
    assert starts(made) == 3


def test_t54_it_is_killed_at_once_for_no_stop_method_has_asked_it_to_end() -> None:
    made = world(definition(timeout=10), takes=None)
    made.advance(9.7)
    assert starts(made) == 2
    made.advance(10)
    assert starts(made) == 3
    made.advance(10)
    assert (made.state(WEB), fault(made)) == ("maintenance", "fault_threshold_reached")


def test_t54_it_is_not_tried_again_where_that_is_said() -> None:
    made = world(definition(timeout=10, retry="false"), takes=None)
    made.advance(60)
    assert made.state(WEB) == "maintenance"
    assert starts(made) == 1


def test_t55_what_ignores_term_is_killed_after_the_time_of_its_stop() -> None:
    made = world(definition(timeout=20), ignores=frozenset({15}))
    assert made.state(WEB) == "online"
    made.ask("disable", WEB)
    made.advance(19)
    assert made.alive(WEB)
    made.advance(30)
    assert not made.alive(WEB)
    assert (made.state(WEB), fault(made)) == ("maintenance", "method_failed")


def test_marked_while_it_starts_it_is_stopped_by_its_method_when_it_has() -> None:
    made = world(definition(timeout=20), takes=1.0)
    assert made.state(WEB) == "offline/online"
    made.ask(Request("mark", (WEB,), who="root", state="maintenance"))
    made.advance(40)
    assert [e.signo for _, e in made.log if isinstance(e, Signal)] == [15]
    assert not any(isinstance(e, Kill) for _, e in made.log)
    assert (made.state(WEB), fault(made)) == ("maintenance", "administrative_request")


def test_what_a_child_leaves_behind_does_not_delay_its_restart() -> None:
    made = world(definition(duration="child", timeout=60))
    made.exit(WEB)
    made.advance(5)
    assert (made.state(WEB), starts(made), starts(made, "stop")) == ("online", 2, 0)


def test_killed_by_a_person_it_is_no_failed_stop() -> None:
    made = world(definition(timeout=20), ignores=frozenset({15}))
    made.ask("kill", WEB)
    made.advance(1)
    assert (made.state(WEB), made.alive(WEB)) == ("disabled", False)


def test_t56_restarting_too_quickly() -> None:
    made = world(definition(count="4", period="10"))
    for _ in range(3):
        made.exit(WEB)
        made.advance(1)
    assert made.state(WEB) == "online" or fault(made)
    made.exit(WEB)
    made.advance(1)
    assert fault(made) == "restarting_too_quickly"
    assert starts(made) <= 4


def test_t56_a_person_restarts_it_as_often_as_he_likes() -> None:
    made = world(definition(count="4", period="10"))
    for _ in range(20):
        made.ask("restart", WEB)
        made.advance(0.5)
    assert made.state(WEB) == "online"


def test_t57_a_refresh_that_fails_three_times() -> None:
    made = world(definition(refresh="/y"), methods={"refresh": Status("exit", 1)})
    for _ in range(3):
        made.ask("refresh", WEB)
        made.advance(5)
    made.advance(60)
    assert (made.state(WEB), fault(made)) == ("maintenance", "fault_threshold_reached")


def test_t64_a_transient_service_is_online_with_nothing_left() -> None:
    made = world(definition(stop="/y", duration="transient"), leaves=False)
    made.advance(60)
    assert made.state(WEB) == "online"
    assert (made.alive(WEB), starts(made)) == (False, 1)


def test_t64_a_transient_service_that_fails_is_tried_again() -> None:
    made = world(
        definition(stop="/y", duration="transient"), leaves=False,
        methods={"start": Status("exit", 1)},
    )  # fmt: skip
    made.advance(60)
    assert (made.state(WEB), starts(made)) == ("maintenance", 3)


def test_t65_a_child_is_online_at_once_and_never_in_maintenance() -> None:
    made = world(definition(duration="child"), leaves=False)
    assert made.state(WEB) == "online"
    for _ in range(20):
        made.exit(WEB, 1)
        made.advance(2)
    assert made.state(WEB) == "online"
    made.exit(WEB, 0)
    made.advance(2)
    assert made.state(WEB) == "online"
    assert starts(made) == 22
    made.exit(WEB, 96)
    made.advance(2)
    assert made.state(WEB) == "maintenance"


def test_t67_a_start_that_leaves_no_daemon() -> None:
    made = world(definition(), leaves=False, methods={"start": Status("exit", 94)})
    made.advance(60)
    assert made.state(WEB) == "online"
    assert (made.alive(WEB), starts(made)) == (False, 1)
    made.ask("disable", WEB)
    made.advance(60)
    assert made.state(WEB) == "disabled"


def test_t68_without_a_stop_method_it_stops() -> None:
    made = world(definition(stop=""))
    made.ask("disable", WEB)
    made.advance(60)
    assert (made.state(WEB), made.alive(WEB)) == ("disabled", False)


def test_an_empty_contract_is_stopped_and_started_again() -> None:
    made = world(definition(stop="/y"))
    made.exit(WEB)
    made.advance(5)
    assert made.state(WEB) == "online"
    assert (starts(made), starts(made, "stop")) == (2, 1)
