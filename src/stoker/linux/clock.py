"""Clocks, and whether the machine's time can be trusted (adjtimex(2))."""

from __future__ import annotations

import ctypes
import time

_UNSYNCHRONISED, _TIME_ERROR = 0x40, 5
_BUFFER = 512  # larger than struct timex on every architecture


def now() -> tuple[int, int]:
    """(monotonic, wall) in nanoseconds, read together: what the engine is given as ``now``."""
    return time.monotonic_ns(), time.time_ns()


def synchronised() -> bool | None:
    """Whether something (NTP, PTP) keeps the wall clock right; None when there is no telling."""
    libc = ctypes.CDLL(None, use_errno=True)
    timex = ctypes.create_string_buffer(_BUFFER)  # modes = 0: only ask
    state = libc.adjtimex(timex)
    if state < 0:  # refused by a sandbox
        return None
    word = ctypes.sizeof(ctypes.c_long)
    status = ctypes.c_int.from_buffer(timex, 5 * word if word == 8 else 4 + 4 * word).value
    return state != _TIME_ERROR and not status & _UNSYNCHRONISED
