"""Directories of service bundles: read with all below them, each service as long as its file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.client import place_of
from stoker.formats import compile_place
from stoker.model import Compiled

BUNDLE = """<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>
<service_bundle type='manifest' name='t'><service name='{}' type='service' version='1'>
<create_default_instance enabled='true'/>
<exec_method type='method' name='start' exec=':true' timeout_seconds='60'/>
</service></service_bundle>"""


class Box:
    """A project whose settings name a directory of manifests beside it."""

    def __init__(self, base: Path) -> None:
        self.project = base / "project"
        self.manifests = base / "manifests"
        (self.manifests / "network" / "http").mkdir(parents=True)
        self.project.mkdir()
        settings = 'manifests = ["../manifests"]\n'
        (self.project / ".stoker.toml").write_text(settings)
        self.place = place_of(str(self.project))

    def manifest(self, path: str, name: str) -> Path:
        file = self.manifests / path
        file.write_text(BUNDLE.format(name))
        return file

    def read(self, before: Compiled | None = None) -> Compiled:
        return compile_place(self.place, before)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    with tempfile.TemporaryDirectory(prefix="st-") as run:  # short: a socket's path is limited
        monkeypatch.setenv("STOKER_RUNTIME_DIR", run)
        yield Box(tmp_path)


def names(compiled: Compiled) -> list[str]:
    return [one.fmri for one in compiled.definitions]


def test_all_below_is_read_and_a_service_goes_with_its_file(box: Box) -> None:
    box.manifest("one.xml", "site/one")
    web = box.manifest("network/http/same.xml", "network/web")
    box.manifest("network/same.xml", "network/other")
    (box.manifests / "network" / "tool").write_text("#!/bin/sh\n")
    (box.manifests / "network" / "tool").chmod(0o755)
    first = box.read()
    assert first.errors == []
    all_of_them = [
        "svc:/network/other:default",
        "svc:/network/web:default",
        "svc:/site/one:default",
    ]
    assert names(first) == all_of_them
    folders = ("", "/network", "/network/http")
    assert first.settings.manifests == tuple(f"{box.manifests}{one}" for one in folders)
    web.unlink()
    assert names(box.read(first)) == [all_of_them[0], all_of_them[2]]


def test_what_a_directory_of_definitions_has_counts(box: Box) -> None:
    box.manifest("one.xml", "site/one")
    mine = 'id = "site/one"\nexec_start = ["sleep", "infinity"]\n'
    (box.project / "mine.toml").write_text(mine)
    found = box.read()
    assert [one.format for one in found.definitions] == ["toml"]
    assert any("one.xml" in path for path, _ in found.ignored)


def test_a_mistake_keeps_what_was_read_before(box: Box) -> None:
    file = box.manifest("one.xml", "site/one")
    first = box.read()
    file.write_text(BUNDLE.format("site/one").replace("exec_method", "method"))
    again = box.read(first)
    assert again.errors and names(again) == names(first)


def test_a_directory_that_is_not_there_is_told(box: Box) -> None:
    (box.project / ".stoker.toml").write_text('manifests = ["../nothing"]\n')
    (box.project / "mine.toml").write_text('exec_start = ["sleep", "infinity"]\n')
    found = box.read()
    assert names(found) == ["svc:/mine:default"]
    assert [one.level for one in found.mistakes] == ["warning"]
