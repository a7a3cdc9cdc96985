"""The keeper: PID 1 or a subreaper; it keeps two programs and what must outlive them.

It decides only whether manager and recorder are started again, and when. It reaps, remembers exits
until they are acknowledged, holds descriptors by name and passes signals on. It knows nothing about
services, parses nothing of theirs, imports nothing of ours, and ends only by STOP or EXEC.

    python -I -S keeper.py --run RUN --socket SOCK --log LOG [--pid1] [--take FD]
                           -- MANAGER ARGV ';' RECORDER ARGV [';' EMERGENCY ARGV]

A program finds its end of the channel (SOCK_SEQPACKET) by STOKER_KEEPER. A packet is
``VERB NUL argument NUL argument …`` in UTF-8 (surrogateescape), with at most 250 descriptors.

    to a program    HELLO version generation last-pid last-status failures flags   first packet
                    TAKEN, as HELLO      a new keeper took over by EXEC: what was asked and not
                                         yet answered is to be asked again
                    ITEM names + fds · END flags · REFUSED verb why
    to the manager  EXIT seq pid start code status cgroup mark (code: si_code) · SIGNAL number count
    from a program  LIST prefix · PUT names + fds · DROP names · WANT prefix · READY
    from the manager  ACK seq · STOP status grace-seconds · EXEC count argv… [prefixes to keep]

Last-status is the exit status, or minus the signal. Flags are ``exits-lost`` and ``state-aside``,
with a comma between. LIST is answered by ITEMs, for the manager by every EXIT not acknowledged too,
and END; an EXIT sent unasked is a hint. SIGNALs wait until a manager is READY; what a dead one has
not read goes to the next. What is refused has had no effect.

Held from the start: ``lock`` (RUN/lock, flocked: the lock of the place; a program that holds it too
keeps the place from others), ``listen/control``, ``link/manager`` and ``link/recorder``.

Handover (EXEC; or a manager that lost its keeper and executes this file in its place): a file,
by --take or STOKER_TAKE, of records, each a 32-bit little-endian length and a packet. The first
and the last must be there; unknown ones are skipped. Descriptors are numbers in this process, open
and inheritable; times are CLOCK_MONOTONIC seconds or empty; near and far are the ends of a channel.

    STOKER-HANDOVER 1
    KEEPER last-seq exits-lost(0/1) ever-ready(0/1) soft-limit-of-descriptors-for-programs
    NAME fd name
    PROGRAM role pid near far generation ready-at failures level restart-at last-pid last-status
            last-exit-told wanted-prefixes…
    NEWS role names…              names it wanted and was not yet sent
    EXIT … · SIGNAL …             as on the channel, oldest first
    END
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

__all__ = ["Keeper", "Program", "main", "pause"]

VERSION = 1
MOST_EXITS = 100_000  # remembered; then the oldest go, and `exits-lost` is said
MOST_FDS, MOST_BYTES = 250, 60_000  # with one packet, in one packet
MOST_REPLIES = 64  # unanswered questions of one program before we stop listening to it
ASIDE, GIVEN_UP = 4, 8  # deaths before READY
HEALTHY = 60.0  # seconds after READY that make good for earlier deaths
TICK, STUCK = 0.05, 10.0  # seconds: between looks while stopping; after KILL until we go on without
WALL = 0x40000000  # __WALL of waitid(2): children with any exit signal
CATCHABLE = sorted(
    int(s)
    for s in signal.valid_signals()
    if s not in (signal.SIGKILL, signal.SIGSTOP)
    # A handler in Python for a fault returns into the fault, for ever; abort(3) ends all the same.
    and s not in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
)


def pause(level: int) -> float:
    """Seconds to wait after the LEVELth death before READY: 0, then 0.1 doubling to 10."""
    return 0.0 if level <= 1 else min(10.0, 0.1 * 2 ** min(level - 2, 20))


def pack(*words: object) -> bytes:
    """A packet of these words."""
    return "\0".join(map(str, words)).encode("utf-8", "surrogateescape")


def batches(names: Iterable[str]) -> Iterator[list[str]]:
    """NAMES in lists that each fit one packet."""
    batch: list[str] = []
    size = 0
    for name in names:
        length = len(name.encode("utf-8", "surrogateescape")) + 1
        if batch and (len(batch) == MOST_FDS or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += length
    if batch:
        yield batch


def stat(pid: int | str) -> tuple[int, int] | None:
    """Parent and start time of a process (proc(5)), None when there is no telling."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[1]), int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def cgroup(pid: int) -> str:
    """The cgroup2 path of a process, also of a zombie; empty when there is none."""
    try:
        with open(f"/proc/{pid}/cgroup", "rb") as file:
            for line in file:
                if line.startswith(b"0::"):
                    return os.fsdecode(line[3:].rstrip(b"\n"))
    except OSError:
        pass  # no /proc, or gone: both are ordinary
    return ""


