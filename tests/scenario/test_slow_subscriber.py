"""S23: a slow subscriber gets a gap and blocks nobody; one that comes back resumes."""

from __future__ import annotations

import json
import socket

from stoker.testing import Scenario


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: stoker\r\nStoker-Protocol: 1\r\n\r\n".encode()


def events(place: Scenario, cursor: int | None = None) -> list[dict[str, object]]:
    words = ["events", "--json", *([] if cursor is None else ["--cursor", str(cursor)])]
    return [json.loads(line) for line in place.stoker(*words).ok().out.splitlines()]


def test_a_reader_that_never_reads_blocks_nobody(place: Scenario) -> None:
    place.toml(
        "flapper",
        'exec_start = ["/bin/false"]\n[restart]\ndelay = "1ms"\nfactor = 1\njitter = 0\n',
    )
    assert place.stoker("up", "-d", str(place.directory)).status in (0, 1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        silent.connect(str(place.runtime / "control"))
        silent.sendall(request("/v1/events?cursor=0&follow=1"))
        before = place.instance("flapper")["run"]
        place.until(lambda: place.instance("flapper")["run"] > before + 200, "it flaps on")
        assert place.stoker("stop", "flapper").ok()


def test_a_reader_resumes_at_its_cursor(place: Scenario) -> None:
    place.script("web", "exec sleep infinity")
    place.up()
    first = events(place)
    assert first
    last = first[-1]["cursor"]
    assert isinstance(last, int)
    place.stoker("restart", "web").ok()
    rest = events(place, last)
    assert rest
    assert all(isinstance(e["cursor"], int) and e["cursor"] > last for e in rest)
    states = [e for e in rest if e["kind"] == "transition"]
    assert {e["fmri"] for e in states} == {"svc:/web:default"}
    assert events(place)[-1]["cursor"] >= rest[-1]["cursor"]  # type: ignore[operator]
