"""convert-systemd-units makes bundles (nosh.md 9a)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from stoker.compat import run

WEB = """\
[Unit]
After=db.service network.target
Requires=db.service
PartOf=all.target

[Service]
Type=simple
Environment="A=one word"
ExecStartPre=-/bin/false
ExecStartPre=/bin/echo pre "two words"
ExecStart=/bin/echo run ${A} $A
ExecStopPost=/bin/echo post
Restart=on-failure
RestartSec=10ms
SendSIGHUP=yes
Nice=5

[Install]
WantedBy=server.target
"""


def convert(root: Path, name: str, text: str) -> int:
    (root / name).write_text(text)
    words = ["convert-systemd-units", "--bundle-root", str(root / "out"), str(root / name)]
    return run("system-control", words)


def said(program: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def test_a_service_becomes_programs_and_links(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(tmp_path, "web.service", WEB) == 0
    assert "Service/Nice has no effect" in capsys.readouterr().err
    bundle = tmp_path / "out" / "web"
    service = bundle / "service"
    assert said(service / "start") == (0, "pre two words\n")
    assert said(service / "run") == (0, "run one word one word\n")
    assert said(service / "stop") == (0, "post\n")
    assert (service / "use_hangup").exists()
    answers = {
        ("exit", "0"): 1,
        ("exit", "3"): 0,
        ("term", "TERM", "15"): 1,
        ("kill", "KILL", "9"): 0,
        ("crash", "SEGV", "11"): 0,
    }
    assert {one: said(service / "restart", *one)[0] for one in answers} == answers
    found = {
        relation: {name: os.readlink(bundle / relation / name) for name in names}
        for relation in os.listdir(bundle)
        if relation != "service" and (names := os.listdir(bundle / relation))
    }
    targets = "/etc/service-bundles/targets"
    assert found == {
        "after": {
            "db": "../../db",
            "network": f"{targets}/network",
            "basic": f"{targets}/basic",
        },
        "wants": {"db": "../../db", "basic": f"{targets}/basic"},
        "requires": {"all": f"{targets}/all"},
        "before": {"shutdown": f"{targets}/shutdown"},
        "stopped-by": {"shutdown": f"{targets}/shutdown"},
        "wanted-by": {"server": f"{targets}/server"},
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.service", "[Service]\nType=notify\nExecStart=/bin/x\n"),
        ("a.service", "[Service]\nKillMode=process\nExecStart=/bin/x\n"),
        ("a.service", "[Service]\n"),
        ("a.mount", "[Mount]\n"),
        ("a@.service", "[Service]\nExecStart=/bin/x\n"),
    ],
)
def test_what_cannot_be_converted_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert convert(tmp_path, name, text) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "target", "service", "early"),
    [
        ("", "/etc/service-bundles/targets", "../..", False),
        ("--etc-bundle", "../../../targets", "/var/sv", True),
        ("--local-bundle", "/etc/service-bundles/targets", "/var/sv", False),
    ],
)
def test_where_it_lies_decides_what_links_lead_through(
    tmp_path: Path, option: str, target: str, service: str, early: bool
) -> None:
    (tmp_path / "web.service").write_text(WEB)
    words = [
        "convert-systemd-units",
        option,
        "--bundle-root",
        str(tmp_path),
        f"{tmp_path}/web.service",
    ]
    assert run("system-control", [one for one in words if one]) == 0
    bundle = tmp_path / "web"
    assert os.readlink(bundle / "wanted-by" / "server") == f"{target}/server"
    assert os.readlink(bundle / "wants" / "db") == f"{service}/db"
    found = os.readlink(bundle / "supervise") if early else os.path.lexists(bundle / "supervise")
    assert found == (early and "/run/service-bundles/early-supervise/web")


def test_what_is_not_done_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "web.service").write_text(WEB)
    words = ["convert-systemd-units", "--escape-instance", f"{tmp_path}/web.service"]
    assert run("system-control", words) == 1


@pytest.mark.parametrize(
    ("line", "escaped"),
    [
        ("/dev/sd-a", "-dev-sd\\x2da"),
        ("a b", "a\\x20b"),
        ("--prefix mount@ /srv /var", "mount@-srv mount@-var"),
        ("--alt-escape a/b-c a@b:c,d+e a\\b", "a\\x2fb-c a\\ab\\cc\\vd\\pe a\\\\b"),
        ("--alt-escape --no-ext-escape a@b", "a\\x40b"),
    ],
)
def test_names_are_escaped(line: str, escaped: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["a b"] if line == "a b" else line.split()
    assert run("system-control", ["escape", *words]) == 0
    assert capsys.readouterr().out == f"{escaped}\n"
