"""The manager's end of the spawner: starts it, gives orders, and knows what became of each.

A spawner that dies is replaced. An order that it had not answered is given again, unless its exec
was what took too long: a child that we were told of is killed first, and one that we were not told
of has never run anything (spawner.py says why).
"""

from __future__ import annotations

import _socket
import array
import errno
import marshal
import os
import signal
from collections import deque
from collections.abc import Sequence

from .command import Command, SpawnError, explain, order
from .spawner import LARGEST, MOST_DESCRIPTORS
from .vfork import reap, vfork

_WINDOW = 16  # orders on their way at once
_FORM = 2  # of marshal: plain, so that the spawner in C can read it too
_TRIES = 3  # spawners lost in a row before there is none any more


class Link:
    """A spawner, started when it is first needed.

    ``program``: its argv without the descriptor's number; empty: there is none. ``patience``:
    seconds for one exec. ``instead``: the argv to take if that program cannot be executed.
    """

    def __init__(
        self, program: Sequence[str], patience: float, instead: Sequence[str] = ()
    ) -> None:
        self._program = tuple(program)
        self._instead = tuple(instead)
        self._patience = patience
        self._socket: _socket.socket | None = None
        self._lost = 0
        self.pid: int | None = None
        self.soft: int | None = None  # limit on descriptors that it has, and so what it starts
        self.trouble = "" if program else "no spawner: no Python to run it with"

    @property
    def usable(self) -> bool:
        """Whether there is, or may be, a spawner."""
        return bool(self._program) and self._lost < _TRIES

    def warm(self) -> bool:
        """Start it if it is not there; False if there is none to be had."""
        if self._socket is not None or not self.usable:
            return self.usable
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        argv = (*self._program, str(number))
        try:
            command = Command(argv, {}, stderr=_stderr(), fds={number: number})
            self.pid = vfork(command, self.soft)
        except (SpawnError, TypeError) as error:
            ours.close()
            if self._instead:
                self._program, self._instead = self._instead, ()
                return self.warm()
            self._give_up(str(error))
            return False
        finally:
            theirs.close()
        ours.settimeout(self._patience)
        self._socket = ours
        return True

    def _give_up(self, why: str) -> None:
        self._lost = _TRIES
        self.trouble = f"no spawner: {why}"

    def drop(self) -> None:
        """Let it end; it is not waited for."""
        if self._socket is not None:
            self._socket.close()
        self._socket = self.pid = None

    def run(self, commands: Sequence[Command]) -> list[int | SpawnError | None]:
        """Start commands. None for those that no spawner was to be had for: they do not run."""
        work = _Work(commands)
        while work.todo and self.warm():
            if self._exchange(work):
                self._lost = 0
                continue
            self._lost += 1
            if self._lost == _TRIES:
                self.trouble = "no spawner: it ends again and again"
        return work.answers

    def _exchange(self, work: _Work) -> bool:
        """Give orders and take answers until there is nothing to do, or (False) the spawner is
        lost.
        """
        assert self._socket is not None
        slow = False
        try:
            while work.todo or work.sent:
                while work.todo and len(work.sent) < _WINDOW:
                    work.send(self._socket)
                if not work.sent:
                    continue
                said = self._socket.recv(1000)
                if not said:
                    break
                if work.answered(*marshal.loads(said)):
                    self._give_up("clone3 is not allowed here")
            else:
                return True
        except TimeoutError:
            slow = True
        except (BrokenPipeError, ConnectionResetError):
            pass  # it died; what it said before is read below
        self._bury(work, slow)
        return False

    def _bury(self, work: _Work, slow: bool) -> None:
        """The spawner is dead or hangs: hear its last words, settle what it has left undone."""
        assert self._socket is not None
        assert self.pid is not None
        _kill(self.pid)
        reap(self.pid)
        try:
            while said := self._socket.recv(1000):
                work.answered(*marshal.loads(said))
        except OSError:  # reset: it had not read all our orders, and has nothing more to say
            pass
        work.abandon(slow)
        self.drop()


class _Work:
    """Commands, and how far each of them has come. Tokens are positions."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = commands
        self.answers: list[int | SpawnError | None] = [None] * len(commands)
        self.todo = deque(range(len(commands)))
        self.sent: dict[int, int] = {}  # token to the child's pid, 0 before its birth

    def send(self, link: _socket.socket) -> None:
        """Give the next order. Raises BrokenPipeError and the like when nobody takes it."""
        token = self.todo[0]
        command = self.commands[token]
        try:
            data = marshal.dumps(order(command, token).fields, _FORM)
            _send(link, data, list(command.descriptors.values()))
            self.sent[token] = 0
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            raise
        except SpawnError as error:
            self.answers[token] = error
        except OSError as error:
            # Too many descriptors at once or under way: left to the fork, which needs to send none.
            if error.errno == errno.EBADF:
                self.answers[token] = SpawnError("descriptors", errno.EBADF)
        self.todo.popleft()

    def answered(self, token: int, pid: int, step: str | None, number: int) -> bool:
        """Note an answer; True when it says that this spawner cannot make processes at all."""
        if step is None:
            self.sent[token] = pid
            return False
        del self.sent[token]
        if not step:
            self.answers[token] = pid
            return False
        if pid:
            reap(pid)
        if step == "fork" and number in (errno.ENOSYS, errno.EPERM):
            return True
        self.answers[token] = explain(self.commands[token], step, number)
        return False

    def abandon(self, slow: bool) -> None:
        """Its spawner is gone: do again what it did not finish, save an exec that took too long."""
        for token, pid in sorted(self.sent.items(), reverse=True):
            if not pid:
                self.todo.appendleft(token)
            elif not _kill(pid):
                self.answers[token] = pid  # another user's by now, hence executed
            elif slow:
                # Not waited for: what hangs in an exec may not die soon. Our caller reaps it.
                self.answers[token] = SpawnError("spawner", errno.ETIMEDOUT)
            else:
                reap(pid)
                self.todo.appendleft(token)
        self.sent.clear()


def _kill(pid: int) -> bool:
    """KILL a child of ours; False when it is not ours to kill."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # reaped by our caller already
        return True
    except PermissionError:
        return False
    return True


def _send(link: _socket.socket, data: bytes, descriptors: list[int]) -> None:
    """One packet; what is too large for one goes by memfd."""
    if len(descriptors) > MOST_DESCRIPTORS:
        raise OSError(errno.E2BIG, "descriptors")
    memory = -1
    try:
        if len(data) > LARGEST:
            memory = os.memfd_create("order", os.MFD_CLOEXEC)
            os.pwrite(memory, data, 0)
            data = b"M"
            descriptors = [*descriptors, memory]
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", descriptors))
        link.sendmsg([data], [rights], _socket.MSG_NOSIGNAL)
    finally:
        if memory >= 0:
            os.close(memory)


def _stderr() -> int:
    """Where the spawner complains: to our own stderr, if there is one."""
    try:
        os.fstat(2)
    except OSError:  # closed
        return -1
    return 2
