"""Clocks, whether the machine's time can be trusted (adjtimex(2)), and word of its being set."""

from __future__ import annotations

import ctypes
import os
import time

_UNSYNCHRONISED, _TIME_ERROR = 0x40, 5
_BUFFER = 512  # larger than struct timex on every architecture
_REALTIME = 0
_ABSTIME, _CANCEL_ON_SET = 1, 2
_FAR = 2**33  # seconds since the epoch: a moment that does not come


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


class ClockChanges:
    """A descriptor that is readable once the wall clock was set (timerfd_create(2),
    TFD_TIMER_CANCEL_ON_SET); also after the machine slept.

    Slewing, by which a daemon brings a clock right that is only a little wrong, is not seen. Raises
    OSError where there is no timerfd.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(_REALTIME, os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._arm()

    def _arm(self) -> None:
        spec = (ctypes.c_long * 4)(0, 0, _FAR if ctypes.sizeof(ctypes.c_long) == 8 else 2**31 - 1)
        flags = _ABSTIME | _CANCEL_ON_SET
        if self._libc.timerfd_settime(self.fd, flags, spec, None) < 0:
            number = ctypes.get_errno()
            os.close(self.fd)
            raise OSError(number, "timerfd_settime")

    def read(self) -> bool:
        """Whether the clock was set since the last time; armed anew."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return False
        except OSError:  # ECANCELED: it was set
            pass
        self._arm()
        return True

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)
