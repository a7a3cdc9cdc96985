"""The ways to start a process, and which to take.

Three ways, the cheapest that can do what a command asks for:

- *vfork*: from this process (vfork.py). Cannot change user, nice, limits, or give a descriptor
  another number, and passes on which signals are ignored; everything else goes to
- the *spawner*: a small process of ours that makes our children for us, born in their cgroup.
- *fork*: the same code in a child of this process, when no spawner can be had. Slow in a large
  process.

With a cgroup: the spawner; from `BURST` commands at once this process goes from cgroup to cgroup
itself, vforking in each, and comes back. Moving costs 10 ms and more alone and 30 µs in a burst.
Where the spawner was compiled (spawner.c) it is as quick as that, and does it beside us: no moving.

Every child: a session of its own, default signals, an empty mask, the descriptors named and no
others. A start returns when the program has been executed, or when it is known why it could not be;
nothing is left of a failed one. The caller reaps the children (`Spawning.ended` tells the spawner
from them).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Sequence

from stoker.linux import cgroup, clone, proc

from . import spawner
from .command import Command, SpawnError, explain, order
from .link import Link
from .vfork import reap, vfork

__all__ = ["BURST", "Command", "SpawnError", "Spawning"]

BURST = 40
COMPILED = f"{os.path.dirname(spawner.__file__)}/spawner"  # of spawner.c, where it was built
PATIENCE = 10.0  # seconds for one exec; a dead file server can hold it up for ever
# vfork sets the first two back by itself; 32 and 33 are glibc's own, and its posix_spawn(3), by
# which our keeper starts us, leaves them ignored in every program there is.
_HARMLESS = sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ, 32, 33))


class Spawning:
    """Starts commands. Make it once signal handlers are installed; one thread only.

    ``program``: argv of the spawner, its descriptor's number left out; empty for none. ``vfork``:
    whether that way may be used at all. ``burst``: from how many commands with a cgroup on it pays
    to go there. ``patience``: seconds for one exec.
    """

    def __init__(
        self,
        program: Sequence[str] | None = None,
        *,
        vfork: bool = True,
        burst: int = BURST,
        patience: float = PATIENCE,
    ) -> None:
        standard = (sys.executable, "-I", "-S", spawner.__file__) if sys.executable else ()
        self._quick = program is None and os.access(COMPILED, os.X_OK)
        if self._quick:
            self._link = Link((COMPILED,), patience, standard)
        else:
            self._link = Link(standard if program is None else program, patience)
        self._burst = burst
        self._wants_vfork = vfork
        self._trouble = ""
        self.measure()

    def measure(self) -> None:
        """Look again at what this process may do: its signals, user or cgroup have changed."""
        self._uid, self._gid = os.getuid(), os.getgid()
        self._groups = frozenset(os.getgroups())
        self._one_user = os.geteuid() == self._uid and os.getegid() == self._gid
        ignored = int(proc.status(os.getpid()).get("SigIgn", "0"), 16) & ~_HARMLESS
        clean = not ignored and not signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._vfork = self._wants_vfork and clean
        self._movable: bool | None = None

    @property
    def _may_move(self) -> bool:
        if self._movable is None:  # not before it is asked: it takes reading the mount table
            home = cgroup.own()
            self._movable = home is not None and os.access(f"{home.path}/cgroup.procs", os.W_OK)
        return self._movable

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways in use: of "vfork", "burst", "spawner", and always "fork"."""
        there = {
            "vfork": self._vfork,
            "burst": self._vfork and self._may_move,
            "spawner": self._link.usable,
            "fork": True,
        }
        return tuple(way for way, used in there.items() if used)

    @property
    def trouble(self) -> str:
        """Why a way that one would expect is not used; empty when all is well."""
        return self._trouble or self._link.trouble

    @property
    def spawner_pid(self) -> int | None:
        """The spawner's pid while there is one."""
        return self._link.pid

    def lower(self, soft: int | None) -> None:
        """What is started from now on has this soft limit on descriptors, though we have more."""
        self._link.soft = soft
        if self._link.pid is not None and soft is not None:
            _, hard = resource.prlimit(self._link.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(self._link.pid, resource.RLIMIT_NOFILE, (min(soft, hard), hard))

    def start(self, command: Command) -> int:
        """Start one process and return its pid. Raises SpawnError, an OSError with its ``step``."""
        answer = self._start(command)
        if isinstance(answer, SpawnError):
            raise answer
        return answer

    def start_many(self, commands: Sequence[Command]) -> list[int | SpawnError]:
        """Start several; one answer for each, in their sequence. Raises nothing."""
        answers: dict[int, int | SpawnError] = {}
        places = range(len(commands))
        moving = [n for n in places if commands[n].cgroup is not None and self._plain(commands[n])]
        if len(moving) >= self._burst and not self._quick and self._may_move:
            self._go_round(commands, moving, answers)
        elsewhere = [n for n in places if n not in answers and not self._here(commands[n])]
        several = self._elsewhere([commands[n] for n in elsewhere])
        answers.update(zip(elsewhere, several, strict=True))
        return [answers[n] if n in answers else self._start(commands[n]) for n in places]

    def warm(self) -> None:
        """Start the spawner now, so that the first command does not wait for its interpreter."""
        self._link.warm()

    def ended(self, pid: int) -> bool:
        """To be asked about every child that ended, before the caller reaps it: was it the spawner?

        Another one is started when it is needed.
        """
        if pid != self._link.pid:
            return False
        self._link.drop()
        return True

    def close(self) -> None:
        """End the spawner and reap it."""
        pid = self._link.pid
        self._link.drop()
        if pid is not None:
            reap(pid)

    def _plain(self, command: Command) -> bool:
        """Whether vfork can do everything that is asked for, the cgroup aside."""
        return (
            self._vfork
            and not command.rlimits
            and command.nice is None
            and command.oom_score_adj is None
            and command.capabilities is None
            and (command.uid is None or (command.uid == self._uid and self._one_user))
            and (command.gid is None or (command.gid == self._gid and self._one_user))
            and (command.groups is None or self._groups == {*command.groups})
            and all(number == fd for number, fd in command.fds.items())
            and "LISTEN_PID" not in command.env
        )

    def _here(self, command: Command) -> bool:
        return command.cgroup is None and self._plain(command)

    def _start(self, command: Command) -> int | SpawnError:
        if self._here(command):
            try:
                return vfork(command, self._link.soft)
            except SpawnError as error:
                return error
            except TypeError as error:  # the private call has another form in this Python
                self._vfork = False
                self._trouble = f"no vfork: {error}"
        return self._elsewhere([command])[0]

    def _go_round(
        self, commands: Sequence[Command], places: list[int], answers: dict[int, int | SpawnError]
    ) -> None:
        """The burst. Where a cgroup cannot be entered the spawner has a try: it says why not."""
        home = cgroup.own()
        if home is None:
            return
        try:
            for place in places:
                try:
                    cgroup.Cgroup(commands[place].cgroup or "").move()
                except OSError:  # no answer yet: start_many goes on to the spawner with it
                    continue
                try:
                    answers[place] = vfork(commands[place], self._link.soft)
                except SpawnError as error:
                    answers[place] = error
        except TypeError as error:  # as in _start; the rest is for the spawner
            self._vfork = False
            self._trouble = f"no vfork: {error}"
        finally:
            self._go_home(home)

    def _go_home(self, home: cgroup.Cgroup) -> None:
        try:
            home.make()  # empty while we were away, it may have been removed
            home.move()
        except OSError as error:
            self._movable = False
            self._trouble = f"no burst: cannot go back to {home.path}: {error.strerror}"

    def _elsewhere(self, commands: Sequence[Command]) -> list[int | SpawnError]:
        """By the spawner; what it cannot do, by a fork of our own."""
        answers = self._link.run(commands) if commands else []
        return [
            _forked(command) if answer is None else answer
            for command, answer in zip(commands, answers, strict=True)
        ]


def _forked(command: Command) -> int | SpawnError:
    try:
        wanted = order(command, 0)
        pid, channel = spawner.launch(wanted, list(command.descriptors.values()), _fork_here)
    except SpawnError as error:
        return error
    except spawner.Refused as refused:
        return explain(command, refused.step, refused.number)
    step, number = spawner.outcome(channel)
    if not step:
        return pid
    reap(pid)
    return explain(command, step, number)


def _fork_here(into: int) -> int:
    return os.fork() if into < 0 else clone.clone3(cgroup=into)
