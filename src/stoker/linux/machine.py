"""Calls that concern the whole machine: mount(2), umount2(2), swapoff(2), reboot(2), its keys and
where it is (settimeofday(2)).

Who may not, or has no such thing, gets an OSError with its errno; nothing is decided here.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

__all__ = [
    "BIND",
    "DETACH",
    "HALT",
    "KEYS_OFF",
    "NODEV",
    "NOEXEC",
    "NOSUID",
    "POWER_OFF",
    "READ_ONLY",
    "REMOUNT",
    "RESTART",
    "STRICT_TIMES",
    "alt_up_spawns",
    "mount",
    "reboot",
    "set_zone",
    "swap_off",
    "unmount",
]

READ_ONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8
REMOUNT, BIND, STRICT_TIMES = 32, 4096, 1 << 24
DETACH = 2  # MNT_DETACH of umount2(2)

RESTART, HALT, POWER_OFF, KEYS_OFF = 0x01234567, 0xCDEF0123, 0x4321FEDC, 0
"""Of reboot(2); with `KEYS_OFF`, Ctrl-Alt-Del becomes SIGINT for the first process."""

_ACCEPT, _SET_KEY = 0x4B4E, 0x4B47  # KDSIGACCEPT and KDSKBENT of ioctl_console(2)
_ALT_TABLE, _UP, _SPAWN = 8, 103, 0x0212  # K_ALTTAB, KEY_UP, K_SPAWNCONSOLE

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError."""
    words = (os.fsencode(word) for word in (source, target, kind))
    if _libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data)) != 0:
        _fail(target)


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2). Raises OSError."""
    if _libc.umount2(os.fsencode(target), flags) != 0:
        _fail(target)


def swap_off(path: str) -> None:
    """swapoff(2). Raises OSError."""
    if _libc.swapoff(os.fsencode(path)) != 0:
        _fail(path)


def set_zone(west: int) -> None:
    """Tell the kernel how many minutes west of UTC its hardware's clock goes. The first call since
    the boot moves the time by as much, no other does (settimeofday(2)). Raises OSError.
    """
    if _libc.settimeofday(None, struct.pack("ii", west, 0)) != 0:
        _fail("settimeofday")


def reboot(command: int) -> None:
    """reboot(2). What ends the machine does not return. Raises OSError."""
    if _libc.reboot(ctypes.c_int(command - (1 << 32) if command >= 1 << 31 else command)) != 0:
        _fail("reboot")


def alt_up_spawns(terminal: int, number: int, *, with_entry: bool = True) -> None:
    """Have the key for a new console, Alt-Up, send us this signal: it goes to who calls this.

    `with_entry` puts the key into the keyboard's table too, where the kernel's own has none. Raises
    OSError.
    """
    fcntl.ioctl(terminal, _ACCEPT, number)
    if with_entry:
        fcntl.ioctl(terminal, _SET_KEY, struct.pack("BBH", _ALT_TABLE, _UP, _SPAWN))


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), what)
