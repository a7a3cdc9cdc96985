"""What the kernel and programs say, as lines for our own recorder: where no syslog daemon is.

`kernel_log` reads /dev/kmsg, which others may read too; each record once, over restarts.
`syslog` is whoever listens on /dev/log (syslog(3)), one datagram one line.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from collections.abc import Callable

from stoker.linux import notify

__all__ = ["kernel_line", "kernel_log", "syslog", "syslog_line"]

KMSG, LOG, READ = "/dev/kmsg", "/dev/log", "/run/stoker/kernel-log"
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)
_STAMP = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")  # of syslog(3); ours stands before it
_MOST = 65536


def kernel_line(data: bytes) -> tuple[int, str]:
    """Number and line of a record of /dev/kmsg (kernel, Documentation/ABI/testing/dev-kmsg)."""
    head, _, rest = data.partition(b";")
    fields = head.split(b",")
    message = rest.partition(b"\n")[0].decode("utf-8", "replace")
    return int(fields[1]), f"{_priority(int(fields[0]))}: {message}"


def syslog_line(data: bytes) -> str:
    """A datagram as one line."""
    text = data.decode("utf-8", "backslashreplace").rstrip("\n\0")
    found = re.match(r"<(\d{1,3})>", text)
    priority = int(found[1]) if found else 13
    text = _STAMP.sub("", text[found.end() :] if found else text, count=1)
    return f"{_priority(priority)}: " + text.replace("\n", "\\n")


def _priority(number: int) -> str:
    facility = number >> 3
    name = _FACILITIES[facility] if facility < len(_FACILITIES) else str(facility)
    return f"{name}.{_LEVELS[number & 7]}"


def kernel_log(write: Callable[[str], object] = print, path: str = KMSG, read: str = READ) -> None:
    """Hand on what the kernel says, for ever. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    last = _last(read)
    notify.send("READY=1")
    while True:
        try:
            data = os.read(fd, _MOST)
        except OSError as error:
            if error.errno != errno.EPIPE:  # records were overwritten before they were read
                raise
            write("kern.warning: some of what the kernel said is lost")
            continue
        if not data:
            return  # not a kernel's: an ordinary file, in tests
        number, line = kernel_line(data)
        if number > last:
            last = number
            write(line)
            sys.stdout.flush()
            _keep(read, last)


def _last(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return -1


def _keep(path: str, number: int) -> None:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(str(number))
    except OSError:
        pass  # then they are told again after a restart


def syslog(write: Callable[[str], object] = print, path: str = LOG) -> None:
    """Listen to programs for ever. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        listener.bind(path)
        os.chmod(path, 0o666)
        notify.send("READY=1")
        while True:
            write(syslog_line(listener.recv(_MOST)))
            sys.stdout.flush()
