"""Real manifests and profiles: each comes to the graph that a few lines here find in its XML."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from stoker.formats import Entry, Surroundings, format_of, read_bundle
from stoker.model import Definition

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "data" / "smf"
MANIFESTS = sorted((CORPUS / "manifests").glob("*.xml"))
PROFILES = sorted((CORPUS / "profiles").glob("*.xml"))
needs_corpus = pytest.mark.skipif(not MANIFESTS, reason=f"{CORPUS} is not here")

Graph = dict[str, tuple[bool, dict[str, tuple[str, str, tuple[str, ...]]]]]


def plain(value: str) -> str:
    return value.replace("file://localhost/", "file:///").replace("svc://localhost/", "svc:/")


def groups(parent: ElementTree.Element) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    found = {}
    for one in parent.findall("dependency"):
        targets = tuple(plain(target.get("value", "")) for target in one.findall("service_fmri"))
        if targets:
            found[one.get("name", "")] = (
                one.get("grouping", ""),
                one.get("restart_on", ""),
                targets,
            )
    return found


def graph_of_xml(path: Path) -> tuple[Graph, list[tuple[str, str, str, str]]]:
    """Instances with whether they are enabled and their dependencies; dependents."""
    found: Graph = {}
    dependents = []
    for service in ElementTree.parse(path).getroot().iter("service"):
        name = f"svc:/{service.get('name')}"
        entities = [(one, f"{name}:{one.get('name')}") for one in service.findall("instance")]
        default = service.find("create_default_instance")
        if default is not None:
            entities.append((default, f"{name}:default"))
        for one, fmri in entities:
            found[fmri] = (one.get("enabled") == "true", {**groups(service), **groups(one)})
        for one, owner in [(service, name), *entities]:
            for other in one.findall("dependent"):
                target = other.find("service_fmri")
                assert target is not None
                dependents.append(
                    (owner, other.get("name", ""), plain(target.get("value", "")),
                     other.get("grouping", "") + "/" + other.get("restart_on", ""))
                )  # fmt: skip
    return found, sorted(dependents)


def graph_of(definitions: list[Definition]) -> Graph:
    return {
        one.fmri: (
            one.enabled,
            {g.name: (str(g.grouping), str(g.restart_on), g.targets) for g in one.dependencies},
        )
        for one in definitions
    }


@needs_corpus
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_t81_the_graph_is_that_of_the_xml(path: Path) -> None:
    entry = Entry(str(path.parent), path.name, os.stat(path).st_mode)
    form = format_of(entry)
    assert form is not None
    reading = form.read(entry, Surroundings())
    assert [str(one) for one in reading.mistakes if one.level == "error"] == []
    expected, dependents = graph_of_xml(path)
    for one in reading.definitions:
        if one.restarter:  # what implements it is needed by it, though no line says so
            expected[one.fmri][1]["restarter"] = ("require_all", "restart", (one.restarter,))
    assert graph_of(reading.definitions) == expected
    assert (
        sorted(
            (one.targets[0], one.name, target, f"{one.grouping}/{one.restart_on}")
            for target, one in reading.dependents
        )
        == dependents
    )
    here = {str(d.fmri) for d in reading.definitions if d.fault}
    delegated = {d.fmri for d in reading.definitions if d.restarter}
    # Services of RPC, and names that this machine's services(5) has not; nothing else is wrong.
    assert here <= delegated
    assert {d.fmri for d in reading.definitions if d.listen} == delegated - here


@needs_corpus
def test_t81_what_only_solaris_has_is_told_and_not_refused() -> None:
    path = CORPUS / "manifests" / "cron_cron.xml"
    entry = Entry(str(path.parent), path.name, os.stat(path).st_mode)
    form = format_of(entry)
    assert form is not None
    reading = form.read(entry, Surroundings(exists=lambda _path: False))
    assert reading.good
    warning = next(one for one in reading.mistakes if one.key == "start/exec")
    assert warning.message == "there is no /lib/svc/method/svc-cron here"
    assert warning.fmri == "svc:/system/cron:default"


@needs_corpus
@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_t81_profiles_state_what_is_enabled(path: Path) -> None:
    bundle = read_bundle(str(path))
    assert bundle.good, [str(one) for one in bundle.mistakes]
    assert bundle.kind == "profile"
    root = ElementTree.parse(path).getroot()
    expected = {
        (f"svc:/{service.get('name')}", one.get("name"), one.get("enabled"))
        for service in root.iter("service")
        for one in service.findall("instance")
    }
    found = {
        (service.fmri, name, own["general"].properties["enabled"].values[0])
        for service in bundle.services
        for name, own in service.instances.items()
    }
    assert found == expected
