"""Manifests in a simulated world: enabling, states, dependencies, propagation (smf(7))."""

from __future__ import annotations

from typing import Any

import pytest

from stoker.engine import Behaviour, Engine, Hurt, Publish, Status, World
from stoker.formats import compose_definition, read_bundle

DOCTYPE = "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"
SERVICE = """<service name='{name}' type='service' version='1'>{needs}
<exec_method type='method' name='start' exec='/x' timeout_seconds='60'/>
<exec_method type='method' name='stop' exec=':kill' timeout_seconds='60'/>
<exec_method type='method' name='refresh' exec=':true' timeout_seconds='60'/>
{instances}</service>"""
NEED = """<dependency name='{number}' grouping='{grouping}' restart_on='{on}' type='service'>
{targets}</dependency>"""
TARGET = "<service_fmri value='svc:/{}'/>"


def fmri(word: str) -> str:
    return f"svc:/{word}" if ":" in word else f"svc:/{word}:default"


class Machine:
    """Services by their names: `require_all/none b c; …` is what one needs, "-" in front of the
    name that it is not enabled.
    """

    def __init__(self, behaviour: dict[str, Behaviour] | None = None, **services: str) -> None:
        usual = Behaviour(leaves=True)
        text = "".join(self.service(name, needs) for name, needs in services.items())
        document = f"{DOCTYPE}<service_bundle type='manifest' name='t'>{text}</service_bundle>"
        bundle = read_bundle("/t.xml", document.encode())
        assert bundle.mistakes == []
        definitions: list[Any] = [
            compose_definition(f"{one.fmri}:{name}", one.composed(name))
            for one in bundle.services
            for name in one.instances
        ]
        given = {fmri(name): one for name, one in (behaviour or {}).items()}
        known = {one.fmri: given.get(one.fmri, usual) for one in definitions}
        self.world = World(Engine(), behaviour=known)
        self.world.define(*definitions)
        self.world.advance(1)

    @staticmethod
    def service(name: str, text: str) -> str:
        enabled = "false" if text.startswith("-") else "true"
        needs = ""
        for number, part in enumerate(filter(None, text.removeprefix("-").split(";"))):
            how, *targets = part.split()
            grouping, _, on = how.partition("/")
            shown = "".join(map(TARGET.format, targets))
            needs += NEED.format(number=f"d{number}", grouping=grouping, on=on, targets=shown)
        instances = "".join(
            f"<instance name='{one}' enabled='{enabled}'/>"
            for one in (("a", "b") if name == "two" else ("default",))
        )
        return SERVICE.format(name=name, needs=needs, instances=instances)

    def ask(self, verb: str, *names: str) -> None:
        self.world.ask(verb, *map(fmri, names))
        self.world.advance(1)

    def __getitem__(self, name: str) -> str:
        return str(self.world.state(fmri(name)))

    def run(self, name: str) -> int:
        return self.world.engine.instance(fmri(name)).run

    def dump_core(self, name: str) -> None:
        """One of its processes dumps core."""
        self.world.tell(Hurt(fmri(name), self.run(name), "core"))
        self.world.advance(1)

    def went(self) -> list[tuple[str, str, str]]:
        """Name, state and next state of each change that was published since the last question."""
        found = [
            (e.fmri.removeprefix("svc:/").removesuffix(":default"), e.state, e.next_state)
            for _, e in self.world.log
            if isinstance(e, Publish)
        ]
        self.world.log.clear()
        return found


def test_t01_instances_of_one_service() -> None:
    m = Machine(two="")
    assert (m["two:a"], m["two:b"]) == ("online", "online")
    one, other = (m.world.engine.instance(fmri(name)) for name in ("two:a", "two:b"))
    assert one.ctid != other.ctid


def test_t03_instances_are_enabled_one_by_one() -> None:
    m = Machine(two="")
    m.ask("disable", "two:a")
    assert (m["two:a"], m["two:b"], m.run("two:b")) == ("disabled", "online", 1)


def test_t13_t14_enable_and_disable() -> None:
    m = Machine(a="-")
    m.went()
    m.ask("enable", "a")
    states = [("a", "offline", ""), ("a", "offline", "online"), ("a", "online", "")]
    assert m.went() == states
    m.ask("disable", "a")
    assert m.went() == [("a", "online", "disabled"), ("a", "disabled", "")]
    assert not m.world.alive(fmri("a"))


def test_t15_t16_what_is_temporary() -> None:
    m = Machine(a="")
    m.ask("stop", "a")  # what svcadm disable -t asks for
    view = m.world.engine.view(fmri("a"), m.world.now)
    assert (view.enabled, view.wanted, m["a"]) == (True, False, "disabled")
    m.ask("enable", "a")
    view = m.world.engine.view(fmri("a"), m.world.now)
    assert (view.enabled, view.wanted, m["a"]) == (True, True, "online")


def test_t17_t18_maintenance_is_left_by_disable_and_not_by_enable() -> None:
    m = Machine({"a": Behaviour(methods={"start": Status("exit", 95)})}, a="")
    assert m["a"] == "maintenance"
    m.ask("enable", "a")
    assert m["a"] == "maintenance"
    m.went()
    m.ask("disable", "a")
    assert m.went() == [("a", "uninitialized", ""), ("a", "disabled", "")]


