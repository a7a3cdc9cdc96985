"""Doors are told in their order, whatever one of them does wrong."""

from __future__ import annotations

from typing import Any

from stoker.manager.doors import Doors


def bad(*_given: Any) -> None:
    raise OSError("a disk is full")


def test_a_door_that_fails_keeps_no_other_from_being_told() -> None:
    failed: list[Exception] = []
    told: list[Any] = []
    doors = Doors(failed.append)
    doors.join(defined=bad, touched=bad, parting=bad)
    doors.join(defined=told.append, touched=told.append, parting=lambda: told.append("it is over"))
    doors.defined([])
    doors.touched(["svc:/a:default", "end:main:svc:/a:default"])
    doors.parting()
    assert told == [[], ["svc:/a:default"], "it is over"]
    assert len(failed) == 3


def test_who_joins_while_something_is_told_hears_of_it() -> None:
    told: list[Any] = []
    doors = Doors(told.append)
    doors.join(defined=lambda _new: doors.join(defined=told.append))
    doors.defined([])
    assert told == [[]]
