"""enable, disable, preset and the environment change files alone (nosh.md 5.5; C4, C42-C45)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stoker.compat import run
from stoker.compat.nosh.enabling import Presets


def make(root: Path, name: str) -> Path:
    service = root / name / "service"
    service.mkdir(parents=True)
    (service / "run").write_text("#!/bin/sh\n")
    return service.parent


def relate(one: Path, relation: str, *others: Path) -> None:
    (one / relation).mkdir(exist_ok=True)
    for other in others:
        (one / relation / other.name).symlink_to(other)


@pytest.fixture
def home(own_home: Path) -> Path:
    """The services of a user's search path."""
    services = own_home / ".config" / "service-bundles" / "services"
    services.mkdir(parents=True)
    (services.parent / "targets").mkdir()
    return services


def control(*words: object) -> int:
    return run("system-control", ["--user", *map(str, words)])


def test_enable_makes_links_and_disable_takes_them_back(home: Path) -> None:
    web = make(home, "web")
    server, shutdown = make(home.parent / "targets", "server"), make(home, "shutdown")
    needed = make(home, "needed")
    relate(web, "wanted-by", server)
    relate(web, "stopped-by", shutdown)
    relate(web, "requires", needed)
    (web / "service" / "down").touch()
    assert control("enable", "web") == 0
    made = [
        server / "wants" / "web",
        shutdown / "conflicts" / "web",
        shutdown / "after" / "web",
        needed / "required-by" / "web",
    ]
    assert [path.resolve() for path in made] == [web] * 4
    assert not (web / "service" / "down").exists()
    assert control("disable", "web.service") == 0
    assert not any(os.path.lexists(path) for path in made)
    assert stat.S_IMODE((web / "service" / "down").stat().st_mode) == 0o400
    assert control("enable", "web", "nothing") == 1  # 1.40 says 0
    assert made[0].is_symlink()


def test_the_lowest_preset_file_wins_and_then_rc_conf(
    home: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("web", "mail", "db", "other"):
        make(home, name)
    presets = own_home / ".config" / "system-control" / "presets"
    presets.mkdir(parents=True)
    (presets / "90-more").write_text("enable web.service\nenable m[a-c]?l\n")
    (presets / "10-first").write_text("# enable db\ndisable we*\n")
    (own_home / ".config" / "rc.conf").write_text('db_enable="YES"\nother_enable=NO\n')
    control("preset", "-n", "web", "mail.service", "db", "other")
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["disable", "enable", "enable", "disable"]
    control("preset", "--dry-run", "--no-rcconf", "db")
    assert capsys.readouterr().out.startswith("enable ")  # nobody was asked who could say no
    assert control("preset", "db", "web") == 0
    assert not (home / "db" / "service" / "down").exists()
    assert (home / "web" / "service" / "down").exists()


def test_the_machines_presets_are_looked_for_in_this_order() -> None:
    found = Presets(False, {}).directories
    assert found[:3] == [
        "/usr/local/etc/system-control/presets",
        "/etc/system-control/presets",
        "/etc/systemd/system-preset",
    ]
    assert len(found) == 8


def test_the_environment_of_a_service(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(home, "web")
    assert control("set-service-env", "web", "A", "1") == 0
    assert control("set-service-env", "web", "B", "two\nlines") == 0
    assert control("set-service-env", "web", "C", "") == 0
    assert (home / "web" / "service" / "env" / "B").read_bytes() == b"two\0lines\n"
    assert control("print-service-env", "web") == 0
    assert capsys.readouterr().out == "A=1\nB=two\nlines\nC\n"
    assert control("print-service-env", "web", "A") == 0
    assert capsys.readouterr().out == "1\n"
    assert control("set-service-env", "web", "A") == 0
    assert control("print-service-env", "web", "A") == 1
    assert control("set-service-env", "web", "../x", "1") == 1


def test_find_and_escape(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(home, "web")
    make(home.parent / "targets", "web")
    assert control("find", "web", "web.service") == 0
    assert capsys.readouterr().out.splitlines() == [
        str(home.parent / "targets" / "web"),
        str(home / "web"),
    ]
    assert control("find", "web", "nothing") == 1
    assert control("escape", "/var/a b-c") == 0
    assert capsys.readouterr().out == "-var-a\\x20b\\x2dc\n"
