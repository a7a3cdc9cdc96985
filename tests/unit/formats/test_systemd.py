"""systemd's units become native definitions, and nothing of them is passed over in silence."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from stoker.errors import Failed, NoSuchService
from stoker.formats import convert_unit, read_unit, socket_service
from stoker.formats.systemd_unit import split_words
from stoker.formats.systemd_words import span
from stoker.model import Definition


def unit(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


Said = dict[str, tuple[str, str]]


def convert(root: Path, name: str, *known: str) -> tuple[dict[str, Any], Said]:
    made = convert_unit(read_unit(name, [str(root)]), {name, *known})
    assert made.why == ""
    return tomllib.loads(made.text), {row.key: (row.what, row.why) for row in made.rows}


WEB = """\
[Unit]
Description=A web server
Documentation=man:web(8)
After=network.target network-online.target db.service nothing.service
Requires=db.service
ConditionPathExists=/etc/web

[Service]
Type=notify
User=www
WorkingDirectory=~
Environment="A=one word" B=2
Environment=C=%i
EnvironmentFile=-/etc/default/web
ExecStartPre=-/bin/mkdir -p /x
ExecStartPre=/bin/check "two words"
ExecStart=/usr/bin/web -D $OPTIONS --name=${NAME} \\
    # in the middle
    --last
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2min 3s
TimeoutStopSec=5
KillSignal=SIGQUIT
KillMode=mixed
LimitNOFILE=1024:4096
MemoryMax=64M
ProtectSystem=full

