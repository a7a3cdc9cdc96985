"""Whatever is written to the control socket and to a notify socket, the manager serves on: no
crash, no hang, no descriptor lost, and what is no request is refused.
"""

from __future__ import annotations

import base64
import os
import random
import socket
import sys
from pathlib import Path

from stoker.testing import Scenario

ROUNDS = 400
GOOD = (
    b"GET /v1/instances HTTP/1.1\r\nHost: stoker\r\nStoker-Protocol: 1\r\nContent-Length: 0\r\n\r\n"
)
POST = (
    b"POST /v1/operations HTTP/1.1\r\nHost: stoker\r\nStoker-Protocol: 1\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
BODIES = (
    b"{}",
    b"null",
    b"[" * 2000,
    b'{"verb": "stop"}',
    b'{"verb": "stop", "names": "wed"}',
    b'{"verb": "stop", "names": [1, null, {}]}',
    b'{"verb": "__class__", "names": ["wed"]}',
    b'{"verb": "signal", "names": ["wed"], "signal": "SIGNONSENSE"}',
    b'{"verb": "start", "names": ["\\ud800", "\\u0000", "../../etc"]}',
    b'{"verb": "stop", "names": ["wed"], "timeout": -1e999}',
    b'{"verb": "disable", "names": ["nothing"], "until": "never"}',
    b'\xff\xfe{"verb"',
)


def damaged(data: bytes, dice: random.Random) -> bytes:
    """The same with bits turned, parts cut out, doubled or put in."""
    out = bytearray(data)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(out) + 1)
        kind = dice.randrange(4)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            del out[at : at + dice.randrange(20)]
        elif kind == 2:
            out[at:at] = dice.randbytes(dice.randrange(40))
        else:
            out[at:at] = out[at : at + 30]
    return bytes(out)


def test_control_socket(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    place.up()
    pid, manager = place.pid("web"), place.manager()
    before = len(list(Path(f"/proc/{manager}/fd").iterdir()))
    dice = random.Random(1)
    for number in range(ROUNDS):
        body = dice.choice(BODIES)
        message = GOOD if number % 3 == 0 else POST % (len(body), body)
        if number % 4:
            message = damaged(message, dice)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(place.runtime / "control"))
            try:
                client.sendall(message)
                client.shutdown(socket.SHUT_WR)
                answer = b""
                while data := client.recv(65536):
                    answer += data
            except (BrokenPipeError, ConnectionResetError):
                continue  # refused before we had said all
            assert not answer or answer.startswith(b"HTTP/1.1 "), (message, answer)
            assert not answer.startswith(b"HTTP/1.1 500"), (message, answer)
    assert place.manager() == manager
    assert place.pid("web") == pid
    assert place.stoker("status", "--json").ok().json()["manager"]["notices"] == []

    def closed() -> bool:
        return len(list(Path(f"/proc/{manager}/fd").iterdir())) <= before + 2

    place.until(closed, "every connection is given up")


NOTES = (
    b"READY=1",
    b"STATUS=all is well",
    b"MAINPID=1",
    b"MAINPID=99999999999999999999",
    b"MAINPID=-1",
    b"RELOADING=1\nMONOTONIC_USEC=x",
    b"EXTEND_TIMEOUT_USEC=18446744073709551616",
    b"EXTEND_TIMEOUT_USEC=-5",
    b"WATCHDOG=trigger",
    b"WATCHDOG_USEC=1e9",
    b"STOPPING=1\0ERRNO=2",
    b"STATUS=\xff\xfe\x1b[2J",
    b"=\n=\n=",
    b"FDSTORE=1\nFDNAME=../../x",
    b"A" * 60000,
    b"",
)


def test_notify_socket(place: Scenario) -> None:
    program = place.file("web.sh", f'echo "$NOTIFY_SOCKET" >{place.base}/name; exec sleep infinity')
    sender = place.file(
        "send.py",
        "import socket, sys, base64, pathlib\n"
        "name = pathlib.Path(sys.argv[1]).read_text().strip()\n"
        "name = '\\0' + name[1:] if name[0] == '@' else name\n"
        "sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "for line in open(sys.argv[2]):\n"
        "    sock.sendto(base64.b64decode(line), name)\n"
        "sock.sendto(b'READY=1\\nSTATUS=the last', name)\n"
        "import time; time.sleep(1000)\n",
    )
    dice = random.Random(2)
    packets = [one if dice.random() < 0.3 else damaged(one, dice) for one in NOTES * 12]
    packets = [one for one in packets if b"STOPPING" not in one and b"trigger" not in one]
    lines = "\n".join(base64.b64encode(one).decode() for one in packets) + "\n"
    path = place.file("packets", lines)
    place.toml(
        "web",
        f"""
        exec_start = ["/bin/sh", "-c", "/bin/sh {program} & \
while [ ! -s {place.base}/name ]; do sleep 0.05; done; \
exec {sys.executable} -I -S {sender} {place.base}/name {path}"]
        ready = {{ notify = true }}
        """,
    )
    place.up()
    manager = place.manager()
    row = place.until(
        lambda: (
            place.instance("web") if place.instance("web")["status_text"] == "the last" else None
        ),
        "the last one is heard",
    )
    assert row["state"] == "online"
    assert row["restarts"] == 0
    assert place.manager() == manager
    assert place.stoker("status", "--json").ok().json()["manager"]["notices"] == []
    assert os.path.exists(f"/proc/{row['pid']}")
