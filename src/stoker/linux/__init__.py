"""What Linux offers and the standard library does not: calls, /proc, cgroup files, one event loop.

This room decides nothing. It knows no service, no contract, no model; it turns kernel interfaces
into small typed functions, and every other room that touches the kernel does it through here.

Invariants:

- "There is none" is an answer, not an accident: a process that is gone (ESRCH, ENOENT), a file that
  we may not read (EPERM, EACCES) and a kernel that is too old (ENOSYS, EINVAL, ENOTTY) come back as
  ``None``, ``False`` or an empty collection, as each docstring says. What is left raises
  ``OSError``.
- Every descriptor that is made here is close-on-exec.
- Nothing is looked for at a fixed place: cgroup2 is found in the mount table.
- Importing the package costs nothing; a part is loaded when it is first named, and ``ctypes`` only
  by the parts that call what the standard library does not wrap.

The parts are modules and are used as such: ``from stoker.linux import cgroup, pidfd``. The names
that are worth having by themselves (`Loop`, `Timer`, `Cgroup`) can be imported directly.

Must not: import anything else of stoker, write messages, retry by policy, or keep state between
calls.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .cgroup import Cgroup
    from .loop import Loop, Timer

_PARTS = {"Loop": "loop", "Timer": "loop", "Cgroup": "cgroup"}
_MODULES = (
    "acpi",
    "cgroup",
    "channel",
    "clock",
    "clone",
    "faults",
    "files",
    "inotify",
    "limits",
    "listening",
    "loop",
    "machine",
    "memory",
    "mounts",
    "notify",
    "peer",
    "pidfd",
    "prctl",
    "proc",
    "routes",
    "wait",
)

__all__ = [
    "Cgroup",
    "Loop",
    "Timer",
    "acpi",
    "cgroup",
    "channel",
    "clock",
    "clone",
    "faults",
    "files",
    "inotify",
    "limits",
    "listening",
    "loop",
    "machine",
    "memory",
    "mounts",
    "notify",
    "peer",
    "pidfd",
    "prctl",
    "proc",
    "routes",
    "wait",
]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return getattr(__import__(f"{__name__}.{_PARTS[name]}", fromlist=[name]), name)
    if name in _MODULES:
        return __import__(f"{__name__}.{name}", fromlist=[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS, *_MODULES})
