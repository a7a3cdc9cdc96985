"""A mount and pid namespace for managers that think the machine is theirs.

/run, and whatever else they would write to, is empty and theirs alone; what they could do to the
machine (clock, modules, reboot, network: who takes himself for its init takes that down in the end)
they may not.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["enter", "first_below", "unshare"]

_FORBIDDEN = "-sys_time,-sys_module,-sys_boot,-sys_rawio,-syslog,-mknod,-net_admin"


def unshare(setup: Sequence[str], command: Sequence[str], cgroup: bool = False) -> list[str]:
    """The argv that runs shell lines and then a command as pid 1 of a namespace of its own."""
    lines = ["set -e", "mount --make-rprivate /", "mount -t tmpfs -o mode=755 tmpfs /run", *setup]
    inner = shlex.join(["setpriv", "--bounding-set", _FORBIDDEN, *command])
    script = "\n".join([*lines, f"exec {inner}"])
    own = ["--cgroup"] if cgroup else []
    words = ["unshare", "--mount", "--pid", "--uts", "--ipc", *own, "--fork", "--kill-child"]
    return [*words, "--mount-proc", "/bin/sh", "-c", script]


def first_below(pid: int) -> int:
    """The first process in the namespace that `unshare` (that pid) made; 0 if not yet there."""
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return int(words[0]) if words else 0


def enter(pid: int, *command: str) -> list[str]:
    """The argv that runs a command in the namespaces of a process."""
    return ["nsenter", "-t", str(pid), "-m", "-p", "--", *command]


def cgroup2() -> Path | None:
    """Where cgroup2 is mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] == "cgroup2" and os.access(words[1], os.W_OK):
            return Path(words[1])
    return None


def may_unshare() -> bool:
    """Whether this can be done here."""
    words = ["unshare", "--mount", "--pid", "--fork", "/bin/true"]
    return os.geteuid() == 0 and subprocess.run(words, capture_output=True).returncode == 0
