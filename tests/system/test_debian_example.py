"""nginx, Redis and PostgreSQL as Debian packages them: up, answering, killed and back, down."""

from __future__ import annotations

import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from stoker.testing import Scenario

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "debian"
DAEMONS = ("postgres", "redis", "nginx")
PACKAGES = ("nginx-light", "redis-server", "postgresql")


@pytest.fixture
def example(place: Scenario, packages: Callable[..., None]) -> Scenario:
    """The example in a directory of this test's own, not yet up."""
    packages(*PACKAGES)
    for port in (5432, 6379, 8080):
        if is_open(port):
            pytest.skip(f"port {port} is in use on this machine")
    shutil.copytree(EXAMPLE, place.directory, dirs_exist_ok=True)
    return place


def is_open(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def answer(*words: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False
    )
    return (done.stdout + done.stderr).strip()


def sql(statement: str) -> str:
    # -X: no start-up file; cwd / as that user may not enter this test's directory.
    words = ("runuser", "-u", "postgres", "--", "psql", "-XtAc", statement)
    return subprocess.run(
        words, capture_output=True, text=True, timeout=60, cwd="/", check=False
    ).stdout.strip()


def page() -> str:
    with urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=30) as response:
        return str(response.read().decode())


def all_answer() -> bool:
    return (
        sql("SELECT 6 * 7") == "42" and answer("redis-cli", "ping") == "PONG" and page() == "ok\n"
    )


def test_up_answers_comes_back_refreshes_and_goes(example: Scenario) -> None:
    example.stoker("check", str(example.directory)).ok()
    example.up(timeout=300)
    assert {name: row["state"] for name, row in example.instances().items()} == {
        "directories": "online",
        "postgres": "online",
        "redis": "online",
        "nginx": "online",
    }
    # Ready means ready: the first question is answered.
    assert all_answer()

    for name in DAEMONS:
        before = example.pid(name)
        example.stoker("signal", "KILL", name).ok()
        example.until(
            lambda name=name, before=before: example.instance(name)["pid"] not in (None, before),
            f"{name} has a new process",
            timeout=120,
        )
        example.wait_for(name, "online", timeout=120)
        assert example.instance(name)["restarts"] == 1
        assert all_answer()

    master = example.pid("nginx")
    workers = children(master)
    example.stoker("refresh", "nginx").ok()
    example.until(
        lambda: children(master) and not workers & children(master), "nginx has new workers"
    )
    assert example.pid("nginx") == master
    assert all_answer()

    pids = [example.pid(name) for name in DAEMONS]
    below = set().union(*(children(pid) for pid in pids))
    example.down(timeout=300)
    for pid in [*pids, *below]:
        example.gone(pid)
    assert not [port for port in (5432, 6379, 8080) if is_open(port)]
    assert not Path("/run/nginx-stoker.pid").exists()
    assert not Path("/var/lib/postgresql/15/main/postmaster.pid").exists()


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