def mark(pid: int) -> int:
    """What a process, also a zombie, and all that descends from it was marked with by whoever
    started it: its limit on file locks, which no Linux since 2.4 looks at; 0 when there is none.
    """
    try:
        with open(f"/proc/{pid}/limits", "rb") as file:
            word = file.read().partition(b"\nMax file locks")[2].split(None, 1)[0]
        return int(word) if word.isdigit() else 0
    except (OSError, IndexError):
        return 0  # no /proc, or gone: both are ordinary


def own_proc() -> bool:
    """Whether /proc speaks of our own pid namespace; if not, its numbers mean others."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def descendants(known: Iterable[int], spare: int = 0) -> dict[int, int]:
    """All processes below us and their start times; without SPARE and what is below that.

    Without a /proc of ours only the KNOWN children, their start times 0.
    """
    if not own_proc():
        return {pid: 0 for pid in known if pid not in (0, spare)}
    below: dict[int, list[tuple[int, int]]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (found := stat(entry)):
            below.setdefault(found[0], []).append((int(entry), found[1]))
    family: dict[int, int] = {}
    waiting = [os.getpid()]
    while waiting:
        for pid, start in below.get(waiting.pop(), ()):
            if pid != spare and pid not in family:
                family[pid] = start
                waiting.append(pid)
    return family


def hit(pid: int, start: int, *signals: int) -> None:
    """Send signals to exactly this process."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return  # gone meanwhile
    try:
        if not start or ((found := stat(pid)) and found[1] == start):
            for number in signals:
                signal.pidfd_send_signal(fd, number)
    except OSError:
        pass  # gone, or not ours to signal: it is then found again and named as stuck
    finally:
        os.close(fd)


def widen(end: socket.socket, size: int) -> None:
    """Let this much wait in a socket: as root beyond net.core.wmem_max (socket(7))."""
    try:
        end.setsockopt(socket.SOL_SOCKET, 32, size)  # SO_SNDBUFFORCE
    except OSError:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def widest() -> None:
    """Allow ourselves as many descriptors as we may: as root as many as the kernel allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        with open("/proc/sys/fs/nr_open", "rb") as file:
            most = max(int(file.read()), hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):  # no /proc, or not root: what we were given has to do
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def close_strays() -> None:
    """Close what was left open for us by mistake: it would keep somebody's pipe from ending."""
    for entry in os.listdir("/proc/self/fd") if own_proc() else ():
        try:
            if int(entry) > 2 and os.get_inheritable(int(entry)):
                os.close(int(entry))
        except OSError:
            pass  # the descriptor that listed them


class Program:
    """One of the two programs: this life of it, and what is known of those before."""

    def __init__(self, role: str, argv: list[str]) -> None:
        self.role, self.argv = role, argv
        self.generation = self.failures = self.level = self.last_pid = self.last_status = 0
        self.restart_at: float | None = 0.0
        self.bear(0, None, None)

    def bear(self, pid: int, near: socket.socket | None, far: socket.socket | None) -> None:
        """Begin a life: everything that belongs to one life only."""
        self.pid, self.near, self.far = pid, near, far
        self.ready_at: float | None = None
        self.wants: list[str] = []
        self.news: dict[str, None] = {}  # names wanted, to be sent
        self.replies: deque[Iterator[bytes | list[str]]] = deque()
        self.packet: bytes | list[str] | None = None  # next to go; a list of names is an ITEM
        self.told = 0  # last EXIT it was sent
        self.blocked = self.deaf = False
        self.retry_at: float | None = None
        self.mask = self.mistakes = 0


class Stop:
    """An ordered end: who is to go now, until when it is asked, what then."""

    def __init__(self, status: int, grace: float) -> None:
        self.status, self.grace, self.step = status, grace, 0
        self.deadline = time.monotonic() + grace
        self.asked: set[tuple[int, int]] = set()

    def hurry(self, grace: float) -> None:
        """Wait no longer than this from now on."""
        self.deadline = min(self.deadline, time.monotonic() + grace)


