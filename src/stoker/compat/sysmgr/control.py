"""svctl: start, stop and look at services, by the files of RUNDIR alone."""

from __future__ import annotations

import os
import signal
import sys
import time

from stoker import __version__
from stoker.client import is_alive
from stoker.errors import Failed

from .files import (
    clear,
    complain,
    is_up,
    like,
    lives,
    lock_of,
    missing,
    name_of,
    rundir,
    sysdir,
    unlink,
    write,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

USAGE = """usage: svctl OPERATION SERVICE...

  start, up      start services that are down
  stop, down     stop services, and keep them down
  restart        stop, wait until it is down, start
  kill           stop services by SIGKILL
  once           let services run once: they are not restarted when they end
  status, stat   say on standard error which are UP and which DOWN

stoker {version}"""

_SOON, _LATE = 0.005, 0.1  # seconds between looks
_STARTED = 30.0  # seconds that a start may take until we say that it does not happen


def main(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    if not arguments or arguments[0].startswith("-"):
        print(USAGE.format(version=__version__))
        return 0
    if len(arguments) < 2:
        print(USAGE.format(version=__version__))
        return 1
    operation, names = arguments[0], [name_of(one) for one in arguments[1:]]
    if not os.path.isdir(rundir()):
        complain("svctl", f"there is no directory {rundir()}: is sysmgr running?")
        return 1
    if operation in ("status", "stat"):
        return _status(names)
    act = _OPERATIONS.get(operation)
    if act is None:
        complain("svctl", f"unknown operation: {operation}")
        return 1
    for name in names:
        try:
            if name in ("", ".", ".."):
                raise Failed(f"{name!r} is not the name of a service")
            act(name)
        except Failed as error:
            complain("svctl", f"cannot {operation} {name}: {error}")
            return 1
    return 0


def _status(names: list[str]) -> int:
    status = 0
    for name in names:
        up = is_up(name, once=True)
        status = status if up else 1
        print(f"{name}: {'UP' if up else 'DOWN'}", file=sys.stderr)
    return status


def _folder(name: str) -> str:
    return f"{rundir()}/{name}"


def _known(name: str) -> None:
    if missing([name]) and not os.path.isdir(_folder(name)):
        raise Failed(f"there is no {sysdir()}/{name}{like(name)}")


def _start(name: str) -> None:
    if is_up(name):
        return
    _known(name)
    clear(name)


def _stop(name: str) -> None:
    if is_up(name, once=True):
        _end(name, signal.SIGTERM, signal.SIGTERM)


def _kill(name: str) -> None:
    """Also one that was told to stop, and has not done so: then its directory has the lock alone,
    and the manager acts on the new number in it.
    """
    if is_up(name, once=True):
        _end(name, signal.SIGKILL, signal.SIGUSR1)
    elif lock_of(_folder(name)) is not None:
        write(f"{_folder(name)}/lock", signal.SIGKILL)
    else:
        _known(name)
        raise Failed("it is not up")


def _end(name: str, lock: int, signo: int) -> None:
    """Lock, signal, and take away the pids, in the original's order."""
    folder = _folder(name)
    pid = lives(f"{folder}/syspid")
    write(f"{folder}/lock", lock)
    if pid:
        try:
            os.kill(pid, signo)
        except ProcessLookupError:
            pass  # it was quicker
        except PermissionError:
            raise Failed(f"process {pid} is another user's") from None
    unlink(f"{folder}/syspid")
    unlink(f"{folder}/pid")


def _restart(name: str) -> None:
    _known(name)
    service = lives(f"{_folder(name)}/pid")
    _stop(name)
    if service:
        _until(lambda: not is_alive(service))
    clear(name)


def _once(name: str) -> None:
    if not is_up(name):
        _known(name)
        if lock_of(_folder(name)) == 0 and is_up(name, once=True):
            return
        clear(name)
        if not _until(lambda: is_up(name), _STARTED):
            raise Failed("it does not come up")
    write(f"{_folder(name)}/lock", 0)


def _until(so: Callable[[], bool], seconds: float | None = None) -> bool:
    end = None if seconds is None else time.monotonic() + seconds
    pause = _SOON
    while not so():
        if end is not None and time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(_LATE, pause * 1.5)
    return True


_OPERATIONS: dict[str, Callable[[str], None]] = {
    "start": _start,
    "up": _start,
    "stop": _stop,
    "down": _stop,
    "restart": _restart,
    "kill": _kill,
    "once": _once,
}
