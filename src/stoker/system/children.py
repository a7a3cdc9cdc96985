"""Programs that the first process runs, and waits for, before there is a keeper.

They begin with no signal blocked, though here all are: what mount(8) leaves running for as long as
a file system is mounted has to hear that it is to end.
"""

from __future__ import annotations

import os
import select
import signal
import time

__all__ = ["output_of", "status_of"]

_Action = tuple[int, int, int] | tuple[int, int, str, int, int]


def status_of(argv: tuple[str, ...], limit: float | None = None) -> int:
    """The exit status of a program, or minus the signal that ended it; -9 where we did, after
    LIMIT seconds. Raises OSError when it cannot be run.
    """
    pid = _begun(argv)
    if limit is not None:
        fd = os.pidfd_open(pid)
        try:
            if not select.select([fd], [], [], limit)[0]:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(fd)
    return _ended(pid)


def output_of(argv: tuple[str, ...], limit: float) -> bytes:
    """What a program writes to its standard output, at most for LIMIT seconds: then it is killed.
    Raises OSError when it cannot be run.
    """
    end = time.monotonic() + limit
    reader, writer = os.pipe()
    try:
        try:
            pid = _begun(argv, (os.POSIX_SPAWN_DUP2, writer, 1))
        finally:
            os.close(writer)
        told = b""
        while select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
            data = os.read(reader, 65536)
            told += data
            if not data:
                break
        else:
            os.kill(pid, signal.SIGKILL)
        _ended(pid)
        return told
    finally:
        os.close(reader)


def _begun(argv: tuple[str, ...], *actions: _Action) -> int:
    nothing: _Action = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    ignored = (signal.SIGPIPE, signal.SIGXFSZ)  # by Python, for itself
    return os.posix_spawnp(
        argv[0],
        argv,
        os.environ,
        file_actions=[nothing, *actions],
        setsigmask=(),
        setsigdef=ignored,
    )


def _ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
