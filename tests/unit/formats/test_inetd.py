"""What is delegated to network/inetd comes to sockets and an activation; inetd itself is ours."""

from __future__ import annotations

from typing import Any

import pytest

from stoker.formats.inetd import INETD_DEFAULTS, INHERITED, inherited
from stoker.model import Activation, Definition, Group, Listen, Property

BUNDLE = """<?xml version='1.0'?>
<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>
<service_bundle type='manifest' name='t'><service name='network/echo' type='service' version='1'>
<create_default_instance enabled='true'/>
<restarter><service_fmri value='svc:/network/inetd:default'/></restarter>
<exec_method type='method' name='inetd_start' exec='/bin/cat %m' timeout_seconds='0'>
<method_context><method_credential user='nobody' group='nogroup'/></method_context></exec_method>
<exec_method type='method' name='inetd_disable' exec='{ending}' timeout_seconds='0'/>
<property_group name='inetd' type='framework'>{properties}</property_group>
</service>{more}</service_bundle>
"""
INETD = "svc:/network/inetd:default"


def properties(**given: str) -> str:
    base = {"name": "7007", "endpoint_type": "stream", "proto": "tcp", "wait": "false"}
    kinds = {"wait": "boolean", "isrpc": "boolean", "max_copies": "integer"}
    return "".join(
        f"<propval name='{name}' type='{kinds.get(name, 'astring')}' value='{value}'/>"
        for name, value in {**base, **given}.items()
    )


def read(
    box: Any, ending: str = ":kill_process", more: str = "", **given: str
) -> tuple[dict[str, Definition], list[str]]:
    text = BUNDLE.format(properties=properties(**given), ending=ending, more=more)
    (box.directory / "echo.xml").write_text(text)
    compiled = box.compile()
    assert compiled.errors == []
    told = [one.message for one in compiled.mistakes]
    return {one.fmri: one for one in compiled.definitions}, told


def test_a_service_for_every_connection(box: Any) -> None:
    found, told = read(box, max_copies="3")
    one = found["svc:/network/echo:default"]
    assert (one.restarter, one.fault, told) == (INETD, "", [])
    assert one.listen == (Listen("0.0.0.0:7007", backlog=10),)
    assert one.activation == Activation(
        "each", copies=3, pause=86400.0, failures=40, within=60.0, stderr="socket"
    )
    assert one.start[0].argv == ("/bin/sh", "-c", "exec /bin/cat inetd_start")
    assert (one.context.user, one.context.environment["SMF_METHOD"]) == ("nobody", "inetd_start")
    assert (one.stop, one.ends, one.ready.kind) == ((), "main", "spawn")
    needs = [(group.targets, str(group.grouping)) for group in one.dependencies]
    assert needs == [((INETD,), "require_all")]


def test_inetd_is_there_where_something_is_delegated_to_it(box: Any) -> None:
    found, _ = read(box)
    inetd = found[INETD]
    assert (inetd.enabled, inetd.model, inetd.start[0].word) == (True, "transient", ":true")
    (box.directory / "echo.xml").unlink()
    box.toml("other", 'exec_start = ["x"]')
    assert INETD not in {one.fmri for one in box.compile().definitions}


def test_a_manifest_of_inetd_counts_and_its_program_does_not(box: Any) -> None:
    theirs = (
        "<service name='network/inetd' type='restarter' version='1'>"
        "<create_default_instance enabled='false'/>"
        "<exec_method type='method' name='start' exec='/usr/lib/inet/inetd start'"
        " timeout_seconds='60'/></service>"
    )
    found, told = read(box, more=theirs)
    inetd = found[INETD]
    assert (inetd.enabled, inetd.start[0].word, inetd.source) == (
        False, ":true", str(box.directory / "echo.xml")
    )  # fmt: skip
    assert told == []


@pytest.mark.parametrize(
    ("given", "listen"),
    [
        ({"proto": "tcp6"}, (":7007", "stream", False)),
        ({"proto": "tcp6only"}, ("[::]:7007", "stream", True)),
        ({"proto": "tcp", "bind_addr": "127.0.0.9"}, ("127.0.0.9:7007", "stream", False)),
        ({"proto": "tcp6", "bind_addr": "::1"}, ("[::1]:7007", "stream", False)),
        ({"endpoint_type": "dgram", "proto": "udp", "wait": "true"},
         ("0.0.0.0:7007", "datagram", False)),
        ({"endpoint_type": "tpi_clts", "proto": "udp6", "wait": "true"},
         (":7007", "datagram", False)),
    ],
)  # fmt: skip
def test_addresses(box: Any, given: dict[str, str], listen: tuple[str, str, bool]) -> None:
    found, _ = read(box, **given)
    (one,) = found["svc:/network/echo:default"].listen
    assert (one.address, one.type, one.only) == listen


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"isrpc": "true"}, "services of RPC are not served"),
        ({"name": "no-such-service"}, "there is no service 'no-such-service' in /etc/services"),
        ({"proto": "udp"}, "cannot be 'udp'"),
        ({"endpoint_type": "odd"}, "cannot be 'odd'"),
        ({"bind_addr": "host"}, "'host' is no address"),
        ({"endpoint_type": "dgram", "proto": "udp"}, "datagrams come without a connection"),
    ],
)
def test_what_cannot_be_served_says_why(box: Any, given: dict[str, str], told: str) -> None:
    found, said = read(box, **given)
    one = found["svc:/network/echo:default"]
    assert (one.fault, one.listen) == ("invalid_restarter", ())
    assert told in said[0]


def test_a_method_that_ends_it_is_run(box: Any) -> None:
    found, _ = read(box, ending="/bin/echo %m")
    assert found["svc:/network/echo:default"].stop[0].argv[2] == "exec /bin/echo %m"


def test_what_is_said_of_connections_and_of_addresses_that_are_taken(box: Any) -> None:
    found, told = read(
        box, tcp_keepalive="true", tcp_trace="true", bind_fail_interval="30", bind_fail_max="4"
    )
    one = found["svc:/network/echo:default"]
    assert (told, [listen.keepalive for listen in one.listen], one.activation.trace) == (
        *([], [True]),
        True,
    )
    assert (one.restart.delay, one.restart.cap, one.restart.failures) == (30.0, 30.0, 4)
    found, _ = read(box, bind_fail_interval="30")
    assert found["svc:/network/echo:default"].restart.failures == 0
    found, _ = read(box, bind_fail_max="4")
    assert found["svc:/network/echo:default"].restart.delay == 1.0


def test_variables_of_inetd_itself() -> None:
    defaults = INETD_DEFAULTS | {INHERITED: "A=1\nSMF_X=1\nB=a b=c"}
    assert inherited(Group("framework"), defaults) == {"A": "1", "B": "a b=c"}
    no = Group("framework", {"inherit_env": Property("boolean", ("false",))})
    assert inherited(no, defaults) == {}
    assert inherited(Group("framework"), INETD_DEFAULTS) == {}
