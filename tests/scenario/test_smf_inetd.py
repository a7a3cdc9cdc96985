"""network/inetd: services that are started by who comes, inetadm, inetconv."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator

import pytest
from smf_host import DOCTYPE, SLEEP, Call

from stoker.testing import Scenario

ECHO = (
    DOCTYPE
    + """<service_bundle type='manifest' name='t'>
<service name='site/echo' type='service' version='1'>
<create_default_instance enabled='false'/>
<restarter><service_fmri value='svc:/network/inetd:default'/></restarter>
<exec_method type='method' name='inetd_start' exec='/bin/cat' timeout_seconds='0'/>
<exec_method type='method' name='inetd_disable' exec=':kill' timeout_seconds='0'/>
<property_group name='inetd' type='framework'>
<propval name='name' type='astring' value='{port}'/>
<propval name='endpoint_type' type='astring' value='stream'/>
<propval name='proto' type='astring' value='tcp'/>
<propval name='isrpc' type='boolean' value='false'/>
<propval name='wait' type='boolean' value='false'/>
<propval name='bind_addr' type='astring' value='{address}'/>
</property_group></service></service_bundle>"""
)
FMRI = "svc:/site/echo:default"
PORT = 17019


@pytest.fixture(scope="module")
def address() -> str:
    """Of this machine, and no other test's."""
    return f"127.{'.'.join(str(byte) for byte in uuid.uuid4().bytes[:3])}"


@pytest.fixture(scope="module")
def place(address: str) -> Iterator[Scenario]:
    with Scenario() as made:
        made.toml("other", SLEEP)
        made.up()
        yield made


@pytest.fixture
def call(smf: Call) -> Call:
    return smf


def good(done: tuple[int, str, str]) -> str:
    assert done[0] == 0, done
    return done[1]


def echoed(address: str, word: bytes, port: int = PORT) -> bytes:
    """What comes back from the service."""
    with socket.create_connection((address, port), 60) as caller:
        caller.sendall(word)
        caller.shutdown(socket.SHUT_WR)
        return caller.makefile("rb").read()


def refused(address: str) -> bool:
    """Whether nobody listens: a moment later the keeper does not, either."""
    try:
        echoed(address, b"word")
    except ConnectionRefusedError:
        return True
    except ConnectionError:  # taken in, and dropped
        pass
    return False


def test_a_service_of_inetd(place: Scenario, call: Call, address: str) -> None:
    path = place.file("echo.xml", ECHO.format(port=PORT, address=address))
    good(call("svccfg", "import", str(path)))
    assert good(call("inetadm")).splitlines() == [
        "ENABLED   STATE          FMRI",
        f"disabled  disabled       {FMRI}",
    ]
    good(call("inetadm", "-e", "echo"))
    place.wait_for("site/echo", "online")
    assert good(call("inetadm")).splitlines()[1] == f"enabled   online         {FMRI}"
    assert echoed(address, b"word") == b"word"
    shown = good(call("inetadm", "-l", "echo")).splitlines()
    assert shown[:9] == [
        "SCOPE    NAME=VALUE",
        f'         name="{PORT}"',
        '         endpoint_type="stream"',
        '         proto="tcp"',
        "         isrpc=FALSE",
        "         wait=FALSE",
        '         exec="/bin/cat"',
        '         user="root"',
        f'         bind_addr="{address}"',
    ]
    assert "default  max_copies=-1" in shown
    assert good(call("svcs", "-Ho", "fmri", "-R", "network/inetd:default")).split() == [FMRI]
    listed = good(call("svcs", "-l", "echo"))
    assert "restarter    svc:/network/inetd:default\n" in listed
    assert "dependency" not in listed

    # What is changed holds at once; what is taken back is inetd's default again.
    good(call("inetadm", "-m", "echo", "exec=/usr/bin/tr a-z A-Z", "max_copies=7"))
    place.until(lambda: echoed(address, b"word") == b"WORD")
    place.wait_for("site/echo", "online")
    assert "         max_copies=7" in good(call("inetadm", "-l", "echo"))
    good(call("inetadm", "-M", "max_copies=9", "tcp_trace=TRUE"))
    assert "max_copies=9" in good(call("inetadm", "-p")).splitlines()
    good(call("inetadm", "-m", "echo", "max_copies="))
    shown = good(call("inetadm", "-l", "echo")).splitlines()
    assert {"default  max_copies=9", "default  tcp_trace=TRUE"} <= set(shown)
    place.wait_for("site/echo", "online")

    # What is set of inetd itself is its services' too, and who comes is told.
    good(call("svccfg", "-s", "network/inetd", "setenv", "WORD", "inetds"))
    good(call("svcadm", "refresh", "network/inetd"))
    good(call("inetadm", "-m", "echo", "exec=/usr/bin/env"))
    place.until(lambda: b"WORD=inetds" in echoed(address, b"").splitlines())
    place.until(lambda: "connection from 127." in place.stoker("logs", "site/echo").out)
    place.wait_for("site/echo", "online")

    # Without its restarter it is offline.
    good(call("svcadm", "disable", "-s", "network/inetd"))
    place.wait_for("site/echo", "offline")
    good(call("svcadm", "enable", "-s", "network/inetd"))
    place.wait_for("site/echo", "online")
    good(call("inetadm", "-d", "echo"))
    place.wait_for("site/echo", "disabled")
    place.until(lambda: refused(address), "nobody listens")


def test_what_is_not_its_affair(call: Call) -> None:
    status, _, said = call("inetadm", "-l", "other")
    assert (status, said) == (1, "inetadm: svc:/other:default is not served by inetd\n")
    assert call("inetadm", "-l", "nothing")[0] == 1
    for words in (("-x",), ("-l",), ("-m", "echo"), ("-p", "echo"), ("-e", "-d", "echo")):
        assert call("inetadm", *words)[0] == 2
    assert "usage" in good(call("inetadm", "-?"))


def test_an_inetd_conf_is_converted(place: Scenario, call: Call) -> None:
    conf = place.file(
        "inetd.conf",
        "# old\n17020 stream tcp nowait.5 root /bin/cat cat -u\n"
        "17021 dgram udp wait nobody /bin/true\n"
        "time stream tcp nowait root internal\n"
        "x/1 tli rpc/udp wait root /usr/sbin/x x\n",
    )
    folder = place.file("out/.keep", "").parent
    status, out, said = call("inetconv", "-n", "-i", str(conf), "-o", str(folder))
    assert status == 1
    assert out == f"17020 -> {folder}/17020-tcp.xml\n17021 -> {folder}/17021-udp.xml\n"
    assert [line.partition("conf:")[2][:8] for line in said.splitlines()] == [
        "4: time:",
        "5: x/1: ",
    ]
    text = (folder / "17020-tcp.xml").read_text()
    assert "exec='/bin/cat -u'" in text.replace('"', "'")
    good(call("svccfg", "validate", str(folder / "17020-tcp.xml")))
    told = good(call("svccfg", "inventory", str(folder / "17021-udp.xml"))).split()
    assert told == ["svc:/network/port-17021/udp:default", "svc:/network/port-17021/udp"]
    assert call("inetconv", "-n", "-i", str(conf), "-o", str(folder))[0] == 1
