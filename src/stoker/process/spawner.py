"""The spawner: starts processes for the manager, straight in their cgroup, as the manager's
children.

Run as ``python -I -S spawner.py FD``. Standard library only, and little of it: what forks often
must be small. One thread. It ends when its socket does, and holds nothing between two orders.

Each packet on the socket FD (SOCK_SEQPACKET) is one order: `Order.fields` by marshal, with the
descriptors that the child shall have; ``M`` alone means that the order stands in a memfd, sent as
the last descriptor. Answers, by marshal too: ``(token, pid, None, 0)`` when the child is born, then
``(token, pid, "", 0)`` when it has executed its program, or ``(token, pid, step, errno)``: what
failed, and why. pid is 0 if there was no child.

The child is made with clone3(2): CLONE_PARENT makes it the manager's own, CLONE_INTO_CGROUP puts it
where it belongs before its first instruction. It waits for a word from the spawner, which comes
only after its birth was reported; so if the spawner dies, a process that the manager was not told
of has never run a program. It then ends itself with signal `UNBORN`, by which its end is told from
that of the program it was to become.

The manager uses `launch` and `outcome` itself when no spawner can be had.
"""

from __future__ import annotations

import _socket
import ctypes
import errno
import fcntl
import marshal
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn
else:
    import _signal as signal  # signal itself costs 0.7 MB: it wraps these in enumerations

LARGEST = 60_000  # bytes of an order in a packet; larger ones go by memfd
MOST_DESCRIPTORS = 250  # with one packet; the kernel's limit is 253

UNBORN = signal.SIGRTMAX - 1

_clean = False  # the spawner's own signals are as its children's shall be

_KEEPCAPS, _BOUND_DROP, _AMBIENT, _RAISE = 8, 24, 47, 2  # of prctl(2)
_CAPABILITY_VERSION = 0x20080522  # of capset(2)

_CLONE_PARENT = 0x8000
_CLONE_INTO_CGROUP = 0x200000000
_CLONE3 = 435


class Order:
    """What to start. Plain data, in the sequence of `__slots__`; None: leave it as the spawner has
    it.
    """

    __slots__ = (  # noqa: RUF023 # the sequence is that of the packet
        "token",  # comes back with the answers
        "programs",  # paths to try in turn, bytes
        "argv",  # bytes
        "env",  # {bytes: bytes}
        "cwd",  # bytes or None
        "uid",
        "gid",
        "groups",  # sequence of gids
        "umask",
        "nice",  # absolute
        "oom_score_adj",
        "limits",  # sequence of (resource, soft, hard)
        "cgroup",  # path or None
        "targets",  # the numbers that the descriptors get in the child, in their sequence
        "capabilities",  # a mask
    )

    token: int
    programs: Sequence[bytes]
    argv: tuple[bytes, ...]
    env: dict[bytes, bytes]
    cwd: bytes | None
    uid: int | None
    gid: int | None
    groups: Sequence[int] | None
    umask: int | None
    nice: int | None
    oom_score_adj: int | None
    limits: Sequence[tuple[int, int, int]]
    cgroup: str | None
    targets: Sequence[int]
    capabilities: int | None

    def __init__(self, *fields: Any) -> None:
        for name, value in zip(self.__slots__, fields, strict=True):
            setattr(self, name, value)

    @property
    def fields(self) -> tuple[Any, ...]:
        """The order as marshal takes it."""
        return tuple(getattr(self, name) for name in self.__slots__)


class Refused(Exception):
    """There is no child: ``step`` failed with ``number`` (errno)."""

    def __init__(self, step: str, number: int) -> None:
        super().__init__(step, number)
        self.step = step
        self.number = number


def launch(
    order: Order, descriptors: Sequence[int], fork: Callable[[int], int]
) -> tuple[int, _socket.socket]:
    """Make the child of an order; it waits until it is released by `outcome`.

    ``fork(cgroup)`` forks, into the cgroup of that descriptor unless it is -1. Raises Refused.
    """
    try:
        ours, childs = _socket.socketpair()
    except OSError as error:
        raise Refused("fork", error.errno or 0) from None
    try:
        pid, move = _fork(order.cgroup, fork)
    except Refused:
        ours.close()
        childs.close()
        raise
    if pid == 0:
        _child(order, descriptors, childs.detach(), ours.detach(), move)
    childs.close()
    return pid, ours


