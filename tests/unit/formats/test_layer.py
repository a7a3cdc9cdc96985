"""What is imported and set above files, composed with what the files say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from stoker.formats import compile_place
from stoker.model import Compiled, project_place

DOCTYPE = "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"
WEB = (
    DOCTYPE + "<service_bundle type='manifest' name='t'><service name='site/web' type='service' "
    "version='1'>\n<create_default_instance enabled='true'/>"
    "<exec_method type='method' name='start' exec='/bin/echo %{config/mode}' timeout_seconds='30'/>"
    "<exec_method type='method' name='stop' exec=':kill' timeout_seconds='30'/>"
    "<property_group name='config' type='application'>"
    "<propval name='mode' type='astring' value='slow'/></property_group>"
    "</service></service_bundle>"
)


class Place:
    """A project with a file layer beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.place = project_place(
            str(directory), {"HOME": "/nowhere"}, os.getuid(), runtime="/run/x"
        )
        self.services: dict[str, Any] = {}
        self.running: dict[str, Any] = {}

    def compile(self) -> Compiled:
        os.makedirs(self.place.state, exist_ok=True)
        path = Path(self.place.state) / "layer.json"
        body = {"services": self.services, "running": self.running}
        path.write_text(f'{{"version":1,"count":1}}\n{json.dumps(body)}\n')
        return compile_place(self.place)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    directory = tmp_path / "services"
    directory.mkdir()
    return Place(directory)


def setting(group: str, kind: str, **properties: Any) -> dict[str, Any]:
    return {group: {"type": kind, "properties": properties}}


def test_a_property_set_above_a_manifest(place: Place) -> None:
    (place.directory / "web.xml").write_text(WEB)
    (one,) = place.compile().definitions
    assert one.start[0].argv[2] == "exec /bin/echo slow"
    place.running["svc:/site/web:default"] = {
        "service": setting("config", "application", mode=["astring", ["fast"]])
    }
    (one,) = place.compile().definitions
    assert one.start[0].argv[2] == "exec /bin/echo fast"
    place.running["svc:/site/web:default"]["instance"] = setting(
        "config", "application", mode=["astring", ["own"]]
    )
    (one,) = place.compile().definitions
    assert one.start[0].argv[2] == "exec /bin/echo own"


def test_a_property_that_is_hidden(place: Place) -> None:
    (place.directory / "web.xml").write_text(WEB)
    place.running["svc:/site/web:default"] = {
        "service": setting("start", "method", timeout_seconds=None)
    }
    (one,) = place.compile().definitions
    assert one.start[0].timeout is None
    place.running["svc:/site/web:default"] = {"service": {"stop": {"gone": True}}}
    (one,) = place.compile().definitions
    assert one.stop == ()


def test_an_instance_that_only_the_administrator_made(place: Place) -> None:
    (place.directory / "web.xml").write_text(WEB)
    place.running["svc:/site/web:blue"] = {
        "instance": setting("general", "framework", enabled=["boolean", ["false"]])
    }
    found = {one.fmri: one for one in place.compile().definitions}
    assert sorted(found) == ["svc:/site/web:blue", "svc:/site/web:default"]
    blue = found["svc:/site/web:blue"]
    assert not blue.enabled
    assert blue.start == found["svc:/site/web:default"].start


def test_native_services_take_properties_too(place: Place) -> None:
    (place.directory / "db.toml").write_text(
        'exec_start = ["/bin/sleep", "9"]\nexec_stop = ["/bin/true"]\n'
        '[restart]\ndelay = "2s"\n[[dependency]]\nname = "net"\ntargets = ["lan"]\n'
    )
    place.running["svc:/db:default"] = {
        "service": setting("restart", "framework", cap=["time", ["7.000000000"]]),
        "instance": {
            **setting("net", "dependency", restart_on=["astring", ["restart"]]),
            **setting("stop", "method", timeout_seconds=["count", ["3"]]),
            **setting("startd", "framework", duration=["astring", ["transient"]]),
        },
    }
    (one,) = place.compile().definitions
    assert (one.restart.delay, one.restart.cap) == (2.0, 7.0)
    assert one.dependencies[0].targets == ("svc:/lan",)
    assert one.dependencies[0].restart_on == "restart"
    assert (one.stop[0].argv, one.stop[0].timeout) == (("/bin/true",), 3.0)
    assert one.start[0].argv == ("/bin/sleep", "9")
    assert (one.model, one.ready.kind, one.ends) == ("transient", "exit", "never")


def test_what_makes_no_sense_is_told_and_left_out(place: Place) -> None:
    (place.directory / "db.toml").write_text('exec_start = ["/bin/sleep", "9"]\n')
    place.running["svc:/db:default"] = {
        "instance": setting("restart", "framework", when=["astring", ["perhaps"]])
    }
    compiled = place.compile()
    (one,) = compiled.definitions
    assert one.restart.when == "always"
    assert any("restart/when" in mistake.message for mistake in compiled.mistakes)


def imported() -> dict[str, Any]:
    method = {"type": "method", "properties": {"exec": ["astring", ["/bin/true"]]}}
    general = {"type": "framework", "properties": {"enabled": ["boolean", ["true"]]}}
    return {
        "fmri": "svc:/site/web",
        "groups": {"start": method},
        "instances": {"default": {"general": general}},
        "file": "/somewhere/web.xml",
    }


def test_an_imported_service_is_a_definition(place: Place) -> None:
    place.services["svc:/site/web"] = imported()
    (one,) = place.compile().definitions
    assert (one.fmri, one.source) == ("svc:/site/web:default", "/somewhere/web.xml")
    assert one.start[0].argv[2] == "exec /bin/true"


def test_a_file_counts_more_than_an_import_of_that_name(place: Place) -> None:
    place.services["svc:/site/web"] = imported()
    (place.directory / "web.xml").write_text(WEB)
    compiled = place.compile()
    (one,) = compiled.definitions
    assert one.start[0].argv[2] == "exec /bin/echo slow"
    assert any("is imported too" in mistake.message for mistake in compiled.mistakes)


def test_a_damaged_layer_is_told_and_passed_over(place: Place) -> None:
    (place.directory / "web.xml").write_text(WEB)
    os.makedirs(place.place.state)
    for text in ("", "{}\n{}\n", '{"version":1}\nnonsense', '{"version":9}\n{}\n'):
        (Path(place.place.state) / "layer.json").write_text(text)
        compiled = compile_place(place.place)
        assert len(compiled.definitions) == 1
        assert any("cannot be read" in mistake.message for mistake in compiled.mistakes)
