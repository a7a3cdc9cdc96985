"""Ten thousand random histories without a broken invariant; a million with `-m long`."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor

import pytest
from histories import bad_seeds, replayed, report, trouble
from hypothesis import given
from hypothesis import strategies as st

PARTS = 20
EACH = 500


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_histories(part: int) -> None:
    bad = bad_seeds(part * EACH, (part + 1) * EACH, most=1)
    assert not bad, report(bad[0][0])


@given(st.lists(st.integers(0, 255), max_size=400), st.integers(0, 40))
def test_histories_of_numbers(tape: list[int], steps: int) -> None:
    """The same driver on numbers that hypothesis draws, and makes smaller."""
    trace: list[str] = []
    text = trouble(replayed(tape), steps)
    if text:
        trouble(replayed(tape), steps, trace)
    assert not text, "\n".join([text, *trace])


@pytest.mark.long
@pytest.mark.timeout(0)
def test_a_million_histories() -> None:
    chunks = [(n, n + 1000) for n in range(10_000, 1_010_000, 1000)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        bad = [one for found in pool.map(bad_seeds, *zip(*chunks, strict=True)) for one in found]
    assert not bad, report(bad[0][0])


def test_a_history_can_be_had_again() -> None:
    """The same seed gives the same numbers, and the same numbers the same history."""
    from histories import History, seeded

    tape: list[int] = []
    one: list[str] = []
    two: list[str] = []
    History(seeded(17, tape), one).run()
    History(replayed(tape), two).run()
    assert one == two
    assert len(one) > 20
