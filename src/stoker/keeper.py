"""The keeper: PID 1 or a subreaper; it keeps two programs and what must outlive them.

It decides only whether manager and recorder are started again, and when. It reaps, remembers exits
until they are acknowledged, holds descriptors by name and passes signals on. It knows nothing about
services, parses nothing of theirs, imports nothing of ours, and ends only by STOP or EXEC.

    python -I -S keeper.py --run RUN --socket SOCK --log LOG [--pid1] [--take FD]
                           -- MANAGER ARGV ';' RECORDER ARGV [';' EMERGENCY ARGV
                              [';' DIRECTOR ARGV ';' FINISH ARGV]]

A machine has a director: a third program, which gets the signals in the manager's stead and is told
what the manager wants of the keeper (WANTED); it alone may STOP. After that a machine's keeper does
not end: it executes FINISH, with the words that STOP had after the grace.

A program finds its end of the channel (SOCK_SEQPACKET) by STOKER_KEEPER. A packet is
``VERB NUL argument NUL argument …`` in UTF-8 (surrogateescape), with at most 250 descriptors.

    to a program    HELLO version generation last-pid last-status failures flags pid argv…
                                         first packet; the last two are the keeper's own.
                                         To the manager ITEMs of what it needs to become the
                                         keeper follow, and END with these prefixes
                    TAKEN, as HELLO      a new keeper took over by EXEC: what was asked and not
                                         yet answered is to be asked again
                    ITEM names + fds · END flags prefix · REFUSED verb why
    to the manager  EXIT seq pid start code status cgroup mark (code: si_code) · SIGNAL number count
    to a director   SIGNAL number count · WANTED STOP status grace-seconds
    from a program  LIST prefix · PUT names + fds · DROP names · WANT prefix · READY
    from the manager  ACK seq · STOP status grace-seconds · EXEC count argv… [prefixes to keep]
    from a director   STOP status grace-seconds words…

Last-status is the exit status, or minus the signal. Flags are ``exits-lost`` and ``state-aside``,
with a comma between. LIST is answered by ITEMs, for the manager by every EXIT not acknowledged too,
and END; an EXIT sent unasked is a hint. SIGNALs wait until whoever gets them is READY; what a dead
one has not read goes to the next. What is refused has had no effect. Who shuts its end is not heard
or told anything until it is replaced.

Held from the start: ``lock`` (RUN/lock, flocked: the lock of the place; a program that holds it too
keeps the place from others; who shares it for a moment only looks whether anybody has it),
``listen/control``, ``link/manager`` and ``link/recorder``.

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
    WANTED STOP status …          what a director has been told of, or will be
    EMERGENCY pid                 of what lets a person in
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
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

__all__ = ["Keeper", "Program", "main", "pause"]

VERSION = 1
MOST_EXITS = 100_000  # remembered; then the oldest go, and `exits-lost` is said
MOST_NAMES, LONGEST = 50, 1000  # names in an ITEM, bytes of a name: what fits one packet
MOST_WAITING = 64  # packets that a program does not read, before we stop listening to it
ASIDE, GIVEN_UP = 4, 8  # deaths before READY
LOOKS = 1000  # milliseconds that somebody may look at the lock, until he is taken for a keeper
MOST_DRAINS = 3  # recorders that do not get ready at the end, until we go on without
# What a recorder needs to the end, and a manager to become the keeper.
RECORDERS = ("lock", "log/", "rec/", "stdio/", "file/", "link/recorder")
NEEDED = ("state", "lock", "link/manager", "listen/control", "backlog", "file/")
HEALTHY = 60.0  # seconds after READY that make good for earlier deaths
MANAGER, OTHERS, RECORDER, ALL, OVER = range(5)  # the steps of the end: who goes
TICK, STUCK = 0.05, 10.0  # seconds: between looks while stopping; after KILL until we go on without
WALL = 0x40000000  # __WALL of waitid(2): children with any exit signal
PASSING = (errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM)  # of sending: unix(7)
CATCHABLE = sorted(
    int(s)
    for s in signal.valid_signals()
    if s not in (signal.SIGKILL, signal.SIGSTOP)
    # A handler in Python for a fault returns into the fault, for ever; abort(3) ends all the same.
    and s not in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
)

VERBS = {  # that are heard, from whom; each has its method on_…
    **dict.fromkeys(("LIST", "PUT", "DROP", "WANT", "READY"), "any"),
    **dict.fromkeys(("ACK", "EXEC"), "manager"),
    "STOP": "manager or director",
}
Next = tuple[bytes | list[str], Callable[[], object]]  # a packet (a list of names is an ITEM)

now = time.monotonic


def pause(level: int) -> float:
    """Seconds to wait after the LEVELth death before READY: 0, then 0.1 doubling to 10."""
    return 0.0 if level <= 1 else min(10.0, 0.1 * 2 ** min(level - 2, 20))


def pack(*words: object) -> bytes:
    """A packet of these words."""
    return "\0".join(map(str, words)).encode("utf-8", "surrogateescape")


def batches(names: Iterable[str]) -> Iterator[list[str]]:
    """NAMES in lists that each fit one packet."""
    rest = list(names)
    for at in range(0, len(rest), MOST_NAMES):
        yield rest[at : at + MOST_NAMES]


# -- processes (proc(5)) -------------------------------------------------------------------------


def own_proc() -> bool:
    """Whether /proc speaks of our own pid namespace; if not, its numbers mean others."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def proc(pid: int, name: str) -> bytes:
    """What /proc/PID/NAME says, also of a zombie; nothing when it is gone."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def stat(pid: int) -> tuple[int, int] | None:
    """Parent and start time of a process, None when there is no telling."""
    fields = proc(pid, "stat").rpartition(b")")[2].split()
    return (int(fields[1]), int(fields[19])) if len(fields) > 19 else None


def cgroup(pid: int) -> str:
    """The cgroup2 path of a process; empty when there is none."""
    lines = proc(pid, "cgroup").split(b"\n")
    return next((os.fsdecode(line[3:]) for line in lines if line.startswith(b"0::")), "")


def mark(pid: int) -> int:
    """What a process and all that descends from it was marked with by whoever started it: its limit
    on file locks, which no Linux since 2.4 looks at; 0 when there is none.
    """
    words = proc(pid, "limits").partition(b"\nMax file locks")[2].split(None, 1)
    return int(words[0]) if words and words[0].isdigit() else 0


def exit_packet(seq: int, pid: int, code: int, status: int) -> bytes:
    """The EXIT of a zombie: to be asked before it goes, while its number is its own."""
    if not own_proc():
        return pack("EXIT", seq, pid, 0, code, status, "", 0)
    start = (stat(pid) or (0, 0))[1]
    return pack("EXIT", seq, pid, start, code, status, cgroup(pid), mark(pid))


def descendants(known: Iterable[int], spare: int = 0) -> dict[int, int]:
    """All processes below us and their start times; without SPARE and what is below that.

    Without a /proc of ours only the KNOWN children, their start times 0.
    """
    if not own_proc():
        return {pid: 0 for pid in known if pid not in (0, spare)}
    below: dict[int, list[tuple[int, int]]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (found := stat(int(entry))):
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
        try:
            if not start or (stat(pid) or (0, 0))[1] == start:
                for number in signals:
                    signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)
    except OSError:
        pass  # gone, or not ours to signal: it is then found again and named as stuck


# -- descriptors ---------------------------------------------------------------------------------


def pair(size: int) -> tuple[socket.socket, socket.socket]:
    """Two ends in which SIZE bytes may wait: as root beyond net.core.wmem_max (socket(7))."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        try:
            end.setsockopt(socket.SOL_SOCKET, 32, size)  # SO_SNDBUFFORCE
        except OSError:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    return ends


