"""What the control socket answers, and what a client cannot do to it."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time
from typing import Any

import pytest

from stoker.interfaces import ROUTES, Peer, Role, connection, openapi, roles, server
from stoker.interfaces.roles import rights_of
from stoker.model import Role as Grant
from stoker.model import Settings


def test_the_manager_says_what_it_is(door: Any) -> None:
    status, body = door.ask("GET", "/v1")
    assert status == 200
    assert body["version"] == 1
    assert body["protocol"] == 1
    assert body["generation"] == 3


def test_instances_all_named_and_by_pattern(door: Any) -> None:
    assert len(door.ask("GET", "/v1/instances")[1]["instances"]) == 3
    _, body = door.ask("GET", "/v1/instances?name=web&name=a")
    assert [row["name"] for row in body["instances"]] == ["web", "a"]
    assert len(door.ask("GET", "/v1/instances?name=*")[1]["instances"]) == 3


def test_a_name_that_is_none_is_404_with_a_hint(door: Any) -> None:
    status, body = door.ask("GET", "/v1/instances?name=wep")
    assert status == 404
    assert body["error"]["exit_status"] == 4
    assert "web" in body["error"]["hint"]


def test_an_ambiguous_name_lists_candidates(door: Any) -> None:
    fake = door.fake
    for name in ("x/db", "y/db"):
        fake.rows[f"svc:/{name}:default"] = fake.rows["svc:/a:default"]
    status, body = door.ask("GET", "/v1/instances/db")
    assert status == 404
    assert sorted(body["error"]["candidates"]) == ["x/db", "y/db"]


def test_the_definition_comes_with_origins_and_without_secrets(door: Any) -> None:
    _, body = door.ask("GET", "/v1/instances/svc%3A%2Fweb%3Adefault/definition")
    assert body["origins"] == {"start": "web.toml:1"}
    assert body["definition"]["context"]["environment"] == {"DB_PASSWORD": "********", "LANG": "C"}


def test_an_operation_is_submitted_once_and_written_to_the_log(door: Any) -> None:
    body = {"verb": "stop", "names": ["web"], "why": "disk swap"}
    status, answer = door.ask("POST", "/v1/operations", body)
    assert status == 202
    assert answer["operation"]["outcome"] == "done"
    (request,) = door.fake.requests
    assert (request.verb, request.names, request.why) == (
        "stop",
        ("svc:/web:default",),
        "disk swap",
    )
    assert any("stop web" in line and "disk swap" in line for line in door.fake.lines)


def test_an_operation_is_waited_for(door: Any) -> None:
    door.fake.ends_at_once = False
    with door.connect() as sock:
        body = json.dumps({"verb": "start", "names": ["web"]}).encode()
        head = "POST /v1/operations?wait=30 HTTP/1.1\r\nHost: x\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body)
        deadline = time.monotonic() + 30
        while not door.do(lambda: list(door.fake.callers)):
            assert time.monotonic() < deadline

        def end() -> None:
            door.fake.asked[1].outcome = "failed"
            door.fake.turn()

        door.do(end)
        assert b'"outcome":"failed"' in sock.recv(65536)
    assert not door.do(lambda: list(door.fake.callers))


def test_waiting_ends_with_the_time_given(door: Any) -> None:
    door.fake.ends_at_once = False
    body = {"verb": "start", "names": ["web"]}
    _, answer = door.ask("POST", "/v1/operations?wait=0.01", body)
    assert answer["operation"]["outcome"] == ""
    assert not door.do(lambda: list(door.fake.callers))


def test_a_waiter_that_leaves_is_forgotten(door: Any) -> None:
    with door.connect() as sock:
        sock.sendall(b"GET /v1/wait?name=web&for=disabled HTTP/1.1\r\nHost: x\r\n\r\n")
        deadline = time.monotonic() + 30
        while not door.do(lambda: list(door.fake.callers)):
            assert time.monotonic() < deadline
    while door.do(lambda: list(door.fake.callers)):
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("state", "hopeless", "wanted", "outcome"),
    [
        ("online", False, "online", "so"),
        ("maintenance", True, "online", "hopeless"),
        ("offline", False, "online", "not yet"),
        ("disabled", True, "disabled", "so"),
        ("degraded", False, "up", "so"),
    ],
)
def test_wait_says_how_it_ended(
    door: Any, state: str, hopeless: bool, wanted: str, outcome: str
) -> None:
    row = door.fake.rows["svc:/web:default"]
    row.state, row.hopeless = state, hopeless
    _, body = door.ask("GET", f"/v1/wait?name=web&for={wanted}&timeout=0.01")
    assert body["outcome"] == outcome


def test_a_state_of_a_moment_is_seen(door: Any) -> None:
    with door.connect() as sock:
        sock.sendall(b"GET /v1/wait?name=web&for=maintenance HTTP/1.1\r\nHost: x\r\n\r\n")
        deadline = time.monotonic() + 30
        while not door.do(lambda: list(door.fake.callers)):
            assert time.monotonic() < deadline

        def flap() -> None:
            door.fake.happens("svc:/web:default", to="maintenance", next=None)
            door.fake.happens("svc:/web:default", to="online", next=None)
            door.fake.turn()

        door.do(flap)
        assert b'"outcome":"so"' in sock.recv(65536)


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "explode", "names": ["web"]},
        {"verb": "stop"},
        {"verb": "stop", "names": ["web"], "colour": "red"},
        {"verb": "stop", "names": "web"},
        {"verb": "mark", "names": ["web"], "state": "happy"},
        {"verb": "signal", "names": ["web"], "signal": "NONSENSE"},
        {"verb": "disable", "names": ["web"], "until": "yesteryear"},
        {"verb": "disable", "names": ["web"], "until": "2001-01-01T00:00:00Z"},
        [],
    ],
)
def test_a_request_that_makes_no_sense_changes_nothing(door: Any, body: Any) -> None:
    status, answer = door.ask("POST", "/v1/operations", body)
    assert status == 400
    assert answer["error"]["exit_status"] == 2
    assert door.fake.requests == []


def test_unknown_paths_and_methods(door: Any) -> None:
    assert door.ask("GET", "/v2")[0] == 404
    assert door.ask("GET", "/v1/operations/77")[0] == 404
    assert door.ask("DELETE", "/v1/instances")[0] == 400


@pytest.mark.parametrize("spoken", ["0", "2", "17.3"])
def test_another_protocol_is_told_both_versions(door: Any, spoken: str) -> None:
    status, body = door.ask("GET", "/v1", headers=f"Stoker-Protocol: {spoken}\r\n")
    assert status == 426
    assert spoken in body["error"]["message"]
    assert "speaks 1" in body["error"]["message"]
    assert door.ask("GET", "/v1", headers="Stoker-Protocol: 1.4\r\n")[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\xfe garbage\r\n\r\n",
        b"GET /v1\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/operations HTTP/1.1\r\nHost: x\r\nContent-Length: frog\r\n\r\n",
        b"POST /v1/operations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_garbage_is_400_and_the_end(door: Any, data: bytes) -> None:
    answer = door.raw(data)
    assert answer.split()[1] in (b"400", b"431")
    assert door.ask("GET", "/v1")[0] == 200


def test_a_body_without_end_is_refused(door: Any) -> None:
    with door.connect() as sock:
        sock.sendall(
            b"POST /v1/operations HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        )
        try:
            for _ in range(64):
                sock.sendall(b"x" * 65536)
        except OSError:
            pass  # it closed while we were still sending
        assert sock.recv(65536).split()[1] == b"413"


def test_random_bytes_never_disturb_it(door: Any) -> None:
    dice = random.Random(7)
    start = b"POST /v1/operations?wait=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{}{}{"
    for _ in range(300):
        data = bytearray(start)
        for _ in range(dice.randrange(1, 12)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        with door.connect() as sock:
            sock.sendall(bytes(data))
    assert door.ask("GET", "/v1")[0] == 200


def test_requests_one_behind_the_other_on_one_connection(door: Any) -> None:
    with door.connect() as sock:
        sock.sendall(b"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        found = b""
        while found.count(b"HTTP/1.1 200") < 20 or not found.endswith(b"}\n"):
            piece = sock.recv(65536)
            assert piece, "the connection was closed before all were answered"
            found += piece


def test_what_was_asked_before_the_end_is_answered(door: Any) -> None:
    with door.connect() as sock:
        sock.sendall(b"GET /v1/instances HTTP/1.1\r\nHost: x\r\n\r\n" * 50 + b"GET /v1 HT")
        sock.shutdown(socket.SHUT_WR)
        found = b""
        while piece := sock.recv(65536):
            found += piece
    assert found.count(b"HTTP/1.1 200") == 50


def test_who_asks_and_never_reads_is_not_served_for_ever(door: Any) -> None:
    """Requests sent ahead wait until answers are read: they cost others neither time nor memory."""
    door.fake.rows["svc:/web:default"].description = "x" * 10_000
    asked = b"GET /v1/instances HTTP/1.1\r\nHost: x\r\n\r\n"
    with door.connect() as sock:
        sock.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 10_000_000:
                sent += sock.send(asked * 1000)
        for _ in range(100):
            assert door.ask("GET", "/v1")[0] == 200
        served = door.do(lambda: [len(one._out) for one in door.door._clients])
        assert max(served) < 200_000
        # What it asked for is there as soon as it reads.
        sock.settimeout(60)
        found = 0
        while found < sent // len(asked) // 10:
            found += sock.recv(1 << 20).count(b"HTTP/1.1 200")


def test_a_client_that_hangs_up_in_the_middle(door: Any) -> None:
    for cut in range(1, 60, 3):
        with door.connect() as sock:
            sock.sendall(
                b"GET /v1/instances HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[:cut]
            )
    assert door.ask("GET", "/v1")[0] == 200


def test_a_handler_that_breaks_is_500_and_logged(door: Any) -> None:
    door.fake.status = lambda fmri: 1 / 0
    status, body = door.ask("GET", "/v1/instances/web")
    assert status == 500
    assert body["error"]["code"] == "internal"
    assert any("ZeroDivisionError" in line for line in door.fake.lines)


def test_the_document_describes_every_route_and_is_served(door: Any) -> None:
    found = openapi()
    for route in ROUTES:
        assert route.method.lower() in found["paths"][route.path]
    text = json.dumps(found)
    for reference in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert reference in found["components"]["schemas"]
    status, served = door.ask("GET", "/v1/openapi.json")
    assert status == 200
    assert served == json.loads(text)


def test_one_client_too_many_is_told(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CLIENTS", 3)
    held = [door.connect() for _ in range(3)]
    for sock in held:  # answered, so they are known to be admitted
        sock.sendall(b"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in sock.recv(65536)
    assert door.raw(b"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 503")
    held.pop().close()
    deadline = time.monotonic() + 30
    while door.do(lambda: len(door.door._clients)) > 2:
        assert time.monotonic() < deadline
    assert door.ask("GET", "/v1")[0] == 200
    for sock in held:
        sock.close()


def test_an_answer_that_nobody_reads_is_dropped(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 50_000_000)
    row = door.fake.rows["svc:/web:default"]
    row.description = "x" * 5_000_000
    with door.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /v1/instances HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1)
        deadline = time.monotonic() + 30
        while door.do(lambda: len(door.door._clients)):
            assert time.monotonic() < deadline


def test_what_the_asker_may_not_see_does_not_exist(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = roles.Rights(Role.NONE, [(Role.READ, ("web",)), (Role.OPERATE, ("a",))])
    monkeypatch.setattr(server, "rights_of", lambda *_: rights)
    names = [row["name"] for row in door.ask("GET", "/v1/instances")[1]["instances"]]
    assert names == ["a", "web"]
    assert door.ask("GET", "/v1/instances/b")[0] == 404
    status, body = door.ask("POST", "/v1/operations", {"verb": "stop", "names": ["web"]})
    assert (status, body["error"]["exit_status"]) == (403, 1)
    assert door.ask("POST", "/v1/operations", {"verb": "stop", "names": ["a"]})[0] == 202
    assert door.ask("POST", "/v1/operations", {"verb": "disable", "names": ["a"]})[0] == 403
    assert door.ask("POST", "/v1/operations", {"verb": "down"})[0] == 403
    assert door.ask("POST", "/v1/operations", {"verb": "set", "input": "TIME"})[0] == 403
    assert door.ask("POST", "/v1/reload", {})[0] == 403
    assert [request.names for request in door.fake.requests] == [("svc:/a:default",)]
    door.fake.happens("svc:/b:default", what="hidden")
    door.fake.happens("svc:/web:default", what="shown")
    text = door.raw(b"GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"shown" in text
    assert b"hidden" not in text


OWNER, STRANGER = 1000, 2000


@pytest.mark.parametrize(
    ("grants", "peer", "fmri", "role"),
    [
        ((), Peer(1, 0, 0), "svc:/a:default", Role.ADMINISTER),
        ((), Peer(1, OWNER, 1), "svc:/a:default", Role.ADMINISTER),
        ((), Peer(1, STRANGER, 1), "svc:/a:default", Role.NONE),
        ((Grant("read", users=("*",)),), Peer(1, STRANGER, 1), "svc:/a:default", Role.READ),
        ((Grant("operate", users=("2000",)),), Peer(1, STRANGER, 1), "svc:/a:default",
         Role.OPERATE),
        ((Grant("operate", groups=("77",)),), Peer(1, STRANGER, 1, (77,)), "svc:/a:default",
         Role.OPERATE),
        ((Grant("operate", groups=("77",)),), Peer(1, STRANGER, 1), "svc:/a:default", Role.NONE),
        (
            (Grant("operate", users=("2000",), services=("web*",)),),
            Peer(1, STRANGER, 1), "svc:/web-1:default", Role.OPERATE,
        ),
        (
            (Grant("operate", users=("2000",), services=("web*",)),),
            Peer(1, STRANGER, 1), "svc:/db:default", Role.NONE,
        ),
    ],
)  # fmt: skip
def test_roles(grants: tuple[Grant, ...], peer: Peer, fmri: str, role: Role) -> None:
    assert rights_of(peer, Settings(roles=grants), OWNER).to(fmri) is role
