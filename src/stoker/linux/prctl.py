"""prctl(2): who gets the orphans."""

from __future__ import annotations

import ctypes
import os

_SET_CHILD_SUBREAPER, _GET_CHILD_SUBREAPER = 36, 37

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
