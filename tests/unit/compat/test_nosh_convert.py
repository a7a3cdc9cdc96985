"""convert-systemd-units makes bundles (nosh.md 9a)."""

from __future__ import annotations

import os
import select
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
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
        ("a.socket", "[Socket]\nListenStream=/x\n"),
        ("b.socket", "[Socket]\nListenFIFO=/x\nService=there.service\n"),
        ("b.socket", "[Socket]\nListenDatagram=7\nAccept=yes\nService=there.service\n"),
        ("b.timer", "[Timer]\nUnit=there.service\n"),
        ("c.timer", "[Timer]\nOnCalendar=never\nUnit=there.service\n"),
        ("a@.service", "[Service]\nExecStart=/bin/x\n"),
    ],
)
def test_what_cannot_be_converted_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "there.service").write_text("[Service]\nExecStart=/bin/x\n")
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


@pytest.mark.parametrize(
    ("options", "name", "told"),
    [
        ("", "a-b@c-d", "p=a-b P=a/b i=c-d I=c/d f=/c/d"),
        ("--escape-instance", "a-b@c-d", "p=a-b P=a/b i=c\\x2dd I=c-d f=/c-d"),
        ("--escape-prefix", "a-b@c-d", "p=a\\x2db P=a-b i=c-d I=c/d f=/c/d"),
        ("--escape-instance --alt-escape", "a@c@d", "p=a P=a i=c\\ad I=c@d f=/c@d"),
        ("--escape-instance --alt-escape --no-ext-escape", "a@c@d",
         "p=a P=a i=c\\x40d I=c@d f=/c@d"),
        ("--alt-escape", "a@c\\ad-\\x2cf\\ug", "p=a P=a i=c\\ad-\\x2cf\\ug I=c@d-,fG f=/c@d-,fG"),
    ],
)  # fmt: skip
def test_specifiers_have_names_as_they_are_or_as_they_are_escaped(
    tmp_path: Path, options: str, name: str, told: str
) -> None:
    text = "[Service]\nWorkingDirectory=%f\nEnvironment='T=p=%p P=%P i=%i I=%I f=%f'\nExecStart=x\n"
    (tmp_path / f"{name.partition('@')[0]}@.service").write_text(text.replace("\\", "\\\\"))
    words = [*options.split(), "--bundle-root", str(tmp_path), f"{tmp_path}/{name}.service"]
    assert run("system-control", ["convert-systemd-units", *words]) == 0
    export = (tmp_path / name / "service" / "run").read_text().splitlines()[1]
    told_there = subprocess.run(
        ["/bin/sh", "-c", f'{export}; printf %s "$T"'], capture_output=True, text=True, timeout=60
    )
    assert told_there.stdout == told


def test_lists_go_on_and_what_is_mounted_is_waited_for(tmp_path: Path) -> None:
    text = "[Unit]\nAfter=one.service\nAfter=two.service own.socket other.socket\n"
    text += "RequiresMountsFor=/srv/a-b /srv\n[Service]\nType=dbus\nExecStart=x\n"
    assert convert(tmp_path, "own.service", text) == 0
    bundle = tmp_path / "out" / "own"
    mounts = {"mount@-srv-a\\x2db", "mount@-srv"}
    assert set(os.listdir(bundle / "after")) == {"one", "two", "other", "basic", "dbus", *mounts}
    assert set(os.listdir(bundle / "wants")) == {"basic", "dbus", *mounts}


def test_programs_have_the_account_of_the_unit_but_those_with_all_rights(tmp_path: Path) -> None:
    text = "[Service]\nUser=web\nType=oneshot\nExecStartPre=+one\nExecStartPre=-two\n"
    text += "ExecStart=three\nExecStart=four\nExecStopPost=!five\n"
    assert convert(tmp_path, "own.service", text) == 0
    service = tmp_path / "out" / "own" / "service"
    who = "setpriv --reuid=web --regid=web --init-groups --"
    assert (service / "start").read_text().splitlines()[2:] == ["one", f"{{ {who} two || :; }}"]
    assert (service / "run").read_text().splitlines()[2:] == [f"{who} three", f"exec {who} four"]
    assert (service / "stop").read_text().splitlines()[2:] == ["five"]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours are found by their names."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def convert_both(root: Path, name: str, text: str, service: str) -> Path:
    stem = name.partition(".")[0]
    (root / f"{stem}.service").write_text(service)
    (root / f"{stem}@.service").write_text(service)
    assert convert(root, name, text) == 0
    return root / "out" / stem


