"""Where a bundle is looked for by its name (nosh.md 1.4; C2, C4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoker.formats.bundle_roots import find_bundle, roots


@pytest.fixture
def searched(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    found = {
        kind: tuple(str(tmp_path / place / kind) for place in ("first", "second"))
        for kind in ("targets", "services")
    }
    for place, kind, name in (
        ("second", "targets", "both"),
        ("first", "services", "both"),
        ("first", "services", "web"),
        ("second", "services", "web"),
        ("second", "services", "cyclog@web"),
    ):
        (tmp_path / place / kind / name).mkdir(parents=True)
    return found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("web", "first/services/web .service"),
        ("web.service", "first/services/web .service"),
        ("web.socket", "first/services/web .socket"),
        ("web.target", ""),
        ("both", "second/targets/both .target"),
        ("both.service", "first/services/both .service"),
        ("nothing", ""),
    ],
)
def test_the_first_root_counts_and_targets_come_before_services(
    tmp_path: Path, searched: dict[str, tuple[str, ...]], name: str, found: str
) -> None:
    answer = find_bundle(name, searched)
    assert answer == ((str(tmp_path / found.split()[0]), found.split()[1]) if found else None)


def test_paths_prefixes_and_the_working_directory(
    tmp_path: Path, searched: dict[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "odd.service").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert find_bundle(f"{tmp_path}/here", searched) == (f"{tmp_path}/here", "")
    assert find_bundle(f"{tmp_path}/nowhere", searched) is None
    assert find_bundle(".", searched) == (".", "")
    assert find_bundle("odd.service", searched) == ("odd.service", ".service")
    assert find_bundle("web", searched, "cyclog@") == (
        str(tmp_path / "second/services/cyclog@web"),
        ".service",
    )


def test_the_roots_of_the_machine_and_of_a_user() -> None:
    machine = roots(False)
    assert machine["targets"][2] == "/etc/service-bundles/targets"
    assert machine["services"][2] == "/etc/service-bundles/services"
    assert (len(machine["targets"]), len(machine["services"])) == (6, 11)
    mine = roots(True, {"HOME": "/h"})
    assert mine["services"][1] == "/h/.config/service-bundles/services"
    assert mine["targets"][0].endswith("/service-bundles/targets")
