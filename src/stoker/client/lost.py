"""A manager whose runtime directory was removed under it: found by its keeper, and reached.

Nothing that runs is touched by `rm -r` of a project, but the name of the control socket is gone
with it. The manager holds the socket's file open (O_PATH), and a path through /proc leads to that
file whatever it is called (proc(5)): for root, and for whom the manager belongs to.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.model import Place

__all__ = ["keeper_of", "way_to"]


def keeper_of(place: Place) -> int:
    """The pid of a keeper that runs with the runtime directory of `place` while that is not there;
    0 where there is none.
    """
    if os.path.lexists(place.runtime + "/lock"):
        return 0
    words = b"\0--run\0" + os.fsencode(place.runtime) + b"\0"
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if words in file.read(65536):
                    return pid
        except OSError:
            continue  # it has just ended
    return 0


def way_to(place: Place) -> str:
    """A path to the control socket of a manager whose directory is gone; "" where there is none."""
    keeper = keeper_of(place)
    wanted = place.socket + " (deleted)"
    for pid in _pids() if keeper else ():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
            if parent != keeper:
                continue
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == wanted:
                    return f"/proc/{pid}/fd/{fd}"
        except OSError:
            continue  # it has ended, or is not ours to look into
    return ""


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())
