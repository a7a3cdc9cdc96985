"""cgroup2 as files (cgroups(7), the kernel's admin-guide/cgroup-v2).

A `Cgroup` is a path and nothing else; making one looks at nothing. What is gone answers as empty.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator

from . import files, mounts, proc

_GONE = {errno.ENOENT, errno.ENODEV, errno.ENOTDIR}


def find_mount(table: list[mounts.Mount] | None = None) -> mounts.Mount | None:
    """The cgroup2 mount, by the mount table; the one nearest to the hierarchy's root if there are
    several.
    """
    table = mounts.mounts() if table is None else table
    found = [mount for mount in table if mount.kind == "cgroup2"]
    return min(found, key=lambda mount: len(mount.root), default=None)


def own() -> Cgroup | None:
    """The cgroup that this process is in; None without cgroup2, or where the mount does not show
    it.
    """
    mount, inside = find_mount(), proc.cgroup_of(os.getpid())
    if mount is None or inside is None:
        return None
    root = mount.root.rstrip("/")
    if inside != mount.root and not inside.startswith(root + "/"):
        return None
    return Cgroup(mount.point + inside[len(root) :].rstrip("/"))


def usable() -> Cgroup | None:
    """A cgroup below which we may make others and put processes into them, or None. Tried, not
    guessed.

    Our own cgroup if we may, else (root, and where a controller or a ``threaded`` parent forbids
    it) the mount's root.
    """
    mount, here = find_mount(), own()
    candidates = [here] if here is not None else []
    if mount is not None and os.geteuid() == 0:
        top = Cgroup(mount.point)
        candidates += [top] if here is None or here.path != top.path else []
    return next((one for one in candidates if _try(one)), None)


def _try(parent: Cgroup) -> bool:
    trial = Cgroup(f"{parent.path}/stoker-trial-{os.getpid()}")
    try:
        trial.make()
    except OSError:  # read-only, not ours, or a limit on their number: all mean no
        return False
    try:
        writable = os.access(f"{parent.path}/cgroup.procs", os.W_OK)
        return writable and trial.read("cgroup.type") in ("domain", "domain threaded")
    finally:
        trial.remove()


class Cgroup:
    """One cgroup2 directory. Methods say what they answer when it is gone; else OSError."""

    __slots__ = ("path",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def __repr__(self) -> str:
        return f"Cgroup({self.path!r})"

    def child(self, name: str) -> Cgroup:
        """The cgroup of that name below this one; it need not exist."""
        return Cgroup(f"{self.path}/{name}")

    def read(self, name: str) -> str | None:
        """A file's text without the final newline; None when there is no such file (any more)."""
        data = files.read(f"{self.path}/{name}")
        return None if data is None else data.decode(errors="replace").rstrip("\n")

    def write(self, name: str, text: str) -> None:
        """Write a file: limits too (``memory.max``, ``cpu.max``, ``pids.max``). Raises OSError."""
        files.write(f"{self.path}/{name}", text.encode())

    def _table(self, name: str) -> dict[str, int]:
        pairs = (line.split() for line in (self.read(name) or "").splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}

    def exists(self) -> bool:
        """Whether it is there."""
        return os.path.isdir(self.path)

    def inode(self) -> int | None:
        """Its number, as PIDFD_GET_INFO gives it; None when it is gone."""
        try:
            return os.stat(self.path).st_ino
        except OSError:  # gone
            return None

    def make(self) -> bool:
        """Make it, with missing parents; False when it was there. Raises OSError."""
        try:
            os.mkdir(self.path)
        except FileExistsError:
            return False
        except FileNotFoundError:
            os.makedirs(self.path, exist_ok=True)
        return True

    def open(self) -> int:
        """A descriptor of the directory, for clone3 and its like. Raises OSError."""
        return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def move(self, pid: int = 0) -> bool:
        """Move a process with all its threads here (0: ourselves); False when it is gone.

        Cheap in a burst, 10 ms and more alone: the kernel waits for a grace period. Raises OSError.
        """
        try:
            self.write("cgroup.procs", str(pid))
        except ProcessLookupError:
            return False
        return True

    def below(self) -> Iterator[Cgroup]:
        """This one and all below it, the deepest first."""
        try:
            # Each directory in it is a link more than its own two; as a rule there is none.
            if os.stat(self.path).st_nlink == 2:
                yield self
                return
            with os.scandir(self.path) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:  # gone
            return
        for name in names:
            yield from self.child(name).below()
        yield self

    def own_procs(self) -> list[int]:
        """The processes directly in it; 0 stands for one of another pid namespace."""
        return [int(line) for line in (self.read("cgroup.procs") or "").split()]

    def procs(self) -> list[int]:
        """The processes in it and below; empty when it is gone."""
        return sorted(pid for one in self.below() for pid in one.own_procs())

    def populated(self) -> bool:
        """Whether a live process is in it or below; False when it is gone. Zombies do not count."""
        return self._table("cgroup.events").get("populated", 0) == 1

    def frozen(self) -> bool:
        """Whether everything in it stands still."""
        return self._table("cgroup.events").get("frozen", 0) == 1

    def freeze(self, on: bool = True) -> bool:
        """Ask for a freeze or a thaw, which follows soon (`frozen`); False when it cannot or is
        gone.
        """
        try:
            self.write("cgroup.freeze", "1" if on else "0")
        except OSError as error:
            if error.errno in _GONE or isinstance(error, PermissionError):
                return False
            raise
        return True

    def signal(self, signo: int) -> int:
        """Send a signal to each process in it and below, once; returns to how many."""
        reached = 0
        for pid in self.procs():
            if pid <= 0 or pid == os.getpid():
                continue
            try:
                os.kill(pid, signo)
            except (ProcessLookupError, PermissionError):  # ended meanwhile, or not ours
                continue
            reached += 1
        return reached

    def kill(self) -> None:
        """KILL everything in it and below (cgroup.kill, 5.14); harmless when it is gone or empty.

        Without cgroup.kill: signalled until no new process turns up. When this returns they may
        still be dying. Kills the caller too if it is inside. Raises OSError only for what is
        neither gone nor refused.
        """
        try:
            self.write("cgroup.kill", "1")
            return
        except OSError as error:
            if error.errno not in _GONE | {errno.EOPNOTSUPP, errno.EACCES, errno.EPERM}:
                raise
        self.kill_each()

    def kill_each(self) -> None:
        """KILL process by process: for a kernel without cgroup.kill, or a directory that is not
        ours.
        """
        seen: set[int] = set()
        for _ in range(1000):  # a fork bomb is frozen first, so this ends far earlier
            self.freeze()
            new = set(self.procs()) - seen
            if not new:
                break
            seen |= new
            self.signal(signal.SIGKILL)
        self.freeze(False)

    def remove(self) -> bool:
        """Remove it and all below; False when something in it still lives. Gone already is True."""
        removed = True
        for one in self.below():
            removed = one.remove_alone() and removed
        return removed

    def remove_alone(self) -> bool:
        """Remove it; False when something lives in it, or another cgroup is below."""
        try:
            os.rmdir(self.path)
        except OSError as error:
            if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
                return False
            if error.errno not in _GONE:
                raise
        return True

    def controllers(self) -> frozenset[str]:
        """Controllers that may be switched on for those below it."""
        return frozenset((self.read("cgroup.controllers") or "").split())

    def enabled_controllers(self) -> frozenset[str]:
        """Controllers that are switched on for those below it."""
        return frozenset((self.read("cgroup.subtree_control") or "").split())

    def enable(self, names: frozenset[str]) -> frozenset[str]:
        """Switch controllers on for those below; returns those of ``names`` that now are on.

        One that does not exist here or that is refused (EBUSY: processes in it) is left out of the
        answer.
        """
        for name in sorted(names - self.enabled_controllers()):
            try:
                self.write("cgroup.subtree_control", f"+{name}")
            except OSError:  # the answer below says which; why does not change what can be done
                pass
        return names & self.enabled_controllers()

    def memory(self) -> int | None:
        """Bytes in use; None without the controller."""
        return self._number("memory.current")

    def memory_kills(self) -> int:
        """Processes that the kernel killed because memory was at its limit (memory.events)."""
        return self._table("memory.events").get("oom_kill", 0)

    def tasks(self) -> int | None:
        """Threads in it and below; None without the pids controller."""
        return self._number("pids.current")

    def _number(self, name: str) -> int | None:
        text = self.read(name)
        return int(text) if text is not None and text.isdigit() else None

    def cpu(self) -> float | None:
        """Seconds of processor time used so far (cpu.stat, there without the controller too)."""
        used = self._table("cpu.stat").get("usage_usec")
        return None if used is None else used / 1e6