def receive(near: socket.socket) -> tuple[bytes, list[int], int]:
    """A packet, its descriptors, flags. Not by recv_fds of `socket`, which passes no flags on
    (Python 3.11): what it receives would be inherited by all that is started.
    """
    flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    data, ancillary, got, _ = near.recvmsg(65536, socket.CMSG_SPACE(253 * 4), flags)
    fds: list[int] = []
    for _level, _kind, packed in ancillary:
        fds += memoryview(packed)[: len(packed) // 4 * 4].cast("i").tolist()
    return data, fds, got


def raise_limit() -> None:
    """Allow ourselves as many descriptors as we may: as root as many as the kernel allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        with open("/proc/sys/fs/nr_open", "rb") as file:
            most = max(int(file.read()), hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):  # no /proc, or not root: what we were given has to do
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def fill_standard() -> None:
    """If we were started without some of the first three, nothing else may get their numbers."""
    try:
        while (fd := os.open(os.devnull, os.O_RDWR)) < 3:
            os.set_inheritable(fd, True)
        os.close(fd)
    except OSError:
        pass  # no /dev yet, as the kernel's first process: it gives us all three


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
        self.generation = self.last_pid = self.last_status = 0
        self.failures = 0  # deaths in a row before READY
        self.level = 0  # the same, and READY alone does not make good for them: HEALTHY does
        self.restart_at: float | None = 0.0
        self.bear(None, None)

    def bear(self, near: socket.socket | None, far: socket.socket | None) -> None:
        """Begin a life: everything that belongs to one life only. `far` is the program's end."""
        self.pid, self.near, self.far = 0, near, far
        self.ready_at: float | None = None
        self.wants: list[str] = []  # prefixes
        self.news: dict[str, None] = {}  # names wanted, to be sent
        self.queue: deque[bytes | list[str]] = deque()  # replies; a list of names is an ITEM
        self.told = 0  # last EXIT it was sent
        self.deaf = False  # it shut its end
        self.mask = 0  # what we wait for on `near`
        self.mistakes = 0


class Keeper:
    """All that a keeper knows. `run()` returns the status to exit with."""

    def __init__(
        self, run: str, socket_path: str, log: str, programs: list[list[str]], pid1: bool = False
    ) -> None:
        self.run_directory, self.socket_path, self.log, self.pid1 = run, socket_path, log, pid1
        self.manager, self.recorder = (
            Program("manager", programs[0]),
            Program("recorder", programs[1]),
        )
        self.director = Program("director", programs[3]) if len(programs) > 3 else None
        self.programs = (self.manager, self.recorder) + ((self.director,) if self.director else ())
        self.emergency = programs[2] if len(programs) > 2 else []
        self.finish = programs[4] if len(programs) > 4 else []
        self.wanted: list[str] = []  # the manager's STOP, where there is a director
        self.emergency_pid = 0
        self.held: dict[str, int] = {}
        self.exits: deque[bytes] = deque(maxlen=MOST_EXITS)  # their seqs are consecutive
        self.seq = 0  # of the last one
        self.lost = self.lost_told = False  # exits; and the manager knows
        self.signals: dict[int, int] = {}  # number to count, not yet sent
        self.ever_ready = False
        self.impatience = 0  # how often we had TERM and INT
        self.step: int | None = None  # of the end; None: nobody has said STOP
        self.status, self.deadline, self.grace = 0, 0.0, 0.0  # of that
        self.asked: set[tuple[int, int]] = set()  # who had its TERM: pid and start time
        self.successor: tuple[list[str], list[str]] | None = None  # what EXEC said
        self.more = False  # the next turn is to come at once
        self.soon = False  # the next turn is to come after a TICK
        self.log_fd = 2
        self.soft_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # for the programs

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
        if "lock" not in self.held:
            path = os.path.join(self.run_directory, "lock")
            self.held["lock"] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(LOOKS):
            try:
                fcntl.flock(self.held["lock"], fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # a keeper has it; or somebody only looks, and shares it
                fcntl.flock(self.held["lock"], fcntl.LOCK_SH | fcntl.LOCK_NB)
                fcntl.flock(self.held["lock"], fcntl.LOCK_UN)
                time.sleep(0.001)
        else:
            raise BlockingIOError
        os.ftruncate(self.held["lock"], 0)
        os.pwrite(self.held["lock"], b"%d\n" % os.getpid(), 0)

    def other(self) -> str:
        """The pid of the keeper that has the place, for people."""
        try:
            with open(os.path.join(self.run_directory, "lock"), encoding="ascii") as file:
                return file.readline().strip() or "another"
        except (OSError, ValueError):
            return "another"

    def open(self) -> None:
        """Log, descriptors, listener and link: all there before a program asks for them."""
        raise_limit()
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self.log_fd = os.open(self.log, flags, 0o600)
        except OSError as error:
            self.say(f"cannot open the log {self.log}: {error.strerror}")
        if not self.pid1:  # whose first three are the console
            null = os.open(os.devnull, os.O_RDONLY)
            for fd, target in ((null, 0), (self.log_fd, 1), (self.log_fd, 2)):
                if fd != target:
                    os.dup2(fd, target)
            os.close(null)
        if "listen/control" not in self.held:
            self.held["listen/control"] = self.listen()
        if not {"link/manager", "link/recorder"} <= self.held.keys():
            for name, end in zip(("link/manager", "link/recorder"), pair(4 << 20), strict=True):
                end.setblocking(False)
                self.hold(name, end.detach())
        self.epoll = select.epoll()
        self.epoll.register(self.wake_fd, select.EPOLLIN)

    def listen(self) -> int:
        """The control socket. What lies there is stale: we have the lock."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        if os.path.lexists(self.socket_path):
            os.unlink(self.socket_path)
        mask = os.umask(0o177)
        listener.bind(self.socket_path)
        os.umask(mask)
        listener.listen(4096)
        return listener.detach()

    def hold(self, name: str, fd: int) -> None:
        """Keep a descriptor by name, in place of the one that had the name."""
        old, self.held[name] = self.held.get(name), fd
        if old is not None:
            os.close(old)

    # -- for people --------------------------------------------------------------------------

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
                if self.step == OVER:
                    if self.finish:
                        self.execute_finish()
                    return self.status
            except Exception as error:  # we may be PID 1: to end is worse than anything else
                where = error.__traceback__
                while where and where.tb_next:
                    where = where.tb_next
                self.say(f"mistake: {error!r}, line {where.tb_lineno if where else '?'}")
                self.more = True  # whatever was half done: look again
                time.sleep(0.1)

    def turn(self) -> None:
        """Wait for something, then do what it asks for."""
        happened = self.epoll.poll(self.timeout())
        self.soon = False
        for fd, events in happened:
            if fd == self.wake_fd:
                self.woken()
            for program in self.programs:
                if program.near and program.near.fileno() == fd:
                    self.hear(program, MOST_WAITING)
                    program.deaf = bool(events & (select.EPOLLRDHUP | select.EPOLLHUP))
        if self.more:
            self.reap()
        if self.step is not None:
            self.advance(self.step)
        for program in self.programs:
            if program.restart_at is not None and now() >= program.restart_at:
                self.start(program)
            self.tell(program)
        if self.successor:
            self.replace(*self.successor)

    def timeout(self) -> float | None:
        """Seconds until something is due; None, which costs nothing, when nothing is."""
        if self.more:
            return 0.0
        times = [p.restart_at for p in self.programs if p.restart_at is not None]
        if self.step is not None or self.soon:
            times.append(now() + TICK)
        return max(0.0, min(times) - now()) if times else None

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
            if number in (signal.SIGTERM, signal.SIGINT):
                self.impatience += 1
                if self.step is not None:
                    self.deadline = min(self.deadline, now())  # asked again: no more grace
                elif self.impatience == 2 and not self.ever_ready and not self.director:
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
                self.lost = self.lost or len(self.exits) == MOST_EXITS
                self.seq += 1
                self.exits.append(exit_packet(self.seq, pid, code, status))
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | WALL)
            if ours:
                self.died(ours, status if code == os.CLD_EXITED else -status)
            elif pid == self.emergency_pid:
                self.emergency_pid = 0
        self.more = True

    # -- starting programs, and starting them again ------------------------------------------

    def start(self, program: Program) -> None:
        """Begin a life of a program: its own session, its end of a new channel as descriptor 3."""
        program.generation += 1
        program.restart_at = None
        try:
            near, far = pair(1 << 20)
            near.setblocking(False)
            program.bear(near, far)
            program.told = self.seq
            near.send(self.greeting("HELLO", program))
            if program is self.manager:
                self.endow(near)
            if program is self.director and self.wanted:
                program.queue.append(pack("WANTED", *self.wanted))
            aside = {"STOKER_STATE": "aside"} if program.failures >= ASIDE else {}
            program.pid = self.spawn(program.argv, {"STOKER_KEEPER": "3", **aside}, far.fileno())
        except OSError as error:
            self.say(f"cannot start {program.role}: {program.argv[0]}: {error.strerror}")
            self.died(program, 127)
            return
        self.publish()

    def endow(self, near: socket.socket) -> None:
        """Give a manager that is not even started what it needs to become the keeper: if we are
        killed while it begins, it has that.
        """
        names = [name for name in self.held if name.startswith(NEEDED)]
        try:
            for batch in batches(names):
                self.send(near, batch)
            near.send(pack("END", "", *NEEDED))
        except OSError:
            pass  # too many descriptors are under way: it asks for them

    def spawn(self, argv: list[str], extra: dict[str, str], channel: int = -1) -> int:
        """Start argv with default signals and the limit on descriptors that we were given.

        Without a channel it is for a person: as PID 1, on the console.
        """
        base = {k: v for k, v in os.environ.items() if k not in ("STOKER_STATE", "STOKER_KEEPER")}
        actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = []
        if channel >= 0:
            if os.path.exists(os.devnull):
                actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
            actions += [(os.POSIX_SPAWN_DUP2, self.log_fd, target) for target in (1, 2)]
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
        served, wait = program.ready_at, 0.0
        if served is None:
            program.failures += 1
            program.level += 1
            wait = pause(program.level)
            if program.failures >= GIVEN_UP:
                wait = 60.0 if self.pid1 else 10.0
        elif now() - served >= HEALTHY:
            program.level = 0
        program.last_pid, program.last_status = pid, status
        for end in (program.near, program.far):
            if end:
                end.close()  # which takes it out of the epoll set too
        program.bear(None, None)
        how = f"status {status}" if status >= 0 else f"signal {-status}"
        when = "" if served is not None else f" before it was ready ({program.failures} in a row)"
        self.say(f"{program.role} {pid} ended with {how}{when}")
        if self.step is None or (program is self.recorder and self.drains(status)):
            program.restart_at = now() + wait
            if program is not self.recorder and program.failures >= GIVEN_UP:
                self.call_for_help(program, wait)
        self.publish()

    def retract(self, program: Program) -> None:
        """Signals that a dead program never read are pending again."""
        try:
            while program.far:
                packet = program.far.recv(65536, socket.MSG_DONTWAIT)
                if packet.startswith(b"SIGNAL\0"):
                    number, count = map(int, packet.split(b"\0")[1:])
                    self.signals[number] = self.signals.get(number, 0) + count
                elif not packet:
                    return  # it had shut its end
        except OSError:
            pass  # EAGAIN: that was all

    def call_for_help(self, program: Program, wait: float) -> None:
        """No manager gets ready: keep everything as it is, and let a person in."""
        left = "what runs is left running; next try"
        self.say(f"no {program.role} gets ready; {left} in {wait:.0f} s")
        if self.emergency and not self.emergency_pid:
            try:
                self.emergency_pid = self.spawn(self.emergency, {})
            except OSError as error:
                self.say(f"cannot start {self.emergency[0]}: {error.strerror}")

    def last_resort(self) -> None:
        """As PID 1 without a place: to end would be a panic, so a person is let in, for ever."""
        while True:
            try:
                pid = self.spawn(self.emergency, {})
                while os.wait()[0] != pid:
                    pass
                time.sleep(1.0)  # it may have ended at once, for want of a console
            except OSError:
                time.sleep(60.0)

    # -- packets from programs ---------------------------------------------------------------

    def hear(self, program: Program, most: int) -> None:
        """Take packets. Garbage costs one line in the log."""
        for _ in range(most):
            if not program.near or (program.pid and len(program.queue) >= MOST_WAITING):
                return
            try:
                data, fds, got = receive(program.near)
            except OSError:
                return  # EAGAIN: nothing more
            verb = ""
            try:
                verb, *args = data.decode("utf-8", "surrogateescape").split("\0")
                if got & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                    raise ValueError("it did not arrive whole")
                if verb not in VERBS:
                    raise ValueError("no such verb")
                if program.role not in VERBS[verb] and VERBS[verb] != "any":
                    raise ValueError(f"only the {VERBS[verb]} may")
                getattr(self, "on_" + verb.lower())(program, args, fds)
            except (ValueError, IndexError) as error:
                self.refuse(program, verb[:100], error)
            finally:
                for fd in fds:
                    os.close(fd)
            if not data:
                return  # empty, or its end is shut, which reads as empty for ever

    def refuse(self, program: Program, verb: str, error: Exception) -> None:
        """Say so to the program, and to people, but not for ever."""
        program.queue.append(pack("REFUSED", verb, error))
        program.mistakes += 1
        if program.mistakes <= 20:
            more = "; further ones are not shown" if program.mistakes == 20 else ""
            self.say(f"refused {program.role}'s {verb!r}: {error}{more}")

    # Each of these raises ValueError or IndexError before it has any effect. Descriptors that it
    # leaves in `fds` are closed.

    def on_list(self, program: Program, args: list[str], fds: list[int]) -> None:
        (prefix,) = args
        if not program.pid:
            return  # it did not live to hear the answer
        program.queue.extend(batches([name for name in self.held if name.startswith(prefix)]))
        if program is self.manager:
            program.queue.extend(self.exits)
            program.told = self.seq
        program.queue.append(pack("END", self.flags(program), prefix))

    def on_put(self, program: Program, args: list[str], fds: list[int]) -> None:
        if len(args) != len(fds) or not args:
            raise ValueError(f"{len(args)} names, {len(fds)} descriptors")
        if any(not 0 < len(pack(n)) <= LONGEST or n == "lock" for n in args):
            raise ValueError("a name that cannot be put")
        for name in args:
            self.hold(name, fds.pop(0))
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
        program.wants = [*(p for p in program.wants[-63:] if p != prefix), prefix]

    def on_ready(self, program: Program, args: list[str], fds: list[int]) -> None:
        if program.ready_at is None:
            program.ready_at = now()
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
        words = args[2:] if program is self.director else []
        status, grace = int(args[0]), float(args[1]) if len(args) == 2 + len(words) else -1.0
        if not (0 <= status <= 255 and 0.0 <= grace <= 1e6):
            raise ValueError("status or grace out of range")
        if self.director and program is self.manager and self.step is None:
            self.wanted = ["STOP", *args]
            self.director.queue.append(pack("WANTED", *self.wanted))
            return
        if self.step is None:
            self.finish = [*self.finish, *words] if self.finish else []
        self.stop(status, grace)

    def on_exec(self, program: Program, args: list[str], fds: list[int]) -> None:
        count = int(args[0])
        if not 0 < count < len(args):
            raise ValueError("no argv")
        if self.step is not None:
            raise ValueError("we are stopping")
        self.successor = args[1 : count + 1], args[count + 1 :]  # at the end of this turn

    # -- packets to programs -----------------------------------------------------------------

    def greeting(self, verb: str, program: Program) -> bytes:
        """HELLO or TAKEN."""
        last = (program.last_pid, program.last_status) if program.last_pid else ("", "")
        past = (*last, program.failures, self.flags(program))
        return pack(verb, VERSION, program.generation, *past, os.getpid(), *own_command())

    def flags(self, program: Program) -> str:
        """What a program must know about its keeper and its state."""
        self.lost_told = self.lost_told or (self.lost and program is self.manager)
        aside = program.failures >= ASIDE
        return ",".join(["exits-lost"] * self.lost + ["state-aside"] * aside)

    def next_packet(self, program: Program) -> Next | None:
        """What to send next, and what to do once it is sent: replies, then signals, exits, news."""
        if program.queue:
            return program.queue[0], program.queue.popleft
        if (
            program is (self.director or self.manager)
            and self.signals
            and program.ready_at is not None
        ):
            number, count = next(iter(self.signals.items()))
            return pack("SIGNAL", number, count), lambda: self.signals.pop(number)
        if program is self.manager:
            oldest = self.seq - len(self.exits) + 1
            seq = max(program.told + 1, oldest)
            if seq <= self.seq:
                return self.exits[seq - oldest], lambda: setattr(program, "told", seq)
        batch = next(batches(program.news), [])
        return (batch, lambda: [program.news.pop(name) for name in batch]) if batch else None

    def tell(self, program: Program) -> None:
        """Send what there is to send and what the socket takes; then wait for what is due."""
        blocked = False
        while program.near and not program.deaf and (found := self.next_packet(program)):
            packet, sent = found
            try:
                self.send(program.near, packet)
            except OSError as error:
                blocked = isinstance(error, BlockingIOError)
                self.soon = self.soon or error.errno in PASSING
                if blocked or error.errno in PASSING:
                    break
                self.say(f"cannot send to {program.role}: {error.strerror}")
            sent()
        mask = select.EPOLLOUT * blocked
        if len(program.queue) < MOST_WAITING:
            mask |= select.EPOLLIN | select.EPOLLRDHUP
        mask *= program.near is not None and not program.deaf
        if mask != program.mask and program.near:
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
            socket.send_fds(near, [pack("ITEM", *names)], [self.held[name] for name in names])

    # -- the end -----------------------------------------------------------------------------

    def stop(self, status: int, grace: float) -> None:
        """Begin the end, or hurry one that has begun."""
        self.status = status
        if self.step is not None:
            self.deadline = min(self.deadline, now() + grace)
            return
        self.say(f"stopping with status {status}")
        self.successor = None  # which would not know of it
        self.step, self.grace, self.deadline = MANAGER, grace, now() + grace
        for program in self.programs:
            if program is not self.recorder:
                program.restart_at = None

    def advance(self, step: int) -> None:
        """TERM to whoever is to go and has not been asked; KILL after the grace; then the next."""
        family, late = self.family(step), now() - self.deadline
        if late < 0 and step == RECORDER and self.begins(self.recorder):
            return  # one that has read nothing yet is not asked
        if family and late < STUCK:
            for pid, start in family.items():
                if late >= 0:
                    hit(pid, start, signal.SIGKILL)
                elif (pid, start) not in self.asked:
                    hit(pid, start, signal.SIGTERM, signal.SIGCONT)
            self.asked = set(family.items())
            return
        if family:
            self.say(f"cannot be ended, left behind: {' '.join(map(str, sorted(family)))}")
        self.step, self.more = step + 1, True
        if self.step == RECORDER:  # nothing writes now but us: let the recorder see the ends of it
            for name in [n for n in self.held if not n.startswith(RECORDERS)]:
                os.close(self.held.pop(name))
            self.deadline = now() + max(self.grace, 5.0)
        elif self.step == ALL:
            self.recorder.restart_at = None
        elif self.step == OVER:
            for path in (self.socket_path, os.path.join(self.run_directory, "keeper")):
                try:
                    os.unlink(path)
                except OSError:
                    pass  # gone already, or a read-only place: nothing depends on it
            self.say("stopped")

    def begins(self, program: Program) -> bool:
        """Is it to be started, or not READY yet?"""
        return program.restart_at is not None or (program.pid > 0 and program.ready_at is None)

    def drains(self, status: int) -> bool:
        """Is a successor of this recorder, while all stops, to read what it left unread?"""
        assert self.step is not None
        if self.step == RECORDER:
            ended = status in (0, -signal.SIGTERM)
            return not ended and now() < self.deadline and self.recorder.failures < MOST_DRAINS
        return self.step < RECORDER

    def family(self, step: int) -> dict[int, int]:
        """Who is to go in this step: pid and start time."""
        known = (*(program.pid for program in self.programs), self.emergency_pid)
        below = descendants(known, self.recorder.pid if step == OTHERS else 0)
        if step in (MANAGER, RECORDER):
            pid = (self.manager if step == MANAGER else self.recorder).pid
            return {pid: below[pid]} if pid in below else {}
        return below

    def execute_finish(self) -> None:
        """Become what ends the machine. Back here only when that cannot be."""
        signal.pthread_sigmask(signal.SIG_SETMASK, CATCHABLE)
        try:
            os.execv(self.finish[0], self.finish)
        except (OSError, ValueError) as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            self.say(f"cannot become {self.finish[0]}: {error}")
            if self.pid1:
                self.last_resort()

    # -- succession --------------------------------------------------------------------------

    def replace(self, argv: list[str], prefixes: list[str]) -> None:
        """Become another program with all that is held. Back here only if that cannot be."""
        self.successor = None
        before = signal.pthread_sigmask(signal.SIG_SETMASK, CATCHABLE)
        self.woken()  # what has come until now is told in the handover; the rest stays blocked
        kept = {
            n: fd
            for n, fd in self.held.items()
            if n == "lock" or not prefixes or any(n.startswith(p) for p in prefixes)
        }
        ends = [end.fileno() for p in self.programs for end in (p.near, p.far) if end]
        inherited, memory = [*kept.values(), *ends], -1
        try:
            memory = os.memfd_create("handover")
            with open(memory, "wb", closefd=False) as file:
                file.writelines(len(r).to_bytes(4, "little") + r for r in self.handover(kept))
            for fd in (memory, *inherited):
                os.set_inheritable(fd, True)
            os.execve(argv[0], argv, {**os.environ, "STOKER_TAKE": str(memory)})
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            self.say(f"cannot become {argv[0]}: {why}")
            self.manager.queue.append(pack("REFUSED", "EXEC", why))
            for fd in inherited:
                os.set_inheritable(fd, False)
            if memory >= 0:
                os.close(memory)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self.more = True

    def handover(self, kept: dict[str, int]) -> Iterator[bytes]:
        """The records of a handover of these descriptors."""
        yield pack("STOKER-HANDOVER", VERSION)
        yield pack("KEEPER", self.seq, int(self.lost), int(self.ever_ready), self.soft_limit)
        yield from (pack("NAME", fd, name) for name, fd in kept.items())
        for p in self.programs:
            near, far = (end.fileno() if end else -1 for end in (p.near, p.far))
            ready_at, restart_at = ("" if t is None else t for t in (p.ready_at, p.restart_at))
            life = (p.role, p.pid, near, far, p.generation, ready_at)
            past = (p.failures, p.level, restart_at, p.last_pid, p.last_status, p.told)
            yield pack("PROGRAM", *life, *past, *p.wants)
            yield from (pack("NEWS", p.role, *batch) for batch in batches(p.news))
        yield from self.exits
        yield from (pack("SIGNAL", *signals) for signals in self.signals.items())
        if self.wanted:
            yield pack("WANTED", *self.wanted)
        if self.emergency_pid:
            yield pack("EMERGENCY", self.emergency_pid)
        yield pack("END")

    def take(self, memory: int) -> None:
        """Go on from a handover. Raises ValueError when it is not one, or not a whole one."""
        with open(memory, "rb") as file:
            file.seek(0)
            data = file.read()
        records: list[bytes] = []
        at = 0
        while at + 4 <= len(data):
            length = int.from_bytes(data[at : at + 4], "little")
            records.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        if not records or not records[0].startswith(b"STOKER-HANDOVER\0") or records[-1] != b"END":
            raise ValueError("not a whole handover")
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
            elif kind == "WANTED" and self.director:
                self.wanted = args
                self.director.queue.append(pack("WANTED", *args))
            elif kind == "EMERGENCY":
                self.emergency_pid = int(args[0])

    def inherit(self, program: Program, words: list[str]) -> None:
        """A program out of a handover: one that lives on, or is to be started."""
        pid, near, far, program.generation = map(int, words[:4])
        program.failures, program.level = int(words[5]), int(words[6])
        program.last_pid, program.last_status = int(words[8]), int(words[9])
        if not pid or near < 0 or far < 0:
            program.restart_at = float(words[7] or 0)
            return
        program.bear(socket.socket(fileno=near), socket.socket(fileno=far))
        os.set_inheritable(near, False)
        os.set_inheritable(far, False)
        program.pid, program.restart_at = pid, None
        program.ready_at = float(words[4]) if words[4] else None
        program.told, program.wants = int(words[10]), words[11:]
        program.queue.append(self.greeting("TAKEN", program))


# -- the program ---------------------------------------------------------------------------------


def parse(argv: list[str]) -> tuple[dict[str, str], list[list[str]]]:
    """Options, and the programs' argv. Raises ValueError."""
    end = argv.index("--") if "--" in argv else len(argv)
    options: dict[str, str] = {}
    words = iter(argv[:end])
    for word in words:
        if word not in ("--pid1", "--run", "--socket", "--log", "--take"):
            raise ValueError(f"unknown option {word}")
        options[word] = "yes" if word == "--pid1" else next(words, "")
    programs: list[list[str]] = [[]]
    for word in argv[end + 1 :]:
        programs.append([]) if word == ";" else programs[-1].append(word)
    if len(programs) not in (2, 3, 5) or not all(programs):
        raise ValueError("two, three or five programs are needed")
    for name in ("--run", "--socket", "--log"):
        if not options.get(name):
            raise ValueError(f"{name} is needed")
        options[name] = os.path.abspath(options[name])
    return options, programs


def own_command() -> list[str]:
    """How we were started, for a manager that has to do it again; without a handover."""
    words = list(sys.orig_argv)
    if "--take" in words:
        at = words.index("--take")
        del words[at : at + 2]
    return words


def subreaper() -> None:
    """Let orphans below us become our children (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def main(argv: list[str]) -> int:
    """Be a keeper. Returns STOP's status; 75 when the place has another; 1 or 2 for a mistake."""
    memory = os.environ.pop("STOKER_TAKE", "")
    fill_standard()
    try:
        options, programs = parse(argv)
    except ValueError as error:
        print(f"stoker: keeper: {error}", file=sys.stderr)
        return 2
    places = (options["--run"], options["--socket"], options["--log"])
    keeper = Keeper(*places, programs, "--pid1" in options)
    try:
        keeper.catch()
        if memory := options.get("--take", memory):
            keeper.take(int(memory))
        close_strays()
        if "lock" not in keeper.held:  # else nothing is missed where somebody has removed it
            os.makedirs(keeper.run_directory, 0o700, exist_ok=True)
        keeper.lock()
        if os.getpid() != 1:
            subreaper()
        os.chdir("/")
        keeper.open()
    except (OSError, ValueError) as error:
        taken = isinstance(error, BlockingIOError)
        why = f" {keeper.other()} has {keeper.run_directory}" if taken else f": {error}"
        print(f"stoker: keeper{why}", file=sys.stderr)
        if os.getpid() == 1 and keeper.emergency:
            keeper.last_resort()
        return 75 if taken else 1
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
