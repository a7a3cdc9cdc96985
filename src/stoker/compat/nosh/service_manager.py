"""service-manager: a manager that serves the RPC alone, on the socket that it is given (nosh.md 3).

The socket is descriptor 3, or LISTEN_FDS of them from there. What comes in is passed on, unread, to
the RPC of a manager of ours, which has a place of its own; descriptors and all. On TERM, INT, HUP
or QUIT all that it runs is stopped, and it exits 0.
"""

from __future__ import annotations

import array
import os
import select
import signal
import socket

from stoker.errors import Failed, NoManager, NotYet, Refused, StokerError, UsageError

from .bundles import asked_for_help, complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stoker.client import Client

__all__ = ["main"]

PROGRAM = "service-manager"
_FIRST = 3
_LARGEST = 4096
_FDS = 16
_AGAIN = 5.0  # seconds after which it is looked whether all is still going down


def main(arguments: list[str]) -> int:
    """The command; takes no argument."""
    if asked_for_help(PROGRAM, arguments, "(with a datagram socket as descriptor 3)"):
        return 0
    if arguments:
        complain(PROGRAM, "takes no arguments")
        return 1
    try:
        return _serve(_sockets())
    except (StokerError, OSError) as error:
        complain(PROGRAM, error)
        return 1


def _sockets() -> list[socket.socket]:
    """The sockets that we were given. Raises UsageError."""
    told, pid = (os.environ.pop(name, "") for name in ("LISTEN_FDS", "LISTEN_PID"))
    count = told if pid == str(os.getpid()) else "1"
    if not (count.isascii() and count.isdecimal() and int(count)):
        raise UsageError(f"LISTEN_FDS={count} is no number of sockets")
    given = []
    for fd in range(_FIRST, _FIRST + int(count)):
        try:
            one = socket.socket(fileno=fd)
        except OSError as error:
            raise UsageError(f"descriptor {fd} is no socket: {error.strerror}") from None
        if one.type != socket.SOCK_DGRAM:
            raise UsageError(f"descriptor {fd} is no datagram socket")
        one.setblocking(False)
        one.set_inheritable(False)
        given.append(one)
    return given


def _serve(given: list[socket.socket]) -> int:
    import tempfile

    from stoker.client import Launch, place_of, prepare, start
    from stoker.formats import compile_place
    from stoker.model import encode_compiled

    wake, woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(woken)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda _number, _frame: None)
    with tempfile.TemporaryDirectory(
        prefix="service-manager-", ignore_cleanup_errors=True
    ) as folder:
        os.mkdir(f"{folder}/services")
        place = place_of(f"{folder}/services", runtime=f"{folder}/run")
        with Launch(place):
            prepare(place, encode_compiled(compile_place(place)))
            client = start(place)
        with open(place.lock, encoding="ascii") as file:
            keeper = os.pidfd_open(int(file.readline()))
        try:
            _pass_on(given, f"{place.runtime}/rpc", wake, keeper)
        finally:
            _down(client, keeper)
    return 0


def _down(client: Client, keeper: int) -> None:
    """Stop all that runs; returns when the last of ours has ended. A manager that is killed
    meanwhile has a successor, which is asked again unless it knows.
    """
    why = f"{PROGRAM} is to end"
    while not select.select([keeper], [], [], 0)[0]:
        try:
            known = client.get("/v1/operations")["operations"]
            if not any(one["verb"] == "down" and not one["outcome"] for one in known):
                client.post("/v1/operations", {"verb": "down", "names": [], "why": why})
        except (NoManager, NotYet, Refused):
            pass  # there is none just now, it is very busy, or ending already
        select.select([keeper], [], [], _AGAIN)
    client.close()


def _pass_on(given: list[socket.socket], path: str, wake: int, keeper: int) -> None:
    """Until a signal comes. Raises Failed when there is nobody any more to pass it on to."""
    poll = select.poll()
    ends = {one.fileno(): one for one in given}
    for fd in (*ends, wake, keeper):
        poll.register(fd, select.POLLIN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.connect(path)
        while True:
            for fd, _events in poll.poll():
                if fd == wake:
                    return
                if fd == keeper:
                    raise Failed("its keeper has ended")
                _one(ends[fd], out)


def _one(end: socket.socket, out: socket.socket) -> None:
    space = socket.CMSG_SPACE(_FDS * 4)
    try:
        data, ancillary, _flags, _address = end.recvmsg(_LARGEST, space, socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        return  # somebody else has taken it
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % 4])
    try:
        socket.send_fds(out, [data], list(fds))
    except OSError as error:  # too many descriptors are under way, say; there is no answer to give
        complain(PROGRAM, f"a datagram was lost: {error.strerror}")
    finally:
        for fd in fds:
            os.close(fd)
