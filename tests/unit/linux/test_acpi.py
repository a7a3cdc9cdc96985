"""What ACPI tells of, from the bytes of netlink."""

from __future__ import annotations

import struct

import pytest

from stoker.linux import acpi


def message(kind: int, body: bytes) -> bytes:
    """A message of netlink(7), with the room behind it that aligns the next."""
    length = 16 + len(body)
    return struct.pack("=IHHII", length, kind, 0, 1, 0) + body + b"\0" * (-length % 4)


def attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def event(name: bytes) -> bytes:
    """A message about a device of a class."""
    told = name.ljust(20, b"\0") + b"LNXPWRBN:00".ljust(16, b"\0") + struct.pack("=II", 0x80, 1)
    return message(26, struct.pack("=BBH", 1, 1, 0) + attribute(1, told))


def test_the_class_of_each_event() -> None:
    data = event(b"button/power") + event(b"ac_adapter")
    assert acpi.classes(data) == [acpi.POWER_BUTTON, "ac_adapter"]


@pytest.mark.parametrize("cut", [0, 3, 15, 17, 23])
def test_a_message_that_breaks_off_is_no_event_and_no_error(cut: int) -> None:
    assert acpi.classes(event(b"button/power")[:cut]) == []


def test_nonsense_is_no_event() -> None:
    assert acpi.classes(b"\0" * 64) == []
    assert acpi.classes(b"\xff" * 64) == []


def test_the_kernel_is_asked_for_its_group() -> None:
    try:
        listener = acpi.listen()
    except OSError:
        return  # a kernel without ACPI, which says so by an error
    with listener:
        assert acpi.events(listener) == []
