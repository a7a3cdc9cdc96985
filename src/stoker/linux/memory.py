"""What malloc(3) keeps of memory that is free already, and the kernel of what is to be written."""

from __future__ import annotations

import ctypes
import re

from . import files

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; others keep less


def give_back() -> None:
    """Give the pages that nothing lies in any more back to the kernel (malloc_trim(3))."""
    if _trim is not None:
        _trim(0)


def unwritten(path: str = "/proc/meminfo") -> int:
    """KiB in memory that disks and servers have yet to be given (proc(5)); 0 without /proc."""
    text = files.read(path) or b""
    found = re.findall(rb"^(?:Dirty|Writeback|NFS_Unstable): +(\d+)", text, re.M)
    return sum(map(int, found))
