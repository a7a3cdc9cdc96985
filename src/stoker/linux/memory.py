"""What malloc(3) keeps of memory that is free already."""

from __future__ import annotations

import ctypes

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; others keep less


def give_back() -> None:
    """Give the pages that nothing lies in any more back to the kernel (malloc_trim(3))."""
    if _trim is not None:
        _trim(0)
