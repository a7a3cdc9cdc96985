"""Every unit file that Debian's packages of well-known daemons ship becomes a definition, and of
every setting in them something is said.
"""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stoker.cli import main

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(1800)]

PACKAGES = (
    "nginx-common", "postgresql-common", "redis-server", "cron", "openssh-server", "rsyslog",
    "dbus", "dbus-system-bus-common", "udev", "chrony", "avahi-daemon", "cups-daemon",
    "cups-browsed", "apache2", "mariadb-server",
)  # fmt: skip
INSTANCES = {"postgresql": "15-main", "pg_": "15-main", "mariadb": "one", "": "x"}
"""For templates, by the beginning of their names."""
NOT_CONVERTED = (".path", ".timer")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with all of them; nothing is installed."""
    folder = tmp_path_factory.mktemp("packages")
    os.chmod(folder, 0o777)  # apt drops its privileges to download
    for attempt in range(3):
        words = ["apt-get", "-q", "download", *PACKAGES]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)
        if done.returncode == 0:
            break
        assert attempt < 2, done.stderr
        subprocess.run(["apt-get", "-q", "update"], capture_output=True, timeout=300, check=False)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True, timeout=120)
    found = folder / "root" / "lib" / "systemd" / "system"
    return found if found.is_dir() else folder / "root" / "usr" / "lib" / "systemd" / "system"


def names_of(units: Path) -> list[str]:
    """What there is to import: templates with an instance."""
    found = []
    for path in sorted(units.iterdir()):
        stem, kind = path.stem, path.suffix
        if path.is_dir() or kind in NOT_CONVERTED:
            continue
        if stem.endswith("@"):
            beginning = next(one for one in INSTANCES if stem.startswith(one))
            stem += INSTANCES[beginning]
        found.append(str(units / f"{stem}{kind}"))
    return found


def settings_in(path: Path) -> int:
    """How many settings a unit file has, counted without our reader; an empty one only forgets."""
    text = path.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and line[0] not in "#;[" and "=" in line]
    return sum(1 for line in said if not line.endswith("="))


def test_all_are_imported_with_a_word_about_every_setting(
    units: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = names_of(units)
    assert len(names) > 30
    to = tmp_path / "services"
    status = main(["import", "systemd", *names, "--to", str(to), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (status, said["said"]) == (0, [])
    assert {row["unit"] for row in said["units"] if row["why"]} == set()
    rows = [one for row in said["units"] for one in row["settings"]]
    assert {one["what"] for one in rows} == {"taken", "approximated", "ignored"}
    assert all(one["why"] for one in rows if one["what"] != "taken")
    told: dict[str, int] = {}
    for one in rows:
        told[one["file"]] = told.get(one["file"], 0) + 1
    wrong = {
        file: (count, settings_in(Path(file)))
        for file, count in told.items()
        if count != settings_in(Path(file)) and "@" not in file and ".d/" not in file
    }
    assert wrong == {}
    assert said["aliases"].items() >= {("mysql.service", "mariadb.service")}
    assert main(["check", str(to)]) == 0, capsys.readouterr().out


def test_what_a_few_come_to(units: Path, tmp_path: Path) -> None:
    to = tmp_path / "services"
    assert main(["import", "systemd", *names_of(units), "--to", str(to)]) == 0

    def of(name: str) -> dict[str, Any]:
        return tomllib.loads((to / f"{name}.toml").read_text())

    assert of("nginx")["ready"] == {"pidfile": "/run/nginx.pid"}
    assert of("redis-server")["ready"] == of("rsyslog")["ready"] == {"notify": True}
    assert of("postgresql@15-main")["ready"] == {"pidfile": "/run/postgresql/15-main.pid"}
    assert [one["address"] for one in of("ssh")["listen"]] == [":22"]
    assert of("cups")["listen"][0]["address"] == "/run/cups/cups.sock"
    assert of("dbus")["listen"][0]["address"] == "/run/dbus/system_bus_socket"
    assert of("dbus")["enabled"] is True
    assert of("systemd-udevd")["listen"][0]["type"] == "seqpacket"
    assert of("cron")["exec_start"].endswith("/usr/sbin/cron -f $EXTRA_OPTS")
    assert ":3306" in [one["address"] for one in of("mariadb")["listen"]]