def test_t19_t20_t21_while_methods_run() -> None:
    m = Machine({"a": Behaviour(takes=10.0, leaves=True, dies_after=10.0)}, a="")
    assert m["a"] == "offline/online"
    m.world.advance(15)
    assert m["a"] == "online"
    m.ask("disable", "a")
    assert m["a"] == "online/disabled"
    m.world.advance(15)
    assert m["a"] == "disabled"


def test_t22_a_refresh_is_a_transition_to_itself() -> None:
    m = Machine(a="")
    m.went()
    before = m.world.engine.view(fmri("a"), m.world.now)
    m.world.advance(5)
    m.ask("refresh", "a")
    assert m.went() == [("a", "online", "online"), ("a", "online", "")]
    after = m.world.engine.view(fmri("a"), m.world.now)
    assert after.state_time > before.state_time
    assert after.since == before.since  # what `ls` shows


def test_t23_t24_t25_what_is_required() -> None:
    m = Machine(
        a="require_all/none b", b="-", c="require_any/none b d", d="", e="require_all/none x"
    )
    assert (m["a"], m["c"], m["e"]) == ("offline", "online", "offline")
    m.ask("enable", "b")
    assert m["a"] == "online"
    m.ask("disable", "b", "d")
    m.ask("restart", "c")
    assert m["c"] == "offline"
    why = m.world.engine.view(fmri("e"), m.world.now).waiting_for
    assert why == ["requires x (does not exist)"]


def test_t26_t27_what_is_optional() -> None:
    slow = Behaviour(takes=5.0, leaves=True)
    broken = Behaviour(methods={"start": Status("exit", 95)})
    m = Machine(
        {"slow": slow, "broken": broken},
        a="optional_all/none absent off broken", off="-", broken="",
        waits="optional_all/none slow", slow="",
    )  # fmt: skip
    assert (m["a"], m["broken"]) == ("online", "maintenance")
    assert m["waits"] == "offline"
    m.world.advance(10)
    assert m["waits"] == "online"


@pytest.mark.parametrize(("enabled", "state"), [("-", "online"), ("", "offline")])
def test_t28_t29_what_is_optional_and_waits_itself(enabled: str, state: str) -> None:
    c = Behaviour(takes=5.0, methods={"start": Status("exit", 95)})
    m = Machine({"c": c}, a="optional_all/none b", b="require_all/none c", c=enabled)
    assert (m["a"], m["b"]) == (state, "offline")
    m.world.advance(10)
    assert m["a"] == "online", "c cannot come without an administrator"


def test_t30_t31_what_excludes() -> None:
    m = Machine(a="exclude_all/restart b", b="", c="exclude_all/none d", d="require_all/none x")
    assert (m["a"], m["c"], m["d"]) == ("offline", "offline", "offline")
    m.ask("disable", "b")
    assert m["a"] == "online"
    m.ask("enable", "b")
    assert m["a"] == "offline"


@pytest.mark.parametrize(
    ("event", "stopped"),
    [("core", "error restart refresh"), ("restart", "restart refresh"), ("refresh", "refresh")],
)
def test_t32_who_stops_along(event: str, stopped: str) -> None:
    words = ("none", "error", "restart", "refresh")
    m = Machine(b="", **{word: f"require_all/{word} b" for word in words})
    if event == "core":
        m.dump_core("b")
    else:
        m.ask(event, "b")
    assert {word for word in words if m.run(word) > 1} == set(stopped.split())
    assert all(m[word] == "online" for word in words)


def test_t33_processes_that_end_are_no_fault() -> None:
    m = Machine(b="", a="require_all/error b")
    m.world.exit(fmri("b"), 1)
    m.world.advance(1)
    assert (m.run("b"), m.run("a")) == (2, 1)


def test_t34_a_restart_goes_up_the_chain() -> None:
    m = Machine(a="require_all/restart b", b="require_all/restart c", c="")
    m.went()
    m.ask("restart", "c")
    went = m.went()
    assert [name for name, state, to in went if (state, to) == ("offline", "")] == ["c", "b", "a"]
    assert [name for name, state, to in went if (state, to) == ("online", "")] == ["c", "b", "a"]


def test_t40_a_cycle_is_set_aside_and_mutual_exclusion_is_none() -> None:
    m = Machine(
        a="require_all/none b", b="require_all/none a",
        c="exclude_all/none d", d="exclude_all/none c",
    )  # fmt: skip
    assert (m["a"], m["b"]) == ("maintenance", "maintenance")
    assert m.world.engine.instance(fmri("a")).reason == "dependency_cycle"
    assert "maintenance" not in (m["c"], m["d"])


def test_t83_t84_what_is_deleted_or_disabled() -> None:
    m = Machine(
        b="",
        restart="require_all/restart b",
        none="require_all/none b",
        error="require_all/error b",
    )
    m.went()
    m.ask("disable", "b")
    down = [
        name for name, state, to in m.went() if (state, to) in (("offline", ""), ("disabled", ""))
    ]
    assert down == ["restart", "b"], "a dependent that minds goes first"
    assert (m["none"], m["error"]) == ("online", "online")
    m.ask("enable", "b")
    assert m["restart"] == "online"
    m.world.remove(fmri("b"))
    m.world.advance(1)
    assert (m["restart"], m["none"], m["error"]) == ("offline", "online", "online")
