"""prctl(2): who gets the orphans, and what dies with its parent."""

from __future__ import annotations

import ctypes
import os

_SET_PDEATHSIG, _GET_PDEATHSIG, _SET_NAME = 1, 2, 15
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


def set_pdeathsig(signo: int) -> None:
    """Be sent ``signo`` when the parent's thread that made us ends; 0 for none. Raises OSError."""
    _prctl(_SET_PDEATHSIG, ctypes.c_ulong(signo))


def get_pdeathsig() -> int:
    """The signal set by `set_pdeathsig`; 0 for none."""
    value = ctypes.c_int()
    _prctl(_GET_PDEATHSIG, ctypes.byref(value))
    return value.value


def set_name(name: str) -> None:
    """What ps(1) shows as the command of this thread: up to 15 bytes, the rest is cut."""
    _prctl(_SET_NAME, ctypes.c_char_p(os.fsencode(name)[:15]))
