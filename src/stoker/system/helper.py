"""The helper of the boot services: small work that no program of the system does.

boot utmp boot|shutdown      a record in utmp and wtmp
boot kernel-log              what the kernel says, for our own recorder
boot syslog                  what programs say to /dev/log, likewise
"""

from __future__ import annotations

import io
import os
import sys

__all__ = ["main"]

_USAGE = "usage: boot utmp boot|shutdown, boot kernel-log, boot syslog"


def main(words: list[str]) -> int:
    """Do one thing. Returns the exit status."""
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # what is said is UTF-8, in every machine's language
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return _do(words)
    except OSError as error:
        print(f"{error.filename or ' '.join(words)}: {error.strerror}", file=sys.stderr)
        return 1


def _do(words: list[str]) -> int:
    match words:
        case ["utmp", "boot"]:
            from .records import boot

            boot()
        case ["utmp", "shutdown"]:
            from .records import shutdown

            shutdown()
        case ["kernel-log"]:
            from .logs import kernel_log

            kernel_log()
        case ["syslog"]:
            from .logs import syslog

            os.umask(0)
            syslog()
        case _:
            print(_USAGE, file=sys.stderr)
            return 2
    return 0
