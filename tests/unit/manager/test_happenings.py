"""What has happened is dealt with in its order, a bounded number at a time."""

from __future__ import annotations

from typing import Any

import pytest

from stoker.engine import Empty, Event, Exited
from stoker.manager import Happenings

MOST = 16


@pytest.fixture
def happenings() -> Happenings:
    return Happenings(lambda _values: None, lambda _text: None)


def name(number: int) -> str:
    return f"svc:/s{number}:default"


def ends(happenings: Happenings, count: int) -> None:
    """So many services end."""
    for number in range(count):
        happenings.ending(name(number), 1, "main", "exit", 0, False)
    for number in range(count):
        happenings.exited(name(number), 1, "main", "exit", 0, False)
        happenings.empty(name(number), 1)


def taken(happenings: Happenings) -> list[tuple[list[Event], list[str]]]:
    found = []
    while happenings.queue:
        found.append(happenings.take())
    return found


def test_a_storm_is_taken_in_parts_and_in_order(happenings: Happenings) -> None:
    ends(happenings, 100)
    parts = taken(happenings)
    assert [len(events) for events, _notes in parts] == [*[MOST] * 12, 8]
    events: list[Any] = [event for part, _notes in parts for event in part]
    assert [(type(one), one.fmri) for one in events] == [
        (kind, name(number)) for number in range(100) for kind in (Exited, Empty)
    ]


def test_a_note_goes_with_the_end_that_it_is_about(happenings: Happenings) -> None:
    ends(happenings, 100)
    for events, notes in taken(happenings):
        assert notes == [f"end:main:{one.fmri}" for one in events if isinstance(one, Exited)]
    assert not happenings.notes


def test_a_note_of_which_nothing_is_heard_goes_with_the_last(happenings: Happenings) -> None:
    happenings.ending("svc:/gone:default", 1, "main", "exit", 0, False)
    ends(happenings, 40)
    parts = taken(happenings)
    assert "end:main:svc:/gone:default" not in parts[0][1]
    assert "end:main:svc:/gone:default" in parts[-1][1]


def test_what_belongs_together_is_taken_at_once(happenings: Happenings) -> None:
    ends(happenings, 50)
    for number in range(200):
        happenings.add(Empty(name(number), 2))
    ends(happenings, 100)
    assert [len(events) for events, _notes in taken(happenings)] == [300, *[MOST] * 12, 8]


def test_a_new_manager_begins_with_all_it_knows(happenings: Happenings) -> None:
    events: list[Event] = [Empty(name(number), 1) for number in range(300)]
    happenings.empty(name(300), 1)
    happenings.begin(events, {"end:main:svc:/a:default": None})
    found, notes = happenings.take()
    assert len(found) == 301
    assert found[:300] == events
    assert notes == ["end:main:svc:/a:default"]
