"""The program that runs between two runs: what it is told, and whose word counts (nosh.md 2.3,
runsv(8), s6-supervise(8)).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from stoker.engine import Behaviour, Spawn, Status
from stoker.model import Restart, Step

ASKS = {"decide": (Step(("./finish",)),), "ends": "empty", "rebegin": "start"}
EVERY_SECOND = Restart(delay=1.0, factor=1.0, cap=1.0, jitter=0.0, reset_after=1.0)


def told(bench: Any, status: Status, form: str) -> tuple[str, ...]:
    """The arguments after a run ended so."""
    one = bench(web=Behaviour(exit_after=5.0, status=status))
    one.define(web=ASKS | {"decide_arguments": form, "decide_by": "policy"})
    one.world.advance(6)
    return next(
        effect.arguments
        for _, effect in one.world.log
        if isinstance(effect, Spawn) and effect.method == "decide"
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status("exit", 0), ("exit", "0")),
        (Status("exit", 3), ("exit", "3")),
        (Status("signal", 15), ("term", "TERM", "15")),
        (Status("signal", 2), ("term", "INT", "2")),
        (Status("signal", 1), ("term", "HUP", "1")),
        (Status("signal", 13), ("term", "PIPE", "13")),
        (Status("signal", 9), ("kill", "KILL", "9")),
        (Status("signal", 6, True), ("abort", "ABRT", "6", "core")),
        (Status("signal", 14), ("abort", "ALRM", "14")),
        (Status("signal", 3), ("abort", "QUIT", "3")),
        (Status("signal", 11), ("crash", "SEGV", "11")),
        (Status("signal", 8), ("crash", "FPE", "8")),
        (Status("signal", 10), ("crash", "10", "10")),
    ],
)
def test_a_restart_program_hears_class_and_number(bench: Any, status: Status, words: Any) -> None:
    assert told(bench, status, "cause") == words


@pytest.mark.parametrize(
    ("status", "code", "pair"),
    [
        (Status("exit", 0), ("0", "0"), ("0", "0")),
        (Status("exit", 7), ("7", "0"), ("7", "0")),
        (Status("signal", 9), ("-1", "9"), ("256", "9")),
        (Status("signal", 11, True), ("-1", "139"), ("256", "11")),
    ],
)
def test_a_finish_program_hears_numbers(bench: Any, status: Status, code: Any, pair: Any) -> None:
    assert told(bench, status, "code") == code
    assert told(bench, status, "pair") == pair


def ran(bench: Any, by: str, answer: Status) -> Any:
    one = bench(web=Behaviour(exit_after=0.25, methods={"decide": answer}))
    policy = msgspec.structs.replace(EVERY_SECOND, fatal_exits=(125,))
    one.define(web=ASKS | {"decide_by": by, "restart": policy})
    one.world.advance(5)
    return one


def test_where_the_program_decides_0_means_again_and_all_else_over(bench: Any) -> None:
    assert len(ran(bench, "program", Status("exit", 0)).starts("web")) > 10
    over = ran(bench, "program", Status("exit", 1))
    assert (len(over.starts("web")), over.state("web")) == (1, "disabled")
    killed = ran(bench, "program", Status("signal", 9))
    assert (len(killed.starts("web")), killed.state("web")) == (1, "disabled")


def test_where_the_policy_decides_the_program_only_runs_between(bench: Any) -> None:
    for answer in (Status("exit", 0), Status("exit", 1), Status("signal", 9)):
        one = ran(bench, "policy", answer)
        starts = one.starts("web")
        assert starts[1] == starts[0] + 0.25  # the first restart waits for nothing
        assert {round(b - a, 2) for a, b in pairwise(starts[1:])} == {1.25}


def test_its_final_exit_status_is_the_end(bench: Any) -> None:
    one = ran(bench, "policy", Status("exit", 125))
    assert (len(one.starts("web")), one.state("web")) == (1, "disabled")
