"""prctl(2): who gets the orphans, and who does not outlive whom."""

from __future__ import annotations

import ctypes
import os
import signal

_SET_PDEATHSIG, _SET_CHILD_SUBREAPER, _GET_CHILD_SUBREAPER = 1, 36, 37

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: object) -> None:
    if _libc.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "prctl")


def set_subreaper(on: bool) -> None:
    """Become (or no longer be) the parent of what our descendants leave behind. Raises OSError."""
    _prctl(_SET_CHILD_SUBREAPER, ctypes.c_ulong(on))


def get_subreaper() -> bool:
    """Whether this process is a subreaper."""
    value = ctypes.c_int()
    _prctl(_GET_CHILD_SUBREAPER, ctypes.byref(value))
    return bool(value.value)


def die_with_parent() -> None:
    """Be killed when the thread that made this process ends; not inherited by children. Raises
    OSError.
    """
    _prctl(_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
