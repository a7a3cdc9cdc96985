"""Descriptors are counted: refused with a sentence before the wall, our own limit raised first."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

import pytest

from stoker.linux import limits
from stoker.process import Budget

FAR = 10**10


def test_what_there_is_may_be_taken() -> None:
    assert Budget(os.getpid(), 16).take(1, 2) == ""
    assert Budget(os.getpid(), FAR).take(0, 0) == ""


def test_the_sentence_names_who_and_what_to_do() -> None:
    budget = Budget(os.getpid(), 16)
    ours, kept = budget.take(FAR, 0), budget.take(0, FAR)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] == resource.RLIM_INFINITY:
        assert (ours, kept) == ("", "")
        return
    assert "too few descriptors: the manager has " in ours
    assert "too few descriptors: the keeper has " in kept
    assert "16 are kept back; raise " in kept


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[0] == resource.RLIM_INFINITY, reason="no limit here"
)
@pytest.mark.parametrize(("most", "what"), [(64, "fs.nr_open"), (FAR, "the hard limit")])
def test_the_sentence_names_what_stands_in_the_way(
    most: int, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "most_descriptors", lambda: most)
    assert f"raise {what}, or lower" in Budget(os.getpid(), 16).take(0, FAR)


def test_what_was_refused_does_not_count() -> None:
    budget = Budget(os.getpid(), 16)
    budget.take(0, FAR)
    assert budget.take(1, 2) == ""


def test_a_keeper_that_is_gone_is_not_counted() -> None:
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    child.wait()
    assert Budget(child.pid, 16).take(0, FAR) == ""


LOW = """
import json, os, resource, sys
sys.path[:0] = json.loads(sys.argv[1])
from stoker.process import Budget
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
told = []
budget = Budget(os.getppid(), 16, told.append)
said = budget.take(100, 0)
print(json.dumps([told, said, resource.getrlimit(resource.RLIMIT_NOFILE)[0]]))
"""


def test_our_own_limit_is_raised_when_it_is_needed() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = subprocess.run(
        [sys.executable, "-c", LOW, json.dumps(sys.path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told, said, soft = json.loads(done.stdout)
    assert (told, said) == ([64], "")
    assert soft == resource.RLIM_INFINITY or soft >= min(hard, 180) > 64


AS_TOLD = """
import json, resource, sys
sys.path[:0] = json.loads(sys.argv[1])
from stoker.linux import limits
from stoker.process import Budget
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
refused = Budget(0, 16, most=80).take(100, 0)
raised = limits.get("nofile")
again = limits.raise_descriptors(70)
print(json.dumps([refused, raised, hard, again]))
"""


def test_our_own_limit_is_raised_no_further_than_told() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_TOLD, json.dumps(sys.path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    refused, (soft, hard), hard_before, again = json.loads(done.stdout)
    assert "in use" in refused
    assert soft == again == 80  # raised as far as told, and never lowered
    assert hard == hard_before


CLOSE = """
import json, os, resource, sys
sys.path[:0] = json.loads(sys.argv[1])
from stoker.process import Budget
from stoker.process import budget as module
module._FRESH = -1.0  # so that it looks each time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
asked = []
budget = Budget(os.getpid(), 16, fence=lambda: asked.append(True) or 0)
granted = 0
while granted < 100 and not budget.take(0, 3):
    granted += 1
before = len(asked)
budget.opened()  # all of them were given up
print(json.dumps([granted, before > 1, budget.take(0, 3) == ""]))
"""


def test_what_the_keeper_will_get_from_others_counts() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if hard == resource.RLIM_INFINITY:
        pytest.skip("without a limit nothing is refused")
    left = hard - 16 - (limits.open_descriptors(os.getpid()) or 0) - 20
    assert Budget(os.getpid(), 16).take(0, left) == ""
    assert "in use" in Budget(os.getpid(), 16, fence=lambda: 40).take(0, left)


def test_what_was_granted_and_is_not_open_yet_counts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSE, json.dumps(sys.path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    granted, looked, again = json.loads(done.stdout)
    assert 0 < granted <= (64 - 16) // 3
    assert looked
    assert again
