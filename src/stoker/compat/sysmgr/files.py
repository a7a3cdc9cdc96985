"""SYSDIR and RUNDIR, as the commands see them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from stoker.errors import Failed

__all__ = [
    "clear",
    "complain",
    "is_up",
    "like",
    "lives",
    "lock_of",
    "missing",
    "name_of",
    "number_in",
    "rundir",
    "sysdir",
    "unlink",
    "write",
]

_SLACK = 2.0  # seconds: a file's time is that of the kernel's last tick


def sysdir() -> str:
    """The service directory."""
    return os.environ.get("SYSDIR") or "/var/sysmgr"


def rundir() -> str:
    """The run directory."""
    return os.environ.get("RUNDIR") or "/run/sysmgr"


def name_of(argument: str) -> str:
    """A service as it is given: of a path the last part counts."""
    return argument.rstrip("/").rpartition("/")[2]


def number_in(path: str) -> int | None:
    """The number in a file; None when there is no file, 0 when it has no number."""
    try:
        with open(path, "rb") as file:
            word = file.read(64).strip()
    except OSError:
        return None  # not there, or not for us to see
    return int(word) if word.isdigit() else 0


def lock_of(folder: str) -> int | None:
    """The number in the lock of a service's directory; None when it has none."""
    if not os.path.lexists(f"{folder}/lock"):
        return None
    return number_in(f"{folder}/lock") or 0


def lives(path: str) -> int:
    """The process that a pid file names, if it lives and is the one that was meant; else 0.

    A number may have come to another process since, by a crash of the machine's manager: whoever
    was born after the file was written is not meant, unless it is a watching process by its name.
    """
    pid = number_in(path) or 0
    if pid < 1:
        return 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return 0
    except PermissionError:
        pass  # it is another user's, and lives
    return pid if _is_meant(pid, path) else 0


def _is_meant(pid: int, path: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        if fields[0] in (b"Z", b"X"):
            return False
        if any(word.rpartition(b"/")[2] == b"runsyssv" for word in words[:-1]):
            return True
        with open("/proc/uptime", "rb") as file:
            up = float(file.read().split()[0])
        import time

        born = time.time() - up + int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return born <= os.stat(path).st_mtime + _SLACK
    except (OSError, IndexError, ValueError):
        return True  # no /proc to ask: the number is all there is


def is_up(name: str, *, once: bool = False) -> bool:
    """No lock, and the watching process lives. `once`: one that runs for the last time is up too,
    which the original shows as down.
    """
    folder = f"{rundir()}/{name}"
    lock = lock_of(folder)
    if lock is not None and not (once and lock == 0):
        return False
    return lives(f"{folder}/syspid") > 0


def unlink(path: str) -> None:
    """Remove a file; harmless when there is none. Raises Failed."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # as it should be
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None


def write(path: str, number: int) -> None:
    """Write a number. Raises Failed."""
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{number}\n")
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None


def clear(name: str) -> None:
    """Remove the directory of a service, with all that is in it. Raises Failed.

    It goes at once, by another name: whoever starts the service finds nothing half removed.
    """
    aside = f"{rundir()}/.gone.{os.getpid()}"
    try:
        os.rename(f"{rundir()}/{name}", aside)
    except FileNotFoundError:
        return  # as it should be
    except OSError as error:
        raise Failed(f"{rundir()}/{name}: {error.strerror}") from None
    _remove(aside)


def _remove(path: str) -> None:
    try:
        with os.scandir(path) as found:
            below = [(one.path, one.is_dir(follow_symlinks=False)) for one in found]
        for one, directory in below:
            _remove(one) if directory else unlink(one)
        os.rmdir(path)
    except FileNotFoundError:
        pass  # as it should be
    except NotADirectoryError:
        unlink(path)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None


def missing(names: Sequence[str]) -> list[str]:
    """Those of these services that have no file in SYSDIR."""
    return [name for name in names if not os.access(f"{sysdir()}/{name}", os.F_OK)]


def like(name: str) -> str:
    """A hint: the service of SYSDIR that is most likely meant; "" when none is like it."""
    from stoker.model import did_you_mean

    try:
        there = [one for one in os.listdir(sysdir()) if not one.startswith(".")]
    except OSError:
        return ""  # then there is nothing to be like
    near = did_you_mean(name, there)
    return f" (did you mean {near}?)" if near else ""


def complain(program: str, text: object) -> None:
    """A message of a command."""
    print(f"{program}: {text}", file=sys.stderr)