def _fork(path: str | None, fork: Callable[[int], int]) -> tuple[int, str | None]:
    """The fork; second, the cgroup that the child must still go to by itself (before Linux 5.7)."""
    step = "fork"
    try:
        if path is None:
            return fork(-1), None
        step = "cgroup"
        cgroup = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return fork(cgroup), None
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOMEM):  # no process to be had, anywhere
                step = "fork"
            if error.errno not in (errno.EINVAL, errno.E2BIG, errno.ENOSYS, errno.EPERM):
                raise
        finally:
            os.close(cgroup)
        step = "fork"
        return fork(-1), path
    except OSError as error:
        raise Refused(step, error.errno or 0) from None


def outcome(channel: _socket.socket) -> tuple[str, int]:
    """Release the child and wait for its exec: ("", 0), or the step that failed and its errno.

    A child that dies before its exec, killed by somebody, counts as having executed: its end will
    tell.
    """
    try:
        channel.send(b"g", _socket.MSG_NOSIGNAL)
        said = channel.recv(100)
    except (BrokenPipeError, ConnectionResetError):
        said = b""
    finally:
        channel.close()
    if not said:
        return "", 0
    step, number = marshal.loads(said)
    return step, number


def _child(
    order: Order, descriptors: Sequence[int], report: int, other: int, move: str | None
) -> NoReturn:
    """The child's side, from birth to exec. Never returns, never raises."""
    step = "fork"
    try:
        os.close(other)
        if os.read(report, 1):
            step = "descriptors"
            report = _take_descriptors(descriptors, order.targets, report)
            for name, act in _steps(order, move):
                step = name
                act()
            step = "exec"
            if b"LISTEN_PID" in order.env:  # sd_listen_fds(3) wants the process's own
                order.env[b"LISTEN_PID"] = b"%d" % os.getpid()
            _execute(order)
        os.kill(os.getpid(), UNBORN)
    except BaseException as error:  # whatever it is, it must reach the manager and not run on
        number = error.errno if isinstance(error, OSError) else None
        os.write(report, marshal.dumps((step, number or errno.EINVAL)))
    finally:
        os._exit(127)


def _take_descriptors(descriptors: Sequence[int], targets: Sequence[int], report: int) -> int:
    """Give the descriptors their numbers and close all others; returns where ``report`` now is."""
    above = max(targets, default=2) + 1

    def out_of_the_way(fd: int) -> int:
        return fd if fd >= above else fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above)

    report = out_of_the_way(report)
    sources = [out_of_the_way(fd) for fd in descriptors]
    for source, target in zip(sources, targets, strict=True):
        os.dup2(source, target, inheritable=True)
    os.closerange(above, report)
    os.closerange(report + 1, os.sysconf("SC_OPEN_MAX"))
    for fd in range(3, above):
        if fd not in targets:
            try:
                os.close(fd)
            except OSError:  # was not open
                pass
    return report


