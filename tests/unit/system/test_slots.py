"""Three slots of jobs, with alarms (nosh.md 6.3; C56, C58, C62)."""

from __future__ import annotations

from stoker.system.signals import NUMBERS
from stoker.system.slots import SLOTS, Slots


def begin(slots: Slots, now: float = 0.0) -> list[str]:
    """Start what is due, each under the number of its event."""
    due = slots.due()
    for event in due:
        slots.started(event, NUMBERS.get(event, 1), now)
    return due


def test_jobs_of_one_slot_run_one_after_the_other() -> None:
    slots = Slots()
    slots.ask("normal")
    slots.ask("sysinit")
    assert begin(slots) == ["sysinit"], "the first in rank, not in time"
    assert begin(slots) == []
    assert slots.ended(NUMBERS["sysinit"]) == "sysinit"
    assert begin(slots) == ["normal"]


def test_an_emergency_and_a_key_have_slots_of_their_own() -> None:
    slots = Slots()
    slots.ask("normal")
    assert begin(slots) == ["normal"]
    slots.ask("emergency")
    slots.ask("kbrequest")
    slots.ask("powerfail")
    assert begin(slots) == ["emergency", "kbrequest"]
    assert sorted(slots.running) == sorted(SLOTS)


def test_what_is_asked_for_twice_runs_once_more_at_most() -> None:
    slots = Slots()
    for _ in range(3):
        slots.ask("halt")
    assert begin(slots) == ["halt"]
    slots.ended(NUMBERS["halt"])
    assert begin(slots) == []
    slots.ask("halt")
    assert begin(slots) == ["halt"], "asked for while none waits is asked for anew"


def test_a_job_that_hangs_is_late_and_the_next_one_runs() -> None:
    slots = Slots()
    slots.ask("normal")
    slots.ask("reboot")
    begin(slots, now=100.0)
    assert slots.next_alarm() == 580.0
    assert slots.late(579.0) == []
    (late,) = slots.late(580.0)
    assert late.event == "normal"
    slots.ended(late.pid)
    assert begin(slots, now=580.0) == ["reboot"]


def test_keys_have_a_minute_and_a_shell_has_no_alarm() -> None:
    slots = Slots()
    slots.ask("emergency")
    begin(slots)
    assert slots.next_alarm() is None
    slots.ask("powerfail")
    begin(slots, now=5.0)
    assert slots.next_alarm() == 65.0


def test_an_end_may_have_another_alarm_and_gets_it_again() -> None:
    slots = Slots()
    slots.alarm = 10.0
    slots.ask("poweroff")
    begin(slots, now=0.0)
    assert slots.next_alarm() == 10.0
    slots.extend(8.0)
    assert slots.next_alarm() == 18.0


def test_nobody_knows_other_events_or_processes() -> None:
    slots = Slots()
    assert not slots.ask("coffee")
    assert slots.ended(12345) == ""
