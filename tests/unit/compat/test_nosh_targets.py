"""The standard targets (nosh.md 8; C63, C66, C67)."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoker.compat import run
from stoker.formats import compile_place
from stoker.model import project_place


def control(*words: object) -> int:
    return run("system-control", ["--user", *map(str, words)])


@pytest.fixture
def targets(own_home: Path) -> Path:
    """In the search path of a user."""
    assert control("write-standard-targets") == 0
    return own_home / ".config" / "service-bundles" / "targets"


def test_normal_has_what_presets_put_into_it(targets: Path, own_home: Path) -> None:
    presets = own_home / ".config" / "system-control" / "presets"
    presets.mkdir(parents=True)
    (presets / "90-essential").write_text("enable *.target\n")
    names = sorted(path.name for path in targets.iterdir() if not path.is_symlink())
    assert control("preset", *(f"{name}.target" for name in names)) == 0
    assert {path.name for path in (targets / "normal" / "wants").iterdir()} == {
        *("basic", "server", "workstation", "multi-user", "static-networking", "users"),
    }
    assert "server" in {path.name for path in (targets / "shutdown" / "conflicts").iterdir()}
    assert not (targets / "server" / "service" / "down").exists()


def test_there_are_no_runlevels_and_nothing_is_written_over(
    targets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {path.name for path in targets.iterdir()}
    assert not any("runlevel" in name or name in ("graphical", "default") for name in names)
    assert {"normal", "powercycle", "getty-pre", "unmount"} <= names
    capsys.readouterr()
    assert control("write-standard-targets") == 0
    assert capsys.readouterr().out == ""


def test_they_are_read_as_targets_and_only_normal_comes_up(targets: Path) -> None:
    place = project_place(str(targets.parent), {"HOME": "/nowhere"}, 0, runtime="/run/x")
    compiled = compile_place(place)
    assert compiled.mistakes == []
    found = {one.fmri: one for one in compiled.definitions}
    assert [name for name, one in found.items() if one.enabled] == ["svc:/target/normal:default"]
    halt = found["svc:/target/halt:default"]
    before = ("svc:/target/shutdown:default", "svc:/target/unmount:default")
    assert (halt.wants, halt.after, halt.ends) == (before, before, "never")
    assert found["svc:/target/rescue:default"].ends == "empty"
