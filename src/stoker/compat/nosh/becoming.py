"""Becoming another program, which is then as if nobody had been in its place before."""

from __future__ import annotations

import os
import signal
from typing import NoReturn

__all__ = ["become"]

_COERCED = "LC_CTYPE"
"""What an interpreter that finds the locale C adds to the environment (PEP 538)."""


def become(argv: list[str]) -> NoReturn:
    """As execvp(3), with the environment that there is now. Raises OSError."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    if _COERCED in os.environ and not _was_given(_COERCED):
        del os.environ[_COERCED]
    os.execvp(argv[0], argv)


def _was_given(name: str) -> bool:
    """Whether it is in the environment that we were started with."""
    try:
        with open("/proc/self/environ", "rb") as file:
            given = file.read().split(b"\0")
    except OSError:  # without /proc it stays
        return True
    return any(one.startswith(os.fsencode(f"{name}=")) for one in given)
