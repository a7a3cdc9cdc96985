"""A manager whose runtime directory was removed under it: found by its keeper, and reached.

Nothing that runs is touched by `rm -r` of a project, or by the logout that takes a user's runtime
directory away, but the name of the control socket is gone with it. The keeper holds the socket's
file open (O_PATH), and a path through /proc leads to that file whatever it is called (proc(5)): for
root, and for whom the keeper belongs to. Where the directory is there, and only the socket is not,
the lock in it tells.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.model import Place

__all__ = ["holder_of", "keeper_of", "way_to"]


def holder_of(runtime: str) -> str:
    """Who holds the lock in a runtime directory, by what stands in it ("another" while nothing
    does); "" where nobody does, or there is none.

    It is shared for a moment, which a keeper that begins then waits for: one that holds it is never
    taken for none. (/proc/locks only looks, but says nothing inside of a container of a holder
    whose own process has ended, and the kernel takes milliseconds to write it.)
    """
    import fcntl

    try:
        fd = os.open(runtime + "/lock", os.O_RDONLY)
    except OSError:
        return ""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(fd, 32).decode("ascii", "replace").strip() or "another"
    except OSError:
        return ""  # no locks can be had there: the keeper says why
    finally:
        os.close(fd)
    return ""


def keeper_of(runtime: str) -> int:
    """The pid of a keeper that runs with this runtime directory while that is not there, nor
    another one with a keeper of its own; 0 where there is none.
    """
    try:
        os.lstat(runtime + "/lock")
    except (FileNotFoundError, NotADirectoryError):
        return _keeper(runtime)
    except OSError:
        pass  # we may not look: it is somebody else's
    return 0


def _keeper(runtime: str) -> int:
    words = b"\0--run\0" + os.fsencode(runtime) + b"\0"
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if words in file.read(65536) and _sees_ours(pid):
                    return pid
        except OSError:
            continue  # it has just ended
    return 0


def _sees_ours(pid: int) -> bool:
    """Whether a path is the same to it as to us; yes where we are not told."""
    try:
        pairs = [(f"/proc/{who}/ns/mnt", f"/proc/{who}/root") for who in (pid, "self")]
        theirs, ours = [[os.stat(path) for path in one] for one in pairs]
    except PermissionError:
        return True
    return all(map(os.path.samestat, theirs, ours))


def way_to(place: Place) -> str:
    """A path to the control socket of a manager whose directory, or the socket in it, is gone; ""
    where there is none.
    """
    keeper = _keeper(place.runtime)
    try:
        found = os.listdir(f"/proc/{keeper}/fd") if keeper else []
    except OSError:  # it has ended, or is not ours to look into
        return ""
    for fd in found:
        path = f"/proc/{keeper}/fd/{fd}"
        try:
            if os.readlink(path) == place.socket + " (deleted)":
                return path
        except OSError:
            continue  # it has closed it meanwhile
    return ""


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())