class Keeper:
    """All that a keeper knows. `run()` returns the status to exit with."""

    def __init__(
        self, run: str, socket_path: str, log: str, programs: list[list[str]], pid1: bool = False
    ) -> None:
        self.run_directory, self.socket_path, self.log, self.pid1 = run, socket_path, log, pid1
        self.manager = Program("manager", programs[0])
        self.recorder = Program("recorder", programs[1])
        self.programs = (self.manager, self.recorder)
        self.emergency = programs[2] if len(programs) > 2 else None
        self.emergency_pid = 0
        self.held: dict[str, int] = {}
        self.exits: deque[bytes] = deque(maxlen=MOST_EXITS)  # their seqs are consecutive
        self.seq = 0
        self.lost = self.lost_told = self.ever_ready = self.more = False
        self.impatience = 0  # TERM and INT while no manager has ever served
        self.signals: dict[int, int] = {}
        self.stopping: Stop | None = None
        self.successor: tuple[list[str], list[str]] | None = None
        self.log_fd = 2
        self.soft_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # for the programs
        self.taken = False

    # -- beginning ---------------------------------------------------------------------------

    def catch(self) -> None:
        """Take every signal that can be taken; from here on nothing ends us by default."""
        self.wake_fd, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in CATCHABLE:
            quiet = number == signal.SIGPIPE
            signal.signal(number, signal.SIG_IGN if quiet else lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def lock(self) -> None:
        """Take the lock of the place. Raises BlockingIOError when another keeper has it."""
        path = os.path.join(self.run_directory, "lock")
        if "lock" not in self.held:
            self.held["lock"] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        patience = time.monotonic() + (5.0 if self.taken else 0.0)
        while True:  # a keeper that was lost may not have quite ended
            try:
                fcntl.flock(self.held["lock"], fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= patience:
                    raise
                time.sleep(0.01)
        os.ftruncate(self.held["lock"], 0)
        os.pwrite(self.held["lock"], b"%d\n" % os.getpid(), 0)

    def open(self) -> None:
        """Log, descriptors, listener and link: all there before a program asks for them."""
        widest()
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self.log_fd = os.open(self.log, flags, 0o600)
        except OSError as error:
            self.say(f"cannot open the log {self.log}: {error.strerror}")
        if not self.pid1:
            null = os.open(os.devnull, os.O_RDONLY)
            for fd, target in ((null, 0), (self.log_fd, 1), (self.log_fd, 2)):
                if fd != target:
                    os.dup2(fd, target)
            os.close(null)
        if "listen/control" not in self.held:
            self.held["listen/control"] = self.listen()
        if not {"link/manager", "link/recorder"} <= self.held.keys():
            pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for role, end in zip(("manager", "recorder"), pair, strict=True):
                end.setblocking(False)
                widen(end, 4 << 20)
                self.hold(f"link/{role}", end.detach())
        self.epoll = select.epoll()
        self.epoll.register(self.wake_fd, select.EPOLLIN)

    def listen(self) -> int:
        """The control socket. What lies there is stale: we have the lock."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        mask = os.umask(0o177)
        try:
            if os.path.lexists(self.socket_path):
                os.unlink(self.socket_path)
            listener.bind(self.socket_path)
        finally:
            os.umask(mask)
        listener.listen(4096)
        return listener.detach()

    def hold(self, name: str, fd: int) -> None:
        """Keep a descriptor by name, in place of the one that had the name."""
        old, self.held[name] = self.held.get(name), fd
        if old is not None:
            os.close(old)

    # -- saying ------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """One line in the log; as PID 1 on the console too."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = f"{stamp} keeper: {text!r}" if "\n" in text else f"{stamp} keeper: {text}"
        for fd in {self.log_fd, 2} if self.pid1 else {self.log_fd}:
            try:
                os.write(fd, line.encode("utf-8", "backslashreplace") + b"\n")
            except OSError:
                pass  # a full disk or a dead console must not hinder us

    def publish(self) -> None:
        """RUN/keeper: how the programs are, for `status`, `doctor` and people."""
        lines = [f"pid {os.getpid()}"]
        for p in self.programs:
            word = ("ready" if p.ready_at is not None else "starting") if p.pid else "dead"
            lines.append(f"{p.role} {p.pid} {word} generation {p.generation} failures {p.failures}")
            if p.failures >= GIVEN_UP:
                lines.append(f"trouble {p.role} does not get ready; what runs is left running")
        path = os.path.join(self.run_directory, "keeper")
        try:
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
            os.replace(path + ".new", path)
        except OSError:
            pass  # the place may be read-only or full; the log says the same

    # -- the loop ----------------------------------------------------------------------------

    def run(self) -> int:
        """Until STOP. A mistake of ours costs one turn, never the keeper."""
        self.more = True
        while True:
            try:
                self.turn()
                if self.stopping and self.stopping.step >= len(self.STEPS):
                    return self.stopping.status
            except Exception as error:  # we may be PID 1: to end is worse than anything else
                where = error.__traceback__
                while where and where.tb_next:
                    where = where.tb_next
                self.say(f"mistake: {error!r}, line {where.tb_lineno if where else '?'}")
                self.more = True  # whatever was half done: look again
                time.sleep(0.1)

    def turn(self) -> None:
        """Wait for something, then do what it asks for."""
        for fd, _ in self.epoll.poll(self.timeout()):
            if fd == self.wake_fd:
                self.woken()
            for program in self.programs:
                if program.near and program.near.fileno() == fd:
                    self.hear(program, MOST_REPLIES)
        if self.more:
            self.reap()
        if self.stopping:
            self.advance(self.stopping)
        for program in self.programs:
            if program.restart_at is not None and time.monotonic() >= program.restart_at:
                self.start(program)
            self.tell(program)
        if self.successor:
            self.replace(*self.successor)

    def timeout(self) -> float | None:
        """Seconds until something is due; None, which costs nothing, when nothing is."""
        if self.more:
            return 0.0
        times = [t for p in self.programs for t in (p.restart_at, p.retry_at) if t is not None]
        if self.stopping:
            times.append(time.monotonic() + TICK)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def woken(self) -> None:
        """Signals have come: one byte each."""
        try:
            numbers = os.read(self.wake_fd, 65536)
        except BlockingIOError:
            return
        for number in numbers:
            if number == signal.SIGCHLD:
                self.more = True
                continue
            self.signals[number] = self.signals.get(number, 0) + 1
            if number not in (signal.SIGTERM, signal.SIGINT):
                continue
            if self.stopping:
                self.stopping.hurry(0.0)  # asked again: no more grace
            elif not self.ever_ready:
                self.impatience += 1
                if self.impatience == 2:
                    self.say("no manager has ever served, and we are asked twice to end")
                    self.stop(1, 5.0)

    def reap(self) -> None:
        """Collect the dead, a bounded number in one turn."""
        self.more = False
        for _ in range(500):
            try:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT | WALL)
            except ChildProcessError:
                return
            if dead is None:
                return
            pid, code, status = dead.si_pid, dead.si_code, dead.si_status
            ours = next((p for p in self.programs if p.pid == pid), None)
            if ours is None and pid != self.emergency_pid:
                known = own_proc()  # asked before the zombie goes, while its number is its own
                start = (stat(pid) or (0, 0))[1] if known else 0
                group = cgroup(pid) if known else ""
                self.lost = self.lost or len(self.exits) == MOST_EXITS
                self.seq += 1
                told = (self.seq, pid, start, code, status, group, mark(pid) if known else 0)
                self.exits.append(pack("EXIT", *told))
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | WALL)
            if ours:
                self.died(ours, status if code == os.CLD_EXITED else -status)
            elif pid == self.emergency_pid:
                self.emergency_pid = 0
        self.more = True

    # -- programs ----------------------------------------------------------------------------

    def start(self, program: Program) -> None:
        """Begin a life of a program: its own session, its end of a new channel as descriptor 3."""
        program.generation += 1
        program.restart_at = None
        try:
            near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            near.setblocking(False)
            for end in (near, far):
                widen(end, 1 << 20)
            program.bear(0, near, far)
            program.told = self.seq
            hello = self.greeting("HELLO", program)
            program.replies.append(iter((hello,)))
            aside = {"STOKER_STATE": "aside"} if program.failures >= ASIDE else {}
            program.pid = self.spawn(program.argv, {"STOKER_KEEPER": "3", **aside}, far.fileno())
        except OSError as error:
            self.say(f"cannot start {program.role}: {program.argv[0]}: {error.strerror}")
            self.died(program, 127)
            return
        self.publish()

    def spawn(self, argv: list[str], extra: dict[str, str], channel: int = -1) -> int:
        """Start argv with default signals and the limit on descriptors that we were given."""
        base = {k: v for k, v in os.environ.items() if k not in ("STOKER_STATE", "STOKER_KEEPER")}
        actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = []
        if channel >= 0:
            if os.path.exists(os.devnull):
                actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
            for target in (1, 2):
                actions.append((os.POSIX_SPAWN_DUP2, self.log_fd, target))
            actions.append((os.POSIX_SPAWN_DUP2, channel, 3))
        elif self.pid1 and os.path.exists("/dev/console"):
            for target in (0, 1, 2):
                actions.append((os.POSIX_SPAWN_OPEN, target, "/dev/console", os.O_RDWR, 0))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.soft_limit, hard))
        try:
            return os.posix_spawn(
                argv[0],
                argv,
                {**base, **extra},
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=CATCHABLE,
            )
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def died(self, program: Program, status: int) -> None:
        """A life has ended. What it sent still counts; what it did not read goes to the next."""
        pid, program.pid = program.pid, 0
        self.hear(program, 10_000)
        self.retract(program)
        now, served = time.monotonic(), program.ready_at is not None
        program.last_pid, program.last_status = pid, status
        wait = 0.0
        if program.ready_at is None:
            program.failures += 1
            program.level += 1
            wait = pause(program.level)
            if program.failures >= GIVEN_UP:
                wait = 60.0 if self.pid1 else 10.0
        elif now - program.ready_at >= HEALTHY:
            program.level = 0
        for end in (program.near, program.far):
            if end:
                end.close()  # which takes it out of the epoll set too
        program.bear(0, None, None)
        how = f"status {status}" if status >= 0 else f"signal {-status}"
        when = "" if served else f" before it was ready ({program.failures} in a row)"
        self.say(f"{program.role} {pid} ended with {how}{when}")
        if not self.stopping or (program is self.recorder and self.stopping.step < 2):
            program.restart_at = now + wait
            if program is self.manager and program.failures >= GIVEN_UP:
                self.call_for_help(wait)
        self.publish()

    def call_for_help(self, wait: float) -> None:
        """No manager gets ready: keep everything as it is, and let a person in."""
        self.say(f"no manager gets ready; what runs is left running; next try in {wait:.0f} s")
        if self.emergency and not self.emergency_pid:
            try:
                self.emergency_pid = self.spawn(self.emergency, {})
            except OSError as error:
                self.say(f"cannot start {self.emergency[0]}: {error.strerror}")

    def last_resort(self, argv: list[str]) -> None:
        """As PID 1 without a place: to end would be a panic, so a person is let in, for ever."""
        while True:
            try:
                pid = self.spawn(argv, {})
                while os.wait()[0] != pid:
                    pass
            except OSError:
                time.sleep(60.0)

    def retract(self, program: Program) -> None:
        """Signals that a dead program never read are pending again."""
        unread = [program.packet] if isinstance(program.packet, bytes) else []
        try:
            while program.far and len(unread) < 100_000:
                unread.append(program.far.recv(65536, socket.MSG_DONTWAIT))
        except OSError:
            pass  # EAGAIN: that was all
        for packet in unread:
            if packet.startswith(b"SIGNAL\0"):
                number, count = map(int, packet.split(b"\0")[1:])
                self.signals[number] = self.signals.get(number, 0) + count

    # -- packets from programs ---------------------------------------------------------------

    def hear(self, program: Program, most: int) -> None:
        """Take packets. Garbage costs one line in the log."""
        size = socket.CMSG_SPACE(253 * 4)
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        for _ in range(most):
            if not program.near or (program.pid and len(program.replies) >= MOST_REPLIES):
                return
            try:
                data, ancillary, got, _ = program.near.recvmsg(65536, size, flags)
            except OSError:
                return  # EAGAIN: nothing more
            fds = [
                fd
                for level, kind, raw in ancillary
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                for (fd,) in struct.iter_unpack("i", raw[: len(raw) // 4 * 4])
            ]
            verb = ""
            try:
                verb, *args = data.decode("utf-8", "surrogateescape").split("\0")
                if got & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                    raise ValueError("it did not arrive whole")
                if not data and self.shut(program):
                    return
                self.handle(program, verb, args, fds)
            except (ValueError, IndexError) as error:
                program.replies.append(iter((pack("REFUSED", verb[:100], error),)))
                program.mistakes += 1
                if program.mistakes <= 20:
                    more = "; further ones are not shown" if program.mistakes == 20 else ""
                    self.say(f"refused {program.role}'s {verb[:100]!r}: {error}{more}")
            finally:
                for fd in fds:
                    os.close(fd)

    def shut(self, program: Program) -> bool:
        """Whether a program has shut its end down, and would wake us for ever with nothing."""
        poll = select.poll()
        poll.register(program.near or -1, select.POLLRDHUP)
        program.deaf = bool(poll.poll(0))
        return program.deaf

    def handle(self, program: Program, verb: str, args: list[str], fds: list[int]) -> None:
        """Do what a packet says. Raises ValueError, before any effect, when it cannot be."""
        if verb in ("ACK", "STOP", "EXEC") and program is not self.manager:
            raise ValueError("only the manager may")
        method: Callable[[Program, list[str], list[int]], None] | None
        method = getattr(self, "on_" + verb.lower(), None) if verb.isupper() else None
        if method is None:
            raise ValueError("no such verb")
        method(program, args, fds)

    def on_list(self, program: Program, args: list[str], fds: list[int]) -> None:
        (prefix,) = args
        program.replies.append(self.answer(program, prefix))

    def on_put(self, program: Program, args: list[str], fds: list[int]) -> None:
        if len(args) != len(fds) or not args:
            raise ValueError(f"{len(args)} names, {len(fds)} descriptors")
        if any(not 0 < len(name) <= 1000 or name == "lock" for name in args):
            raise ValueError("a name that cannot be put")
        for name, fd in zip(args, list(fds), strict=True):
            self.hold(name, fd)
            fds.remove(fd)
        for other in self.programs:
            if other is not program:
                wanted = (n for n in args if any(n.startswith(p) for p in other.wants))
                other.news.update(dict.fromkeys(wanted))

    def on_drop(self, program: Program, args: list[str], fds: list[int]) -> None:
        for name in args:
            if name in self.held and name != "lock":
                os.close(self.held.pop(name))

    def on_want(self, program: Program, args: list[str], fds: list[int]) -> None:
        (prefix,) = args
        if prefix not in program.wants:
            program.wants = [*program.wants[-63:], prefix]

    def on_ready(self, program: Program, args: list[str], fds: list[int]) -> None:
        if program.ready_at is None:
            program.ready_at = time.monotonic()
            program.failures = 0
            self.ever_ready = self.ever_ready or program is self.manager
            self.publish()

    def on_ack(self, program: Program, args: list[str], fds: list[int]) -> None:
        (text,) = args
        if not 0 <= int(text) <= self.seq:
            raise ValueError("no such exit")
        while self.exits and self.seq - len(self.exits) < int(text):
            self.exits.popleft()
        self.lost, self.lost_told = self.lost and not self.lost_told, False

    def on_stop(self, program: Program, args: list[str], fds: list[int]) -> None:
        status, grace = int(args[0]), float(args[1]) if len(args) == 2 else -1.0
        if not (0 <= status <= 255 and 0.0 <= grace <= 1e6):
            raise ValueError("status or grace out of range")
        self.stop(status, grace)

    def on_exec(self, program: Program, args: list[str], fds: list[int]) -> None:
        count = int(args[0])
        if not 0 < count < len(args):
            raise ValueError("no argv")
        if self.stopping:
            raise ValueError("we are stopping")
        self.successor = args[1 : count + 1], args[count + 1 :]  # at the end of this turn

    # -- packets to programs -----------------------------------------------------------------

    def greeting(self, verb: str, program: Program) -> bytes:
        """HELLO or TAKEN."""
        last = (program.last_pid, program.last_status) if program.last_pid else ("", "")
        flags = self.flags(program)
        return pack(verb, VERSION, program.generation, *last, program.failures, flags)

    def flags(self, program: Program) -> str:
        """What a program must know about its keeper and its state."""
        self.lost_told = self.lost_told or (self.lost and program is self.manager)
        aside = program.failures >= ASIDE
        return ",".join(["exits-lost"] * self.lost + ["state-aside"] * aside)

    def answer(self, program: Program, prefix: str) -> Iterator[bytes | list[str]]:
        """What LIST is answered with, made as it can be sent."""
        yield from batches([name for name in self.held if name.startswith(prefix)])
        seq = 0
        while program is self.manager and (packet := self.exit_after(seq)):
            yield packet
            seq = int(packet.split(b"\0", 2)[1])
            program.told = max(program.told, seq)
        yield pack("END", self.flags(program))

    def exit_after(self, seq: int) -> bytes | None:
        """The first remembered EXIT later than SEQ."""
        index = max(0, seq - (self.seq - len(self.exits)))
        return self.exits[index] if index < len(self.exits) else None

    def next_packet(self, program: Program) -> bytes | list[str] | None:
        """Replies first, then signals, exits, news."""
        while program.replies:
            if (reply := next(program.replies[0], None)) is not None:
                return reply
            program.replies.popleft()
        if program is self.manager:
            if self.signals and program.ready_at is not None:
                return pack("SIGNAL", *self.signals.popitem())
            if packet := self.exit_after(program.told):
                program.told = int(packet.split(b"\0", 2)[1])
                return packet
        batch = next(batches(program.news), None)
        for name in batch or ():
            del program.news[name]
        return batch

    def tell(self, program: Program) -> None:
        """Send what there is to send and what the socket takes."""
        if not program.near:
            return
        program.blocked, program.retry_at = False, None
        while not program.blocked and program.retry_at is None:
            if program.packet is None:
                program.packet = self.next_packet(program)
            if program.packet is None:
                break
            try:
                self.send(program.near, program.packet)
            except BlockingIOError:
                program.blocked = True
                break
            except OSError as error:
                # Too many descriptors on their way (unix(7)) or no memory: both pass.
                if error.errno in (errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM):
                    program.retry_at = time.monotonic() + TICK
                    break
                self.say(f"cannot send to {program.role}: {error.strerror}")
            program.packet = None
        listen = not program.deaf and len(program.replies) < MOST_REPLIES
        mask = select.EPOLLIN * listen | select.EPOLLOUT * program.blocked
        if mask != program.mask:
            if program.mask:
                self.epoll.unregister(program.near)
            if mask:
                self.epoll.register(program.near, mask)
            program.mask = mask

    def send(self, near: socket.socket, packet: bytes | list[str]) -> None:
        """One packet; the names of an ITEM are looked up only now, when it goes."""
        if isinstance(packet, bytes):
            near.send(packet)
        elif names := [name for name in packet if name in self.held]:
            raw = struct.pack(f"{len(names)}i", *(self.held[name] for name in names))
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, raw)
            near.sendmsg([pack("ITEM", *names)], [rights])

    # -- the end -----------------------------------------------------------------------------

    STEPS = ("manager", "all but the recorder", "recorder", "all")

    def stop(self, status: int, grace: float) -> None:
        """Begin the end, or hurry one that has begun."""
        if self.stopping:
            self.stopping.status = status
            self.stopping.hurry(grace)
            return
        self.say(f"stopping with status {status}")
        self.stopping = Stop(status, grace)
        self.manager.restart_at = None

    def advance(self, stop: Stop) -> None:
        """TERM to whoever is to go and has not been asked; KILL after the grace; then the next."""
        while stop.step < len(self.STEPS):
            known = (self.manager.pid, self.recorder.pid, self.emergency_pid)
            family = descendants(known, self.recorder.pid if stop.step == 1 else 0)
            if stop.step in (0, 2):
                pid = (self.manager if stop.step == 0 else self.recorder).pid
                family = {pid: family[pid]} if pid in family else {}
            now = time.monotonic()
            if family and now < stop.deadline + STUCK:
                for pid, start in family.items():
                    if now >= stop.deadline:
                        hit(pid, start, signal.SIGKILL)
                    elif (pid, start) not in stop.asked:
                        hit(pid, start, signal.SIGTERM, signal.SIGCONT)
                stop.asked = set(family.items())
                return
            if family:
                self.say(f"cannot be ended, left behind: {' '.join(map(str, sorted(family)))}")
            stop.step += 1
            if stop.step == 2:  # nothing writes now but us: let the recorder see the ends of it
                self.recorder.restart_at = None
                for name in [n for n in self.held if n != "lock"]:
                    os.close(self.held.pop(name))
                stop.deadline = now + max(stop.grace, 5.0)
        for path in (self.socket_path, os.path.join(self.run_directory, "keeper")):
            try:
                os.unlink(path)
            except OSError:
                pass  # gone already, or a read-only place: nothing depends on it
        self.say("stopped")

    # -- succession --------------------------------------------------------------------------

    def replace(self, argv: list[str], prefixes: list[str]) -> None:
        """Become another program with all that is held. Back here only if that cannot be."""
        self.successor = None
        before = signal.pthread_sigmask(signal.SIG_SETMASK, CATCHABLE)
        self.woken()
        kept = {
            n: fd
            for n, fd in self.held.items()
            if n == "lock" or not prefixes or any(n.startswith(p) for p in prefixes)
        }
        records = [pack("STOKER-HANDOVER", VERSION)]
        state = (self.seq, int(self.lost), int(self.ever_ready), self.soft_limit)
        records.append(pack("KEEPER", *state))
        records += [pack("NAME", fd, name) for name, fd in kept.items()]
        for program in self.programs:
            records += self.testament(program)
        records += self.exits
        records += [pack("SIGNAL", *signals) for signals in self.signals.items()]
        records.append(pack("END"))
        memory = os.memfd_create("handover")
        with open(memory, "wb", closefd=False) as file:
            file.writelines(struct.pack("<I", len(record)) + record for record in records)
        ends = [end.fileno() for p in self.programs for end in (p.near, p.far) if end]
        inherited = [memory, *kept.values(), *ends]
        try:
            for fd in inherited:
                os.set_inheritable(fd, True)
            os.execve(argv[0], argv, {**os.environ, "STOKER_TAKE": str(memory)})
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            self.say(f"cannot become {argv[0]}: {why}")
            self.manager.replies.append(iter((pack("REFUSED", "EXEC", why),)))
            for fd in inherited:
                os.set_inheritable(fd, False)
            os.close(memory)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self.more = True

    def testament(self, program: Program) -> list[bytes]:
        """A program for the handover, and what it was about to be sent."""
        if isinstance(program.packet, list):
            program.news.update(dict.fromkeys(program.packet))
        elif program.packet and program.packet.startswith(b"SIGNAL\0"):
            number, count = map(int, program.packet.split(b"\0")[1:])
            self.signals[number] = self.signals.get(number, 0) + count
        program.packet = None
        ends = [end.fileno() if end else -1 for end in (program.near, program.far)]
        words = (
            *(program.role, program.pid, *ends, program.generation),
            *("" if program.ready_at is None else program.ready_at, program.failures),
            *(program.level, "" if program.restart_at is None else program.restart_at),
            *(program.last_pid, program.last_status, program.told, *program.wants),
        )
        news = [pack("NEWS", program.role, *batch) for batch in batches(program.news)]
        return [pack("PROGRAM", *words), *news]

    def take(self, memory: int) -> None:
        """Go on from a handover. Raises ValueError when it is not one, or not a whole one."""
        with open(memory, "rb") as file:
            file.seek(0)
            data = file.read()
        records: list[bytes] = []
        at = 0
        while at + 4 <= len(data):
            (length,) = struct.unpack_from("<I", data, at)
            records.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        if not records or not records[0].startswith(b"STOKER-HANDOVER\0") or records[-1] != b"END":
            raise ValueError("not a whole handover")
        self.taken = True
        roles = {program.role: program for program in self.programs}
        for record in records[1:-1]:
            kind, *args = record.decode("utf-8", "surrogateescape").split("\0")
            if kind == "KEEPER":
                self.seq, self.lost, self.ever_ready = int(args[0]), args[1] == "1", args[2] == "1"
                self.soft_limit = int(args[3]) if len(args) > 3 else self.soft_limit
            elif kind == "NAME":
                os.set_inheritable(int(args[0]), False)
                self.hold(args[1], int(args[0]))
            elif kind == "PROGRAM" and args[0] in roles:
                self.inherit(roles[args[0]], args[1:])
            elif kind == "NEWS" and args[0] in roles:
                roles[args[0]].news.update(dict.fromkeys(args[1:]))
            elif kind == "EXIT":
                self.exits.append(record)
            elif kind == "SIGNAL":
                self.signals[int(args[0])] = self.signals.get(int(args[0]), 0) + int(args[1])

    def inherit(self, program: Program, words: list[str]) -> None:
        """A program out of a handover: one that lives on, or is to be started."""
        pid, near, far, program.generation = map(int, words[:4])
        program.failures, program.level = int(words[5]), int(words[6])
        program.last_pid, program.last_status = int(words[8]), int(words[9])
        if pid and near >= 0 and far >= 0:
            program.bear(pid, socket.socket(fileno=near), socket.socket(fileno=far))
            os.set_inheritable(near, False)
            os.set_inheritable(far, False)
            program.ready_at = float(words[4]) if words[4] else None
            program.told, program.wants, program.restart_at = int(words[10]), words[11:], None
            program.replies.append(iter((self.greeting("TAKEN", program),)))
        else:
            program.restart_at = float(words[7] or 0)


def subreaper() -> None:
    """Let orphans below us become our children (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def parse(argv: list[str]) -> tuple[dict[str, str], list[list[str]]]:
    """Options, and the programs' argv. Raises ValueError."""
    options: dict[str, str] = {}
    words = iter(argv)
    for word in words:
        if word == "--":
            break
        if word == "--pid1":
            options[word] = "yes"
        elif word in ("--run", "--socket", "--log", "--take"):
            options[word] = next(words, "")
        else:
            raise ValueError(f"unknown option {word}")
    programs: list[list[str]] = [[]]
    for word in words:
        if word == ";":
            programs.append([])
        else:
            programs[-1].append(word)
    if not 2 <= len(programs) <= 3 or not all(programs):
        raise ValueError("two or three programs are needed")
    for name in ("--run", "--socket", "--log"):
        if not options.get(name):
            raise ValueError(f"{name} is needed")
        options[name] = os.path.abspath(options[name])
    return options, programs


def main(argv: list[str]) -> int:
    """Be a keeper. Returns STOP's status; 75 when the place has another; 1 or 2 for a mistake."""
    memory = os.environ.pop("STOKER_TAKE", "")
    try:
        while (fd := os.open(os.devnull, os.O_RDWR)) < 3:
            os.set_inheritable(fd, True)  # we were started without: nothing else may get these
        os.close(fd)
    except OSError:
        pass  # no /dev yet, as the kernel's first process: it gives us all three
    try:
        options, programs = parse(argv)
        memory = options.get("--take", memory)
        places = (options["--run"], options["--socket"], options["--log"])
        keeper = Keeper(*places, programs, "--pid1" in options)
    except ValueError as error:
        print(f"stoker: keeper: {error}", file=sys.stderr)
        return 2
    try:
        keeper.catch()
        if memory:
            keeper.take(int(memory))
        close_strays()
        os.makedirs(keeper.run_directory, 0o700, exist_ok=True)
        keeper.lock()
        if os.getpid() != 1:
            subreaper()
        os.chdir("/")
        keeper.open()
    except BlockingIOError:
        with open(os.path.join(keeper.run_directory, "lock"), encoding="ascii") as file:
            who = file.readline().strip() or "another"
        print(f"stoker: keeper {who} has {keeper.run_directory}", file=sys.stderr)
        return 75
    except (OSError, ValueError) as error:
        print(f"stoker: keeper: {error}", file=sys.stderr)
        if os.getpid() == 1 and keeper.emergency:
            keeper.last_resort(keeper.emergency)
        return 1
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
