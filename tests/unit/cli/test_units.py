"""`stoker import systemd UNIT…` writes definitions and a report."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from stoker.cli import main

TEXT = "[Unit]\nDescription=X\nDocumentation=man:x(1)\n[Service]\nExecStart=/bin/x\nType=simple\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "x.service").write_text(TEXT)
    (tmp_path / "x.timer").write_text("[Timer]\nOnCalendar=daily\n")
    return tmp_path


def test_a_definition_is_written_and_every_setting_is_told(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = files / "to"
    words = ["import", "systemd", str(files / "x.service"), "--to", str(to)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert f"x.service: wrote {to}/x.toml" in out
    assert "taken        ExecStart=/bin/x" in out
    assert "ignored      Documentation=man:x(1): it is for people and tools" in out
    assert 'exec_start = ["/bin/x"]' in (to / "x.toml").read_text()
    assert main(words) == 1  # what is there stays
    assert main(["check", str(to)]) == 0


def test_what_cannot_be_converted_is_an_error_and_the_rest_is_done(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    units = [str(files / name) for name in ("x.timer", "x.service")]
    assert main(["import", "systemd", *units, "nothing.service", "--dry-run", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [row["unit"] for row in found["units"]] == ["x.timer", "x.service"]
    assert "nothing native is started by time yet" in found["units"][0]["why"]
    assert found["units"][1]["path"] is None
    assert [row["what"] for row in found["units"][1]["settings"]].count("taken") == 3
    assert "no unit nothing.service" in found["said"][0]
    assert main(["import", "systemd"]) == 2


def test_a_socket_brings_its_service_and_becomes_a_part_of_it(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "x.socket").write_text(
        "[Socket]\nListenStream=/run/x.sock\n[Install]\nWantedBy=sockets.target\n"
    )
    (files / "y@.service").write_text(TEXT + "StandardInput=socket\n")
    (files / "y.socket").write_text("[Socket]\nListenStream=79\nAccept=yes\nMaxConnections=7\n")
    units = [str(files / name) for name in ("x.socket", "y.socket", "x.service")]
    assert main(["import", "systemd", *units, "--to", str(files / "to")]) == 0
    capsys.readouterr()
    x, y = (tomllib.loads((files / "to" / f"{name}.toml").read_text()) for name in "xy")
    assert x["listen"] == [{"address": "/run/x.sock", "name": "x.socket", "mode": "0666"}]
    assert (x["activation"], x["enabled"]) == ({"when": "first"}, True)
    assert y["listen"] == [{"address": ":79", "name": "y.socket"}]
    assert (y["activation"], y["enabled"]) == ({"when": "each", "copies": 7}, False)
    assert main(["check", str(files / "to")]) == 0


def test_what_would_be_written_is_shown_as_it_would_be(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "systemd", str(files / "x.service"), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("x.service: x\n# From ")
    assert '\nexec_start = ["/bin/x"]\n' in out


def test_a_link_to_a_unit_that_comes_along_is_another_name_of_it(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "z.service").symlink_to("x.service")
    units = [str(files / name) for name in ("z.service", "x.service")]
    assert main(["import", "systemd", *units, "--to", str(files / "to")]) == 0
    assert "z.service is another name of x.service" in capsys.readouterr().err
    assert [one.name for one in (files / "to").iterdir()] == ["x.toml"]
    assert main(["import", "systemd", units[0], "--to", str(files / "other")]) == 0
    assert [one.name for one in (files / "other").iterdir()] == ["z.toml"]
