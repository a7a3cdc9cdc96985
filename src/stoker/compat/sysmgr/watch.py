"""runsyssv: watch over one script, without a manager.

What it does for one service is what `sysmgr` does for all: the files of RUNDIR, a lock when it is
signalled. It starts nothing again; that is for whoever started it.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

from stoker.errors import Failed

from .files import clear, complain, name_of, rundir, sysdir, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

__all__ = ["main"]

USAGE = "usage: runsyssv SERVICE_FILE"

_TERMS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT)


def main(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    if len(arguments) != 1:
        print(USAGE)
        return 1
    if arguments[0].startswith("-"):
        print(USAGE)
        return 0
    name = name_of(arguments[0])
    folder = f"{rundir()}/{name}"
    try:
        os.makedirs(rundir(), 0o755, exist_ok=True)
        os.mkdir(folder, 0o755)
    except FileExistsError:
        return 1  # it runs, or is not to run
    except OSError as error:
        complain("runsyssv", f"{error.filename}: {error.strerror}")
        return 1
    try:
        return _watch(name, folder)
    except (Failed, OSError) as error:
        complain("runsyssv", f"{name}: {error}")
        return 1


class _Signalled(Exception):
    """One of the signals that mean something has come."""

    def __init__(self, number: int) -> None:
        self.number = number


def _watch(name: str, folder: str) -> int:
    wanted = {*_TERMS, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _become(f"{sysdir()}/{name}", wanted)
    try:
        write(f"{folder}/syspid", os.getpid())
        write(f"{folder}/pid", child)
    except Failed:
        os.kill(child, signal.SIGTERM)
        raise

    def come(number: int, _frame: FrameType | None) -> NoReturn:
        raise _Signalled(number)

    for number in wanted:
        signal.signal(number, come)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, wanted)
        os.waitpid(child, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    except _Signalled as told:
        signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
        _end(folder, child, told.number)
        return 0
    if not os.path.lexists(f"{folder}/lock"):
        clear(name)
    return 0


def _end(folder: str, child: int, number: int) -> None:
    """Signalled: the service is, too, and the lock says by what, unless somebody has said so."""
    if not os.path.lexists(f"{folder}/lock"):
        write(f"{folder}/lock", number)
    hard = number == signal.SIGUSR1
    try:
        os.kill(child, signal.SIGKILL if hard else signal.SIGTERM)  # not reaped: it is the child
    except PermissionError:
        pass  # it has become another user's, who has to end it
    for part in ("syspid", "pid"):
        try:
            os.unlink(f"{folder}/{part}")
        except FileNotFoundError:
            pass  # svctl was faster


def _become(path: str, blocked: set[signal.Signals]) -> NoReturn:
    """In the child: the service, with the signals of an ordinary process."""
    try:
        for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
        _execute(path)
    except OSError as error:
        complain("runsyssv", f"{path}: {error.strerror}")
    finally:
        os._exit(127)


def _execute(path: str) -> NoReturn:
    """As execvp(3): what the kernel does not know is the shell's."""
    try:
        os.execv(path, [path])
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        os.execv("/bin/sh", ["sh", path])
