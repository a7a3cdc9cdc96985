"""What the first process says: to the kernel's log, and to a person at the console.

Nothing here may fail: there may be no console, no /dev, no room.
"""

from __future__ import annotations

import os

__all__ = ["CONSOLE", "KERNEL_LOG", "remark", "say", "show"]

CONSOLE = "/dev/console"
KERNEL_LOG = "/dev/kmsg"
_QUIET = 7  # of the kernel's levels the one that the kernel itself does not show on the console


_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC


def say(text: str) -> None:
    """To both: the steps of a boot and of an end, and whatever went wrong."""
    remark(text)
    show(text)


def remark(text: str) -> None:
    """To the kernel's log alone, which is where a boot is told of before there is a disk."""
    _write(KERNEL_LOG, f"<{_QUIET}>stoker: {text}\n")


def show(text: str) -> None:
    """To the console alone."""
    _write(CONSOLE, f"stoker: {text}\r\n")


def _write(path: str, text: str) -> None:
    try:
        fd = os.open(path, _FLAGS)
    except OSError:
        return  # no such device, or nobody behind it: there is no better place to say it
    try:
        os.write(fd, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # as above
    finally:
        os.close(fd)
