"""clone3(2): a fork whose child is born in its cgroup, and may be the caller's sibling.

The child goes on behind the call as after a fork, without Python's fork hooks: it must exec or
``os._exit`` soon, and the caller should have one thread. The interpreter's lock is held throughout.
"""

from __future__ import annotations

import ctypes
import os
import signal

CLONE_PARENT = 0x8000
CLONE_INTO_CGROUP = 0x200000000

_CLONE3 = 435  # the same number on every architecture but alpha
_Arguments = ctypes.c_uint64 * 11
_libc = ctypes.PyDLL(None, use_errno=True)


def clone3(flags: int = 0, cgroup: int = -1, exit_signal: int | None = None) -> int:
    """Fork; 0 in the child, its pid in the parent.

    ``cgroup``: descriptor of a cgroup2 directory that the child is born in (CLONE_INTO_CGROUP is
    added). ``exit_signal``: SIGCHLD unless said otherwise; with CLONE_PARENT it must be 0, which is
    then the default, and the child sends what the caller would send. Raises OSError (ENOSYS also
    where a sandbox forbids it).
    """
    if cgroup >= 0:
        flags |= CLONE_INTO_CGROUP
    if exit_signal is None:
        exit_signal = 0 if flags & CLONE_PARENT else signal.SIGCHLD
    arguments = _Arguments(flags, 0, 0, 0, exit_signal, 0, 0, 0, 0, 0, max(cgroup, 0))
    pid: int = _libc.syscall(_CLONE3, ctypes.byref(arguments), ctypes.sizeof(arguments))
    if pid < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "clone3")
    return pid
