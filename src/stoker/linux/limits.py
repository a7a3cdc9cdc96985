"""Resource limits by name (getrlimit(2)), and our own share of descriptors."""

from __future__ import annotations

import os
import resource

from . import files

NAMES: dict[str, int] = {
    name.removeprefix("RLIMIT_").lower(): number
    for name, number in vars(resource).items()
    if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"
}

LOCKS = 10
"""RLIMIT_LOCKS (setrlimit(2)): nothing in the kernel has looked at it since Linux 2.4. So its soft
limit can carry a mark, which exec, another session, user or environment does not take off, which
all descendants inherit, and which can be read from a zombie too."""


def get(name: str, pid: int = 0) -> tuple[int, int] | None:
    """(soft, hard) of this process or another; -1 is unlimited; None when it is gone or refused."""
    try:
        return resource.prlimit(pid, NAMES[name])
    except (ProcessLookupError, PermissionError):
        return None


def mark_of(pid: int) -> int:
    """The mark of a process (see `LOCKS`); 0 when it has none, is gone, or may not be looked at."""
    try:
        return max(resource.prlimit(pid, LOCKS)[0], 0)
    except ProcessLookupError:
        return 0
    except PermissionError:  # another user's; /proc tells it to everybody
        text = files.read(f"/proc/{pid}/limits") or b""
    word = text.partition(b"\nMax file locks")[2].split(None, 1)[:1]
    return int(word[0]) if word and word[0].isdigit() else 0


def marking(mark: int) -> tuple[int, int] | None:
    """The (soft, hard) limit on locks that is this mark; None when we may not have it."""
    hard = resource.getrlimit(LOCKS)[1]
    return None if 0 <= hard < mark else (mark, hard)


def raise_descriptors(most: int | None = None) -> int:
    """Allow this process as many open files as it may have, or `most`; returns the soft limit it
    now has, which is never less than before.

    The hard limit is raised too, up to fs.nr_open, where we may (root).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (max(most_descriptors(), hard), hard):
        wanted = wanted if most is None else min(wanted, most)
        if wanted <= soft:
            continue
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        except (OSError, ValueError):  # not ours to raise: the next, smaller one
            continue
        return wanted
    return soft


def most_descriptors() -> int:
    """fs.nr_open: how high the kernel lets anybody's limit on open files be."""
    return int(files.read("/proc/sys/fs/nr_open") or 0)


def lower_descriptors(pid: int, soft: int) -> None:
    """Let a process have so many descriptors and no more, though it may raise that itself."""
    try:
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(soft, hard), hard))
    except OSError:  # ended, or another user's already: it keeps a higher one, which is no harm
        pass


def open_descriptors(pid: int | str = "self") -> int | None:
    """How many descriptors a process has open; None when it is gone or not ours to look at."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd")) - (pid == "self")
    except OSError:
        return None
