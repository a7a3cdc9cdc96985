"""Definitions whose restarter is another service."""

from __future__ import annotations

from typing import Any

import pytest

from stoker.model import DELEGATED, Definition, RestartOn

PLAIN = 'exec_start = ["plain"]'
FULL = """restarter = "plain"
exec_start = ["web", "-x"]
exec_start_pre = ["before"]
exec_stop = ["web", "-e"]
exec_stop_timeout = "90s"
exec_stop_post = ["after"]
[[listen]]
address = ":8080"
[health]
tcp = "localhost:8080"
[[dependency]]
targets = ["db"]
"""


def read(box: Any, **files: str) -> tuple[dict[str, Definition], list[str]]:
    for name, text in files.items():
        box.toml(name, text)
    compiled = box.compile()
    found = {one.fmri[5:].partition(":")[0]: one for one in compiled.definitions}
    return found, [one.message for one in compiled.mistakes]


def test_nothing_of_it_is_ours_but_its_place_in_the_graph(box: Any) -> None:
    found, told = read(box, plain=PLAIN, db=PLAIN, web=FULL)
    one = found["web"]
    assert (told, one.fault, one.ready.kind) == ([], "", "told")
    assert [step.argv for step in one.start] == [("web", "-x")]
    assert (one.prepare, one.stop, one.cleanup, one.listen, one.health) == ((), (), (), (), ())
    assert [rung.wait for rung in one.ladder] == [90.0]
    groups = [(group.name, group.targets, group.restart_on) for group in one.dependencies]
    assert groups == [
        ("", ("svc:/db",), RestartOn.NONE),
        ("restarter", ("svc:/plain:default",), RestartOn.RESTART),
    ]
    again = box.compile().definitions
    assert [one for one in again if one.fmri == "svc:/web:default"] == [one]


def test_a_manifest_without_methods(box: Any) -> None:
    (box.directory / "web.xml").write_text(
        "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"
        "<service_bundle type='manifest' name='t'><service name='web' type='service' version='1'>"
        "<create_default_instance enabled='true'/>"
        "<restarter><service_fmri value='svc:/plain:default'/></restarter>"
        "</service></service_bundle>"
    )
    found, _ = read(box, plain=PLAIN)
    assert (found["web"].start[0].argv, found["web"].fault) == (DELEGATED, "")


@pytest.mark.parametrize(
    ("restarter", "told"),
    [
        ("nobody", "its restarter: nobody is not here; web goes to maintenance"),
        ("web", "its restarter: it would be its own restarter; web goes to maintenance"),
    ],
)
def test_a_restarter_that_cannot_be(box: Any, restarter: str, told: str) -> None:
    found, said = read(box, web=FULL.replace("plain", restarter), db=PLAIN)
    assert (found["web"].fault, said) == ("invalid_restarter", [told])
    assert found["web"].start[0].argv == ("web", "-x")


def test_the_manager_by_its_name(box: Any) -> None:
    found, said = read(box, web=FULL.replace("plain", "system/svc/restarter"), db=PLAIN)
    assert (found["web"].fault, said, found["web"].ready.kind) == ("", [], "spawn")


def test_what_is_no_name(box: Any) -> None:
    _, said = read(box, web=FULL.replace('"plain"', "7"))
    assert said[0] == "expected the name of a service, not the number 7"
