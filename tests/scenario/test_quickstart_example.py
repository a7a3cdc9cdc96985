"""The first thing that a person runs: four services in order, a crash, its recovery, the end."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import pytest

from stoker.testing import Scenario

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
SERVICES = {"store", "worker", "web", "ticker"}


@pytest.fixture
def example(place: Scenario) -> Scenario:
    """The example, without what an earlier use of it may have left, in a directory of its own."""
    shutil.copytree(
        EXAMPLE,
        place.directory,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(".data", ".stoker", "__pycache__"),
    )
    return place


def front(example: Scenario) -> dict[str, object]:
    port = int((example.directory / ".data" / "web.port").read_text())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
        answer: dict[str, object] = json.load(page)
    return answer


def test_it_has_no_mistake(example: Scenario) -> None:
    told = example.stoker("check", "--json", str(example.directory)).ok().json()
    assert told["version"] == 1
    assert not told["mistakes"]


def test_everything_comes_up_and_answers(example: Scenario) -> None:
    example.up()
    rows = example.instances()
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(SERVICES, "online")
    # Ready means ready: the page is there at once.
    assert set(front(example)) == {"done", "last"}
    example.until(lambda: front(example)["done"], "a tick went through inbox, worker and store")


def test_up_again_changes_nothing(example: Scenario) -> None:
    example.up()
    before = {name: (row["pid"], row["restarts"]) for name, row in example.instances().items()}
    example.up()
    after = {name: (row["pid"], row["restarts"]) for name, row in example.instances().items()}
    assert after == before


def test_the_worker_comes_back_and_the_front_stays(example: Scenario) -> None:
    example.up()
    worker, web = example.pid("worker"), example.pid("web")
    example.stoker("signal", "KILL", "worker").ok()
    example.until(lambda: example.instance("worker")["pid"] not in (None, worker), "a new worker")
    assert example.wait_for("worker", "online")["restarts"] == 1
    assert example.pid("web") == web
    # What was asked for meanwhile has waited.
    done = front(example)["done"]
    example.until(lambda: front(example)["done"] > done, "the new worker works")


def test_down_ends_every_process(example: Scenario) -> None:
    example.up()
    pids = [row["pid"] for row in example.instances().values() if row["pid"] is not None]
    assert len(pids) == 3
    keeper = example.keeper()
    example.down()
    for pid in [*pids, keeper]:
        example.gone(pid)
