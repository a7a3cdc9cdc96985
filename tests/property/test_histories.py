"""Ten thousand random histories without a broken invariant; a million with `-m long`."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor

import pytest
from histories import bad_seeds, replayed, report, trouble
from history_machine import Machine
from hypothesis import given
from hypothesis import strategies as st

from stoker.engine import Adopted, Spawn
from stoker.model import Definition, Step

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


def test_a_method_that_no_record_tells_of_does_not_outlive_its_manager() -> None:
    """As the executor's adoption: what was to be killed when the manager died is killed then."""
    machine = Machine(lambda n: 0)
    refresh = Step(argv=("/refresh",))
    d = Definition("svc:/a:default", start=(Step(argv=("/run",)),), refresh=(refresh,))
    machine.spawn(Spawn(d.fmri, 1, 1, "start", d.start[0], d))
    machine.spawn(Spawn(d.fmri, 1, 1, "refresh", refresh, d))
    record = {"stage": "stop", "run": 1, "ctid": 1, "main_alive": True, "populated": True}
    found = machine.adopted({d.fmri: {**record, "method": "stop", "pending": "asked"}})
    assert [(e.main, e.method) for e in found if isinstance(e, Adopted)] == [("alive", "never")]
    assert machine.contracts[d.fmri].alive() == []
    found = machine.adopted({d.fmri: {**record, "stage": "up"}})
    assert [(e.main, e.populated) for e in found if isinstance(e, Adopted)] == [("alive", True)]