[Install]
WantedBy=multi-user.target
"""


def test_what_a_service_comes_to(tmp_path: Path, box: Any) -> None:
    unit(tmp_path, "web@.service", WEB)
    values, said = convert(tmp_path, "web@blue.service", "db.service")
    assert values["description"] == "A web server"
    assert values["enabled"] is True
    assert values["ready"] == {"notify": True}
    assert values["environment"] == {"A": "one word", "B": "2", "C": "blue"}
    assert values["environment_files"] == ["-/etc/default/web"]
    assert values["exec_start"] == ('set -f; exec /usr/bin/web -D $OPTIONS "--name=${NAME}" --last')
    assert values["exec_start_pre"] == "{ /bin/mkdir -p /x || :; } && /bin/check 'two words'"
    assert values["exec_refresh"] == ":kill HUP"
    restart = values["restart"]
    assert restart == {"when": "on-failure", "delay": "123s", "cap": "123s", "factor": 1.0}
    assert (values["shutdown_timeout"], values["stop_signal"]) == ("5s", "QUIT")
    assert values["limits"] == {"nofile": [1024, 4096], "memory": "64M"}
    assert values["after"] == ["db"]
    assert values["system_dependencies"] == ["NETWORK"]
    assert values["dependency"] == [
        {"targets": ["db"], "restart_on": "restart", "name": "requires"}
    ]
    assert said["Description"] == ("taken", "")
    why = "without network.target nothing.service: not there"
    assert said["After"] == ("approximated", why)
    assert said["ProtectSystem"] == ("ignored", "there is no sandboxing here")
    assert said["ConditionPathExists"][0] == "ignored"
    assert said["KillMode"][0] == "approximated"
    box.toml("web@blue", convert_unit(read_unit("web@blue.service", [str(tmp_path)]), {}).text)
    (one,) = [one for one in box.compile().definitions if not one.gives]
    assert isinstance(one, Definition)
    assert (one.fmri, one.ready.kind) == ("svc:/web:blue", "notify")


def test_drop_ins_and_list_resets(tmp_path: Path) -> None:
    unit(tmp_path, "a.service", "[Service]\nExecStart=/bin/one\nEnvironment=A=1\n")
    unit(tmp_path, "a.service.d/20.conf", "[Service]\nExecStart=\nExecStart=/bin/two\n")
    unit(tmp_path, "a.service.d/10.conf", "[Service]\nExecStart=/bin/three\nEnvironment=B=2\n")
    values, _ = convert(tmp_path, "a.service")
    assert values["exec_start"] == ["/bin/two"]
    assert values["environment"] == {"A": "1", "B": "2"}
    assert values["enabled"] is False
    assert values["restart"] == {"when": "never"}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Type=oneshot\nRemainAfterExit=yes", {"model": "transient", "ready": {"exit": True}}),
        ("Type=forking\nPIDFile=x.pid", {"model": "contract", "ready": {"pidfile": "/run/x.pid"}}),
        ("Type=forking", {"model": "contract", "ready": {"exit": True}}),
        ("Restart=always", {"restart": {"when": "always"}}),
        ("Restart=on-abort", {"restart": {"when": "on-failure"}}),
        ("SendSIGHUP=yes", {"stop_signal": ["TERM", "HUP"]}),
        ("CPUQuota=150%\nTasksMax=7", {"limits": {"pids": 7, "cpu": 1.5}}),
        ("RuntimeDirectory=a b", {"exec_start_pre": "mkdir -p -m 0755 /run/a /run/b"}),
        ("ExecReload=/bin/kill -USR1 $MAINPID", {"exec_start": ["/bin/x", "100%"]}),
    ],
)
def test_single_settings(tmp_path: Path, text: str, part: dict[str, Any]) -> None:
    unit(tmp_path, "a.service", f"[Service]\nExecStart=@/bin/x argv0 100%%\n{text}\n")
    values, _ = convert(tmp_path, "a.service")
    assert {key: values[key] for key in part} == part


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.socket", "[Socket]\nListenStream=80\n", "it is a part of its service"),
        ("a.timer", "[Timer]\nOnCalendar=daily\n", "nothing native is started by time yet"),
        ("a.mount", "[Mount]\n", "the machine's own affair"),
        ("a@.service", "[Service]\nExecStart=/bin/x\n", "name an instance (a@INSTANCE.service)"),
        ("a.service", "[Unit]\nDescription=x\n", "no ExecStart"),
        ("a.service", "[Service]\nType=odd\nExecStart=/bin/x\n", "Type=odd is not known"),
        ("a.service", '[Service]\nExecStart=/bin/x "y\n', "a quotation mark is not closed"),
        ("a.service", "[Service]\nExecStart=/bin/x\nRestartSec=soon\n", "no span of time"),
    ],
)
def test_what_cannot_be_converted_says_why(tmp_path: Path, name: str, text: str, why: str) -> None:
    unit(tmp_path, name, text)
    made = convert_unit(read_unit(name, [str(tmp_path)]), ())
    assert made.text == ""
    assert why in made.why


def test_a_target_wants_and_is_no_process(tmp_path: Path, box: Any) -> None:
    unit(tmp_path, "all.target", "[Unit]\nWants=a.service b.service\n")
    values, said = convert(tmp_path, "all.target", "a.service")
    assert (values["id"], values["wants"], values["exec_start"]) == ("target/all", ["a"], ":true")
    assert said["Wants"][0] == "approximated"
    box.toml("all", convert_unit(read_unit("all.target", [str(tmp_path)]), {}).text)
    assert box.compile().errors == []


def test_a_socket_is_never_required(tmp_path: Path) -> None:
    unit(tmp_path, "a.service", "[Unit]\nRequires=a.socket\n[Service]\nExecStart=/bin/x\n")
    values, said = convert(tmp_path, "a.service", "a.socket")
    assert "dependency" not in values
    assert said["Requires"] == (
        "ignored",
        "its sockets are not converted along with it: it must open its own",
    )


def test_words_and_spans_of_time() -> None:
    assert split_words(r"""a "b c" 'd"e' f\x20g h\ti""") == ["a", "b c", 'd"e', "f g", "h\ti"]
    assert [span(text) for text in ("5", "1min 30s", "250ms", "2h")] == [5, 90, 0.25, 7200]
    with pytest.raises(Failed):
        span("soon")
    with pytest.raises(Failed):
        span("1.2.3s")
    for text in ("-5", "5min or so", "about 5s"):
        with pytest.raises(Failed):
            span(text)
    assert split_words(r"\UFFFFFFFF \xzz") == ["UFFFFFFFF", "xzz"]
    with pytest.raises(NoSuchService):
        read_unit("nothing.service", [])


def test_one_that_is_masked_is_not_the_one_behind_it(tmp_path: Path) -> None:
    for name in ("etc", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "lib" / "web.service").write_text("[Service]\nExecStart=/bin/x\n")
    (tmp_path / "etc" / "web.service").symlink_to("/dev/null")
    with pytest.raises(Failed, match="masked"):
        read_unit("web.service", [f"{tmp_path}/etc", f"{tmp_path}/lib"])
    assert read_unit(f"{tmp_path}/lib/web.service").all("Service", "ExecStart") == ["/bin/x"]


DAEMON = "[Unit]\nRequires=x.socket\n[Service]\nType=notify\nUser=www\nExecStart=/bin/x\n"
SOCKET = """\
[Unit]
PartOf=x.service
[Socket]
ListenStream=@x
ListenDatagram=127.0.0.1:53
ListenSequentialPacket=/run/%p/s
ListenNetlink=kobject-uevent 1
SocketMode=660
SocketGroup=adm
Backlog=9
FileDescriptorName=extra
PassCredentials=yes
RemoveOnStop=yes
[Install]
WantedBy=sockets.target
"""


def test_sockets_are_a_part_of_their_service(tmp_path: Path, box: Any) -> None:
    unit(tmp_path, "x.service", DAEMON)
    unit(tmp_path, "x.socket", SOCKET)
    service, socket = (read_unit(f"x.{kind}", [str(tmp_path)]) for kind in ("service", "socket"))
    assert socket_service(socket) == "x.service"
    made = convert_unit(service, {"x.service"}, [socket])
    values = tomllib.loads(made.text)
    assert values["enabled"] is True
    assert values["ready"] == {"notify": True}  # so it is not started by the first who comes
    assert "activation" not in values
    rest = {"name": "extra", "backlog": 9}
    assert values["listen"] == [
        {"address": "@x", **rest},
        {"address": "127.0.0.1:53", "type": "datagram", **rest},
        {"address": "/run/x/s", "type": "seqpacket", "mode": "0660", "user": "root",
         "group": "adm", **rest},
    ]  # fmt: skip
    said = {row.key: (row.what, row.why) for row in made.rows}
    assert said["Requires"] == ("taken", "its sockets are its own")
    assert said["ListenStream"] == ("taken", "")
    assert said["ListenNetlink"][0] == said["PassCredentials"][0] == "ignored"
    assert said["RemoveOnStop"][0] == "approximated"
    assert len(made.rows) == len(service.settings) + len(socket.settings)
    alone = {row.key: row for row in convert_unit(service, {"x.service"}).rows}
    assert alone["Requires"].what == "ignored"
    assert "not converted along with it" in alone["Requires"].why
    box.toml("x", made.text.replace("www", "root").replace("adm", "root"))
    (one,) = [one for one in box.compile().definitions if not one.gives]
    assert isinstance(one, Definition) and len(one.listen) == 3


@pytest.mark.parametrize(
    ("service", "socket", "activation"),
    [
        ("", "", {"when": "first"}),
        ("StandardInput=socket\n", "", {"when": "wait"}),
        ("StandardInput=socket\n", "Accept=yes\n", {"when": "each", "copies": 64}),
        ("[Install]\nWantedBy=multi-user.target\n", "", None),
    ],
)
def test_when_it_is_started(
    tmp_path: Path, service: str, socket: str, activation: dict[str, Any] | None
) -> None:
    unit(tmp_path, "x.service", f"[Service]\nExecStart=/bin/x\n{service}")
    unit(tmp_path, "x.socket", f"[Socket]\nListenStream=80\n{socket}")
    one, other = (read_unit(f"x.{kind}", [str(tmp_path)]) for kind in ("service", "socket"))
    values = tomllib.loads(convert_unit(one, (), [other]).text)
    assert values.get("activation") == activation
    assert values["listen"] == [{"address": ":80", "name": "x.socket"}]


def test_a_path_may_name_an_instance(tmp_path: Path) -> None:
    unit(tmp_path, "x@.service", "[Service]\nExecStart=/bin/x %i\n")
    assert read_unit(f"{tmp_path}/x@one.service").all("Service", "ExecStart") == ["/bin/x one"]


def test_a_unit_beside_instances_is_meant_alone(tmp_path: Path, box: Any) -> None:
    """A plain name stands for all instances, its own among them."""
    unit(tmp_path, "db.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    unit(tmp_path, "db@.service",
         "[Unit]\nPartOf=db.service\nBefore=db.service\n[Service]\nExecStart=/bin/x\n")  # fmt: skip
    values, _ = convert(tmp_path, "db@main.service", "db.service")
    assert values["before"] == values["part_of"] == ["db:default"]
    assert convert(tmp_path, "db.service")[0]["model"] == "transient"


def test_a_link_in_what_a_target_wants_enables_it(tmp_path: Path) -> None:
    unit(tmp_path, "a.service", "[Service]\nExecStart=/bin/x\n")
    assert convert(tmp_path, "a.service")[0]["enabled"] is False
    (tmp_path / "basic.target.wants").mkdir()
    (tmp_path / "basic.target.wants" / "a.service").symlink_to("../a.service")
    assert convert(tmp_path, "a.service")[0]["enabled"] is True


def test_what_changes_its_account_itself_begins_as_root(tmp_path: Path) -> None:
    unit(tmp_path, "a.service", "[Service]\nUser=www\nExecStart=!/bin/x\nExecStartPre=+/bin/y\n")
    values, said = convert(tmp_path, "a.service")
    assert "user" not in values
    assert said["User"] == ("approximated", "it begins as root, and changes by itself")
    assert said["ExecStart"] == ("taken", "")
    assert said["ExecStartPre"] == ("approximated", "not with more rights")


def test_conditions_are_waited_for_by_what_comes_after_them_alone(tmp_path: Path) -> None:
    text = "[Unit]\nWants=time-sync.target network-online.target\nBefore=time-sync.target\n"
    unit(tmp_path, "a.service", f"{text}After=network-online.target\n[Service]\nExecStart=/bin/x\n")
    values, said = convert(tmp_path, "a.service")
    assert values["system_dependencies"] == ["NETWORK"]
    assert said["After"] == ("taken", "")
    assert said["Wants"] == ("approximated", "without time-sync.target: not there")


def test_what_is_on_the_bus_needs_it(tmp_path: Path) -> None:
    unit(tmp_path, "a.service", "[Service]\nType=dbus\nBusName=org.a\nExecStart=/bin/x\n")
    (group,) = convert(tmp_path, "a.service", "dbus.service")[0]["dependency"]
    assert group["targets"] == ["dbus"]
    assert "dependency" not in convert(tmp_path, "a.service")[0]
