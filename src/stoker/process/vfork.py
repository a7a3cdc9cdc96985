"""The quickest start: the private call under subprocess, which vforks where nothing forbids it.

It knows session, directory, umask and descriptors that keep their numbers. Signals that this
process ignores stay ignored in the child, and its mask is passed on: `Spawning` uses it only where
there are none.
"""

from __future__ import annotations

import _posixsubprocess
import fcntl
import os
import resource
import sys

from stoker.linux import limits

from .command import Command, SpawnError, arguments, environment, explain, programs

# "vfork if you can": asked for until 3.13, understood from 3.14 on.
_VFORK = () if sys.version_info >= (3, 14) else (True,)


def vfork(command: Command, soft: int | None = None) -> int:
    """Start a command, whatever it asks for beyond this way's means left out; returns its pid.

    Raises SpawnError; TypeError when this Python's private call wants other arguments.

    `soft`: its soft limit on descriptors, where ours is another.
    """
    argv, given = arguments(command), command.descriptors
    env = [name + b"=" + value for name, value in environment(command).items()]
    read, write = _report()
    changed: dict[int, tuple[int, int]] = {}
    try:
        # The child has our limits, so they are what we have for a moment.
        if soft is not None:
            now = changed[resource.RLIMIT_NOFILE] = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, now[1]), now[1]))
        if command.mark and (pair := limits.marking(command.mark)):
            changed[limits.LOCKS] = resource.getrlimit(limits.LOCKS)
            resource.setrlimit(limits.LOCKS, pair)
        try:
            pid = _posixsubprocess.fork_exec(
                argv,
                programs(command),
                True,  # close all descriptors but
                tuple(sorted({*command.fds, write})),
                command.cwd,
                env,
                given[0],
                -1,
                -1,
                given[1],
                -1,
                given[2],
                read,
                write,
                True,  # SIGPIPE, SIGXFSZ back to default
                True,  # setsid
                -1,
                None,
                None,
                None,
                -1 if command.umask is None else command.umask,
                None,  # type: ignore[arg-type] # no preexec_fn: the stubs know no such thing
                *_VFORK,
            )
        except OSError as error:
            raise SpawnError("fork", error.errno or 0) from None
        finally:
            os.close(write)
            for number, before in changed.items():
                resource.setrlimit(number, before)
        said = os.read(read, 1000)
    finally:
        os.close(read)
    if said:
        reap(pid)
        raise _failure(command, said)
    return pid


def _report() -> tuple[int, int]:
    """A pipe whose writing end is none of the first three descriptors, as the call demands."""
    read, write = os.pipe()
    if write < 3:
        low, write = write, fcntl.fcntl(write, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(low)
    return read, write


def _failure(command: Command, said: bytes) -> SpawnError:
    """What was said: ``OSError:ERRNO:`` by the exec; the same and ``noexec`` by what is before."""
    _kind, number, where = said.split(b":", 2)
    if not where:
        return explain(command, "exec", int(number, 16))
    return explain(command, _step_before(command), int(number, 16))


def _step_before(command: Command) -> str:
    """What failed before exec: a descriptor that is not open, else it was the directory."""
    for fd in command.descriptors.values():
        try:
            fcntl.fcntl(fd, fcntl.F_GETFD)
        except OSError:  # not open
            return "descriptors"
    return "directory"


def reap(pid: int) -> None:
    """Reap a child of ours that has ended or is just ending."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:  # somebody did already
        pass
