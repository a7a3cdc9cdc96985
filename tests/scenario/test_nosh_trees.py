"""A tree of bundles with targets comes up by its target normal (nosh.md 1.1, 5.3, 8; C30, C37)."""

from __future__ import annotations

from pathlib import Path

from bundles import FOREVER, bundle, lines, relate

from stoker.testing import Scenario


def target(root: Path, name: str) -> Path:
    """A target as nosh has it: nothing runs, and it stays up."""
    one = bundle(root / "targets" / name / "service", run="exec true", restart="exit 0")
    (one / "remain").touch()
    return one.parent


def test_normal_comes_up_with_what_it_wants_in_order_and_nothing_else(place: Scenario) -> None:
    note = place.directory / "note"
    tree = place.directory
    normal, server = target(tree, "normal"), target(tree, "server")
    target(tree, "shutdown")
    services = {}
    for name in ("db", "web", "unwanted"):
        say = f"echo {name} >> {note}"  # what comes after waits for start, and not for run
        one = bundle(tree / "services" / name / "service", start=say, run=FOREVER)
        services[name] = one.parent
    relate(normal, "wants", server)
    relate(server, "wants", services["web"], services["db"], tree / "services" / "nowhere")
    relate(services["web"], "after", services["db"], server)
    relate(services["db"], "before", server)
    place.up()
    up = {name for name, seen in place.instances().items() if seen["state"] == "online"}
    assert up == {"target/normal", "target/server", "db", "web"}
    assert lines(note) == ["db", "web"]
    place.stoker("stop", "target/server").ok()
    assert place.instance("web")["state"] == "online"  # it was wanted, it is not part
