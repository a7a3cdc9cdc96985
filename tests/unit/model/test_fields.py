"""The table between fields and properties goes both ways."""

from __future__ import annotations

import pytest

from stoker.errors import UsageError
from stoker.model import (
    FIELDS,
    VALUE_TYPES,
    Context,
    Definition,
    Dependency,
    Group,
    Grouping,
    Health,
    Limits,
    LogSettings,
    Probe,
    Property,
    Ready,
    Restart,
    RestartOn,
    Rung,
    Step,
    checked,
    put,
    view,
)

FULL = Definition(
    "svc:/a:default",
    description="a thing",
    enabled=False,
    model="contract",
    start=(Step(("/bin/a", "b c"), timeout=9.0),),
    stop=(Step(word=":kill", signal=1, timeout=7.0),),
    refresh=(Step(word=":true"),),
    ready=Ready("exit", timeout=5.0),
    ends="empty",
    interrupt="finish",
    stop_when_empty=True,
    ladder=(Rung((15, 18), 5.0), Rung((2,), None)),
    unclean="maintenance",
    rebegin="start",
    restart=Restart("on-failure", 1.0, 3.0, 9.0, 0.5, 30.0, 4, 60.0, 5, 600.0, False, 3),
    ignore=("core", "signal"),
    essential=True,
    dependencies=(
        Dependency(("svc:/b", "svc:/c:x"), Grouping.REQUIRE_ANY, RestartOn.ERROR, name="one"),
        Dependency(("file:///x",), watch=False, name="two"),
    ),
    after=("svc:/d:default",),
    wants=("svc:/e:default",),
    health=(Health("web", Probe("http", (), "http://127.0.0.1/", 3.0, 1.0), 5, 2.0, "restart"),),
    context=Context("u", "g", ("x", "y"), "/w", 0o27, 5, -10, {"A": "b=c"}, ("/env",)),
    limits=Limits({"nofile": (10, -1)}, 4096, 2048, 1.5, 9, {"/dev/sda": "rbps=1"}, "refuse"),
    log=LogSettings("json", "", 5000, 60.0, 3, 9000, False, "apart"),
    restarter="svc:/r:default",
)


def test_a_definition_comes_back_from_its_properties() -> None:
    base = Definition(FULL.fmri, start=(Step(("/bin/a", "b c")),))
    assert put(base, view(FULL)) == FULL


def test_every_property_has_a_type_that_its_values_fit() -> None:
    kinds = {(row.group, row.property): row.type.rstrip("*") for row in FIELDS}
    assert set(kinds.values()) <= set(VALUE_TYPES)
    seen = 0
    for name, group in view(FULL).items():
        for key, one in group.properties.items():
            assert [checked(one.type, text) for text in one.values] == list(one.values), (name, key)
            seen += kinds.get((name, key)) == one.type
    assert seen > 40


def test_a_method_of_the_shell_shows_its_command() -> None:
    d = put(
        Definition("svc:/a:default"),
        {"start": Group("method", {"exec": Property("astring", ("/bin/x | y",))})},
    )
    assert d.start[0].argv == ("/bin/sh", "-c", "exec /bin/x | y")
    assert view(d)["start"].properties["exec"].values == ("/bin/x | y",)


def test_words_that_cannot_be() -> None:
    group = {"restart": Group("framework", {"when": Property("astring", ("perhaps",))})}
    with pytest.raises(UsageError, match="restart/when"):
        put(FULL, group)


def test_what_no_field_stands_for_is_passed_over() -> None:
    group = {"config": Group("application", {"mode": Property("astring", ("fast",))})}
    assert put(FULL, group) == FULL


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("boolean", "T", "true"),
        ("boolean", "0", "false"),
        ("count", "-1", "18446744073709551615"),
        ("count", "0x10", "16"),
        ("count", "010", "8"),
        ("integer", "-5", "-5"),
        ("time", "5", "5.000000000"),
        ("time", "5.25", "5.250000000"),
        ("opaque", "AB01", "ab01"),
        ("net_address_v6", "::1", "::1"),
        ("host", "example.org", "example.org"),
        ("ustring", "é", "é"),
    ],
)
def test_values_in_canonical_form(kind: str, text: str, value: str) -> None:
    assert checked(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("boolean", "yes"),
        ("count", "x"),
        ("count", str(2**64)),
        ("integer", str(2**63)),
        ("time", "-1"),
        ("opaque", "a"),
        ("net_address_v4", "::1"),
        ("hostname", "a b"),
        ("fmri", "a b"),
        ("astring", "a\0b"),
        ("nonsense", "x"),
    ],
)
def test_values_of_another_type(kind: str, text: str) -> None:
    with pytest.raises(UsageError):
        checked(kind, text)