def _steps(order: Order, move: str | None) -> list[tuple[str, Callable[[], object]]]:
    """What is to be done before exec, in the sequence in which it can be done."""
    steps: list[tuple[str, Callable[[], object]]] = []
    if move is not None:
        steps.append(("cgroup", lambda: _write(f"{move}/cgroup.procs", b"0")))
    steps.append(("session", _session))
    steps.append(("limits", lambda: _limits(order.limits)))
    if order.nice is not None:
        steps.append(("nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, order.nice or 0)))
    if order.oom_score_adj is not None:
        adjustment = str(order.oom_score_adj).encode()
        steps.append(("oom_score_adj", lambda: _write("/proc/self/oom_score_adj", adjustment)))
    if order.umask is not None:
        steps.append(("umask", lambda: os.umask(order.umask or 0)))
    gid, uid, groups, cwd = order.gid, order.uid, order.groups, order.cwd
    capabilities = order.capabilities
    if groups is not None:
        steps.append(("groups", lambda: os.setgroups(groups)))
    if gid is not None:
        steps.append(("group", lambda: os.setresgid(gid, gid, gid)))
    if capabilities is not None:
        steps.append(("capabilities", lambda: _bound(capabilities, bool(uid))))
    if uid is not None:
        steps.append(("user", lambda: os.setresuid(uid, uid, uid)))
    if capabilities is not None and uid:
        steps.append(("capabilities", lambda: _take_along(capabilities)))
    if cwd is not None:  # as the user: what he may not enter is no directory for him
        steps.append(("directory", lambda: os.chdir(cwd)))
    return steps


def _bound(mask: int, leaving: bool) -> None:
    """Before the user is changed: root keeps these alone; who is left for another keeps what he has
    until `_take_along`.
    """
    if leaving:
        _prctl(_KEEPCAPS, 1)
        return
    for number in range(64):
        if not mask >> number & 1:
            try:
                _prctl(_BOUND_DROP, number)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                return  # the last one that this kernel has was the one before


def _take_along(mask: int) -> None:
    """As another user: these, and whatever is executed has them too."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    if libc.capset(head, (ctypes.c_uint32 * 6)(low, low, low, high, high, high)):
        raise OSError(ctypes.get_errno(), "")
    for number in range(64):
        if mask >> number & 1:
            _prctl(_AMBIENT, _RAISE, number)


def _prctl(*words: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*(ctypes.c_ulong(word) for word in (*words, 0, 0, 0, 0)[:5])):
        raise OSError(ctypes.get_errno(), "")


def _session() -> None:
    os.setsid()
    if not _clean:
        clear_signals()


def _limits(wanted: Sequence[tuple[int, int, int]]) -> None:
    for number, soft, hard in wanted:
        _limit(number, soft, hard)


def _limit(number: int, soft: int, hard: int) -> None:
    try:
        resource.setrlimit(number, (soft, hard))
    except ValueError:  # the module's word for "not allowed to raise" and "soft above hard"
        wrong = -1 < hard < soft or (soft == -1 and hard != -1)
        raise OSError(errno.EINVAL if wrong else errno.EPERM, "") from None


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def _execute(order: Order) -> NoReturn:
    """Try the programs as execvp(3) does: the first error other than "not there" is told."""
    told: OSError | None = None
    last = OSError(errno.ENOENT, "")
    for program in order.programs:
        try:
            os.execve(program, order.argv, order.env)
        except OSError as error:
            last = error
            if told is None and error.errno not in (errno.ENOENT, errno.ENOTDIR):
                told = error
    raise told or last


def clear_signals() -> None:
    """Default dispositions and an empty mask, for this process and what it executes."""
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):  # KILL, STOP, and what libc keeps for itself
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _sibling() -> Callable[[int], int]:
    """A fork whose child is the manager's own."""
    libc = ctypes.PyDLL(None, use_errno=True)
    words = ctypes.c_uint64 * 11

    def fork(cgroup: int) -> int:
        flags = _CLONE_PARENT | (_CLONE_INTO_CGROUP if cgroup >= 0 else 0)
        arguments = words(flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, max(cgroup, 0))
        pid: int = libc.syscall(_CLONE3, ctypes.byref(arguments), ctypes.sizeof(arguments))
        if pid < 0:
            raise OSError(ctypes.get_errno(), "clone3")
        return pid

    return fork


def receive(link: _socket.socket) -> tuple[bytes, list[int]]:
    """One packet and its descriptors (close-on-exec); empty when the other side is gone."""
    space = _socket.CMSG_SPACE(4 * (MOST_DESCRIPTORS + 1))
    try:
        data, extra, _, _ = link.recvmsg(LARGEST + 1000, space, _socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", []
    descriptors: list[int] = []
    for _level, _kind, packed in extra:
        descriptors += memoryview(packed)[: len(packed) // 4 * 4].cast("i").tolist()
    if data == b"M":
        memory = descriptors.pop()
        data = os.pread(memory, os.fstat(memory).st_size, 0)
        os.close(memory)
    return data, descriptors


def serve(link: _socket.socket) -> None:
    """Carry out orders until the socket ends."""
    fork = _sibling()
    while True:
        data, descriptors = receive(link)
        if not data:
            return
        order = Order(*marshal.loads(data))
        try:
            pid, channel = launch(order, descriptors, fork)
        except Refused as refused:
            answer = (order.token, 0, refused.step, refused.number)
        else:
            link.send(marshal.dumps((order.token, pid, None, 0)), _socket.MSG_NOSIGNAL)
            answer = (order.token, pid, *outcome(channel))
        for fd in descriptors:
            os.close(fd)
        link.send(marshal.dumps(answer), _socket.MSG_NOSIGNAL)


def main() -> None:
    """The program."""
    global _clean
    clear_signals()
    _clean = True
    number = int(sys.argv[1])
    os.set_inheritable(number, False)
    try:
        serve(_socket.socket(fileno=number))
    except (BrokenPipeError, ConnectionResetError):  # the manager went away as it was answered
        pass


if __name__ == "__main__":
    main()
