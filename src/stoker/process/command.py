"""What to start, and why it could not be started."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from functools import cache, lru_cache

import msgspec

from stoker.linux import limits

from .spawner import Order

OWN_PID = " " * 20
"""As the value of LISTEN_PID: the process's own number stands there when it is executed."""

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


class Command(msgspec.Struct, frozen=True):
    """One process to start. None means: as this process has it.

    ``env`` is the whole environment; its PATH finds an ``argv[0]`` without a slash. ``stdin``,
    ``stdout``, ``stderr``: a descriptor here, or -1 for /dev/null. ``groups`` None with a foreign
    ``uid`` means no supplementary groups. ``capabilities``: a mask: what another user than root is
    given, and all that root keeps. ``nice`` is absolute. ``rlimits``: number
    (`stoker.linux.limits.NAMES` has it) to (soft, hard), -1 unlimited. ``fds``: number in the child
    to descriptor here, for others than the first three. ``cgroup``: path of an existing cgroup2
    directory. ``mark``: what it and its descendants are known by (`limits.LOCKS`), 0 for as this
    process is marked. The working directory is entered as the user.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    stdin: int = -1
    stdout: int = -1
    stderr: int = -1
    cwd: str = "/"
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None
    umask: int | None = None
    nice: int | None = None
    oom_score_adj: int | None = None
    capabilities: int | None = None
    rlimits: Mapping[int, tuple[int, int]] = {}
    fds: Mapping[int, int] = {}
    cgroup: str | None = None
    mark: int = 0

    @property
    def descriptors(self) -> dict[int, int]:
        """Number in the child to descriptor here, the first three included."""
        three = {0: self.stdin, 1: self.stdout, 2: self.stderr}
        return {**self.fds, **{n: fd if fd >= 0 else _null() for n, fd in three.items()}}


@cache
def _null() -> int:
    """/dev/null, kept open: it is what most commands have as their input."""
    return os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)


class SpawnError(OSError):
    """A process could not be started: errno, the ``step`` that failed, what it concerns (filename).

    Steps: "exec" (the program itself), "interpreter" (what its ``#!`` line or ELF header names),
    "directory", "user", "group", "groups", "umask", "limits", "nice", "oom_score_adj", "cgroup",
    "capabilities",
    "session", "descriptors", "environment", "fork" (no process to be had), "spawner" (ETIMEDOUT:
    the exec took too long and was given up).
    """

    def __init__(self, step: str, number: int, subject: str = "") -> None:
        super().__init__(number, os.strerror(number), subject or None)
        self.step = step

    def __str__(self) -> str:
        about = f" {self.filename}" if self.filename else ""
        return f"{self.step}{about}: {self.strerror}"


def programs(command: Command) -> tuple[bytes, ...]:
    """The paths that exec tries in turn, as execvp(3) finds them in the command's own PATH."""
    name = command.argv[0] if command.argv else ""
    if not name or "/" in name:
        return (os.fsencode(name),)
    path = command.env.get("PATH", _PATH)
    return tuple(os.fsencode(os.path.join(one or ".", name)) for one in path.split(":"))


def environment(command: Command) -> dict[bytes, bytes]:
    """The environment in bytes. Raises SpawnError for a name that cannot be one."""
    return dict(map(_variable, command.env.items()))


@lru_cache(maxsize=128)  # most of an environment is the same for all services
def _variable(pair: tuple[str, str]) -> tuple[bytes, bytes]:
    name, value = pair
    if not name or "=" in name or "\0" in name or "\0" in value:
        raise SpawnError("environment", errno.EINVAL, name)
    return os.fsencode(name), os.fsencode(value)


def arguments(command: Command) -> tuple[bytes, ...]:
    """The argv in bytes. Raises SpawnError for an empty one and for NUL bytes."""
    if not command.argv or any("\0" in one for one in command.argv):
        raise SpawnError("exec", errno.EINVAL, command.argv[0] if command.argv else "")
    if not command.argv[0]:
        raise SpawnError("exec", errno.ENOENT)  # as the kernel says; os.execve will not ask it
    return tuple(map(os.fsencode, command.argv))


def order(command: Command, token: int) -> Order:
    """The command as the spawner wants it. Raises SpawnError for what nobody could do."""
    groups = command.groups
    if groups is None and command.uid not in (None, os.getuid()):
        groups = ()
    if groups is not None and {*groups} == {*os.getgroups()}:
        groups = None  # nothing to change: an ordinary user may not even ask
    wanted = dict(command.rlimits)
    if command.mark and (pair := limits.marking(command.mark)):
        wanted[limits.LOCKS] = pair
    return Order(
        token,
        programs(command),
        arguments(command),
        environment(command),
        os.fsencode(command.cwd),
        command.uid,
        command.gid,
        groups,
        command.umask,
        command.nice,
        command.oom_score_adj,
        tuple((number, *pair) for number, pair in wanted.items()),
        command.cgroup,
        tuple(command.descriptors),
        command.capabilities,
    )


def explain(command: Command, step: str, number: int) -> SpawnError:
    """The error to raise: for an exec that failed, looks whether the interpreter is to blame."""
    if step == "exec":
        return _explain_exec(command, number)
    subjects = {
        "directory": command.cwd,
        "cgroup": command.cgroup,
        "user": command.uid,
        "group": command.gid,
        "groups": command.groups,
        "nice": command.nice,
        "oom_score_adj": command.oom_score_adj,
    }
    subject = subjects.get(step)
    return SpawnError(step, number, "" if subject is None else str(subject))


def _explain_exec(command: Command, number: int) -> SpawnError:
    name = command.argv[0]
    if number in (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ELOOP):
        for program in programs(command):
            path = os.path.join(os.fsencode(command.cwd), program)
            blamed = _interpreter(path, number)
            if blamed is not None:
                return SpawnError("interpreter", number, blamed or os.fsdecode(program))
    return SpawnError("exec", number, name)


def _interpreter(path: bytes, number: int) -> str | None:
    """The interpreter that made the exec of an existing program fail; "" if it is not a script's.

    None: the program itself is to blame, or it cannot be told.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode) or not mode & 0o111:
            return None
        with open(path, "rb") as file:
            head = file.read(256)
    except OSError:  # not there, or not ours to read: nothing can be said about an interpreter
        return None
    if head.startswith(b"#!"):
        words = head[2:].split(b"\n")[0].split()
        if not words:
            return None
        if number == errno.EACCES and _executable(words[0]):
            return None
        return os.fsdecode(words[0])
    return "" if number == errno.ENOENT and head.startswith(b"\x7fELF") else None


def _executable(path: bytes) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:  # not there or not reachable
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)