def done(bundle: Path, program: str) -> int:
    folder = bundle / "service"
    return subprocess.run([folder / program, "exit", "0"], cwd=folder, timeout=60).returncode


def begin(bundle: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["./run"], cwd=bundle / "service")


def call(path: Path, told: bytes) -> bytes:
    end = time.monotonic() + 60
    with socket.socket(socket.AF_UNIX) as caller:
        while caller.connect_ex(str(path)):
            assert time.monotonic() < end
            select.select([], [], [], 0.02)
        caller.settimeout(60)
        caller.sendall(told)
        caller.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: caller.recv(100), b""))


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("accept", [True, False])
def test_a_socket_and_its_service_become_one_bundle(tmp_path: Path, accept: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="sk"))  # a short path, as sockets need
    code = "import os, socket; n = os.environ; "
    code += "assert n['LISTEN_PID'] == str(os.getpid()) and n['LISTEN_FDNAMES'] == 'web.socket'; "
    code += "a = socket.socket(fileno=3).accept()[0]; a.sendall(a.recv(99) + n['WHO'].encode())"
    command = "cat" if accept else f'{sys.executable} -c "{code}"'
    unit = f"[Socket]\nListenStream={folder}/s\nAccept={accept}\nSocketMode=0600\nTimestamping=us\n"
    bundle = convert_both(
        tmp_path, "web.socket", unit, f"[Service]\nEnvironment=WHO=me\nExecStart={command}\n"
    )
    assert sorted(os.listdir(bundle / "wanted-by")) == ["sockets"]
    assert done(bundle, "start") == 0
    process = begin(bundle)
    try:
        assert call(folder / "s", b"hello ") == (b"hello " if accept else b"hello me")
        assert stat.S_IMODE((folder / "s").stat().st_mode) == 0o600
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder)


def test_units_are_found_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("system", "user"):
        folder = tmp_path / "systemd" / kind
        folder.mkdir(parents=True)
        (folder / "a-test-of-ours.service").write_text(f"[Service]\nExecStart=/bin/{kind}\n")
    for options, kind in (([], "system"), (["--user"], "user")):
        words = [*options, "--bundle-root", kind, "a-test-of-ours.service"]
        assert run("system-control", ["convert-systemd-units", *words]) == 0
        program = tmp_path / kind / "a-test-of-ours" / "service" / "run"
        assert program.read_text().endswith(f"exec /bin/{kind}\n")


@pytest.mark.parametrize(("accept", "end"), [("yes", "in"), ("no", "in <&3 >&3")])
def test_who_waits_at_a_socket_itself_has_it_as_its_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], accept: str, end: str
) -> None:
    unit = f"[Socket]\nListenStream=7\nAccept={accept}\n"
    service = "[Service]\nStandardInput=socket\nExecStart=/bin/in\n"
    bundle = convert_both(tmp_path, "web.socket", unit, service)
    assert (bundle / "service" / "service").read_text().endswith(f"exec /bin/{end}\n")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("programs")
def test_a_timer_and_its_service_become_one_bundle(tmp_path: Path) -> None:
    unit = "[Timer]\nOnActiveSec=0\nOnCalendar=2190-01-01\nRandomizedDelaySec=5\n"
    service = f"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo x >>{tmp_path}/done'\n"
    bundle = convert_both(tmp_path, "web.timer", unit, service)
    assert sorted(os.listdir(bundle / "wanted-by")) == ["timers"]
    assert not (bundle / "service" / "ready_after_run").exists()
    assert done(bundle, "start") == done(bundle, "run") == done(bundle, "restart") == 0
    assert (tmp_path / "done").read_text() == "x\n"
    assert (bundle / "service/stamp-on-restart").exists()
    later = begin(bundle)
    with pytest.raises(subprocess.TimeoutExpired):  # it waits for the calendar
        later.wait(0.5)
    later.terminate()
    later.wait(60)
    assert (tmp_path / "done").read_text() == "x\n"


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
