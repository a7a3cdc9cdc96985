"""The ring of events: cursors, gaps, subscribers."""

from __future__ import annotations

from stoker.manager import Ring


def filled(count: int, most: int = 10, generation: int = 1) -> Ring:
    ring = Ring(generation, most)
    for number in range(count):
        ring.add(1_000_000_000 * number, "transition", f"svc:/s{number}:default", {"n": number})
    return ring


def numbers(ring: Ring, cursor: int) -> list[int]:
    return [one.data["n"] for one in ring.after(cursor) if one.kind != "gap"]


def test_from_the_beginning_everything_that_is_kept() -> None:
    assert numbers(filled(5), 0) == [0, 1, 2, 3, 4]
    assert filled(0).after(0) == []


def test_a_cursor_resumes_behind_it() -> None:
    ring = filled(5)
    first = ring.after(0)
    assert numbers(ring, first[2].cursor) == [3, 4]
    assert ring.after(ring.cursor) == []
    assert [one.cursor for one in first] == sorted({one.cursor for one in first})


def test_a_cursor_that_is_too_old_is_told_of_a_gap() -> None:
    ring = filled(5)
    cursor = ring.after(0)[0].cursor
    for number in range(5, 20):
        ring.add(0, "transition", "", {"n": number})
    found = ring.after(cursor)
    assert found[0].kind == "gap"
    assert found[0].data["after"] == cursor
    assert numbers(ring, cursor) == list(range(10, 20))
    assert numbers(ring, found[0].cursor) == list(range(10, 20))


def test_the_oldest_kept_event_follows_without_a_gap() -> None:
    ring = filled(20)
    oldest = ring.after(0)[0].cursor
    assert ring.after(oldest - 1)[0].kind == "transition"


def test_a_cursor_of_an_earlier_manager_is_told_of_a_gap() -> None:
    before = filled(5, generation=1)
    after = filled(3, generation=2)
    assert after.cursor > before.cursor
    found = after.after(before.cursor)
    assert found[0].kind == "gap"
    assert numbers(after, before.cursor) == [0, 1, 2]


def test_a_cursor_from_nowhere_is_told_of_a_gap() -> None:
    ring = filled(3)
    assert ring.after(ring.cursor + 100)[0].kind == "gap"


def test_at_most_so_many() -> None:
    ring = filled(9)
    assert [one.data["n"] for one in ring.after(0, most=4)] == [0, 1, 2, 3]


def test_a_subscriber_that_fails_does_not_disturb_the_others() -> None:
    ring = filled(0)
    heard: list[str] = []
    errors: list[Exception] = []

    def bad() -> None:
        raise ValueError("no")

    ring.subscribe(bad)
    end = ring.subscribe(lambda: heard.append("x"))
    ring.tell(errors.append)
    end()
    ring.tell(errors.append)
    assert heard == ["x"]
    assert len(errors) == 2
