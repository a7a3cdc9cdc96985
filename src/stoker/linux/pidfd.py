"""Descriptors that name one process for good (pidfd_open(2), pidfd_send_signal(2), ioctl
PIDFD_GET_INFO).
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
from typing import NamedTuple

_SIZE = 64  # the first version of struct pidfd_info: all kernels that have the call take it
_GET_INFO = (3 << 30) | (_SIZE << 16) | (0xFF << 8) | 11  # _IOWR(0xFF, 11, struct pidfd_info)
_PID, _CREDENTIALS, _CGROUP, _EXIT = 1, 2, 4, 8


class Info(NamedTuple):
    """What the kernel says about the process behind a pidfd; None for what it does not say (any
    more).
    """

    pid: int | None
    ppid: int | None
    uid: int | None
    cgroup: int | None  # the inode number of its cgroup's directory
    status: int | None  # as waitpid(2) gives it; known once it has been reaped (Linux 6.15)


def open_pid(pid: int) -> int | None:
    """A pidfd (close-on-exec; readable when the process has ended), or None when there is no such
    process.
    """
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a number that is no process: a thread's, or below 1
            return None
        raise


def send_signal(fd: int, signo: int) -> bool:
    """Signal the process; False when it is gone or it is not ours to signal."""
    try:
        signal.pidfd_send_signal(fd, signo)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def info(fd: int) -> Info | None:
    """Ask the kernel (6.13 and later); None where it has no answer or the process left none."""
    buffer = bytearray(_SIZE)
    struct.pack_into("=Q", buffer, 0, _PID | _CREDENTIALS | _CGROUP | _EXIT)
    try:
        fcntl.ioctl(fd, _GET_INFO, buffer)
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL, errno.ESRCH, errno.ENOSYS):
            return None
        raise
    mask, cgroup, pid, _tgid, ppid, _ruid, _rgid, euid = struct.unpack_from("=QQIIIIII", buffer)
    return Info(
        pid=pid if mask & _PID else None,
        ppid=ppid if mask & _PID else None,
        uid=euid if mask & _CREDENTIALS else None,
        cgroup=cgroup if mask & _CGROUP else None,
        status=struct.unpack_from("=i", buffer, 60)[0] if mask & _EXIT else None,
    )


def exit_status(fd: int) -> int | None:
    """Wait status (waitpid(2)) of a process that was reaped by anybody, if the kernel kept it
    (6.15).

    The pidfd must have been opened before the process was reaped.
    """
    found = info(fd)
    return found.status if found else None
