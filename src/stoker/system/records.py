"""The records of boots and ends in utmp and wtmp (utmp(5)), by which last(1) and who(1) tell them.

Who logs in and out is written by login(1) itself. The files are made here if they are missing: utmp
because /run is empty at every boot, wtmp because login(1) writes nothing into a file that is not
there.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time

__all__ = ["UTMP", "WTMP", "boot", "record", "shutdown"]

UTMP, WTMP = "/run/utmp", "/var/log/wtmp"
_RUN_LEVEL, _BOOT = 1, 2  # types of record
# type, pid, line, id, user, host, termination, exit, session, seconds, microseconds, address
_FORM = struct.Struct("=hxxi32s4s32s256shhiii4i20x")


def record(kind: int, user: str, now: float | None = None) -> bytes:
    """One record about the machine itself; `now` in seconds since 1970."""
    moment = time.time() if now is None else now
    seconds, rest = divmod(int(moment * 1_000_000), 1_000_000)
    host = os.uname().release.encode()[:255]
    # Only 32 bits: in 2106 they begin anew, as everybody's do (utmp(5), "BUGS").
    seconds = (seconds + 2**31) % 2**32 - 2**31
    return _FORM.pack(kind, 0, b"~", b"~~", user.encode(), host, 0, 0, 0, seconds, rest, 0, 0, 0, 0)


def boot(utmp: str = UTMP, wtmp: str = WTMP, now: float | None = None) -> None:
    """The machine has begun: utmp is begun anew. Raises OSError."""
    line = record(_BOOT, "reboot", now)
    _append(utmp, line, anew=True)
    _append(wtmp, line)


def shutdown(wtmp: str = WTMP, now: float | None = None) -> None:
    """The machine ends. Raises OSError."""
    _append(wtmp, record(_RUN_LEVEL, "shutdown", now))


def _append(path: str, line: bytes, *, anew: bool = False) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    fd = os.open(path, flags | (os.O_TRUNC if anew else 0), 0o664)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_size == 0:
            _give(fd)
        os.write(fd, line)
    finally:
        os.close(fd)


def _give(fd: int) -> None:
    """To the group that may write it, where there is one (Debian: utmp)."""
    import grp

    os.fchmod(fd, 0o664)
    try:
        os.fchown(fd, -1, grp.getgrnam("utmp").gr_gid)
    except (KeyError, PermissionError):
        pass  # another system's, or not root: only we write it
