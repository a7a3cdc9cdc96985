"""When the keeper is lost (killed, outside PID 1), the manager becomes the keeper: it executes
keeper.py in its own process. So does one that still begins; it has less to hand over, and what it
has not got from the keeper is made anew.

Its pid stays, so the services it started stay its children, and the new keeper reaps them. What the
old keeper held is handed over: the manager has most of it itself, the recorder hands back what it
has and ends, and read ends of output pipes are opened again by way of the write ends. The new
keeper then starts a manager and a recorder, which take over. Services that an earlier manager had
started were the lost keeper's children; they are known by their identity from now on, and how they
end can only be told where the kernel keeps it. Ends that the lost keeper told and that are not
written down yet are told again by the new one.

The handover's layout stands in ``stoker/keeper.py``.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from stoker.linux import channel, limits

from .core import Manager, log_line
from .keeping import Keeping

__all__ = ["handover", "succeed"]

_PATIENCE = 20.0  # seconds for the recorder, which may only begin, to hand back what it has


def handover(
    names: Mapping[str, int], soft: int, heard: int, ends: Sequence[channel.Exit], served: bool
) -> bytes:
    """The records that a keeper reads with --take. `heard`: the highest number of an end so far;
    `ends`: those to be told (again), oldest first; `served`: some manager has been ready.
    """
    heard = max(heard, len(ends))
    packets = [
        channel.encode("STOKER-HANDOVER", 1),
        channel.encode("KEEPER", heard, 0, int(served), soft),
    ]
    packets += [channel.encode("NAME", fd, name) for name, fd in names.items()]
    for seq, one in enumerate(ends, heard - len(ends) + 1):  # a keeper's are consecutive
        packets.append(channel.encode("EXIT", seq, *one[1:]))
    packets.append(channel.encode("END"))
    return b"".join(struct.pack("<I", len(packet)) + packet for packet in packets)


def succeed(keeping: Keeping, manager: Manager | None, doors: Mapping[str, int]) -> NoReturn:
    """Become the keeper. `manager`: None while nothing has been taken over yet. `doors`: further
    descriptors to be held, by name. Does not return.
    """
    if (manager is not None and manager.ended) or "--run" not in keeping.command:
        log_line("the keeper is gone; nothing depends on me, so I end")
        os._exit(1)
    log_line("the keeper is gone; becoming the keeper")
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    gc.disable()  # whatever would be closed by it has lost its number by then
    estate, ends = keeping.estate()
    names = estate | dict(doors)
    soft = None
    if manager is not None:
        names["state"] = manager.state.fd
        names.update(manager.executor.held())
        soft = manager.executor.soft_limit
    soft = soft or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    # There are about as many descriptors to come as there are, and the keeper was allowed more.
    limits.raise_descriptors()
    keeping.close()
    memory = os.memfd_create("stoker-handover", 0)
    _close_all_but([*names.values(), memory])
    # At once: whoever writes into a pipe that nobody has open for reading is killed by that.
    early = _reopen(names, lambda _text: None)
    _take_back(names, early)
    _reopen(names, log_line)
    if not {"link/manager", "link/recorder"} <= names.keys():
        # One end of a pair is of no use: the new keeper makes a pair.
        names.pop("link/manager", None)
        names.pop("link/recorder", None)
    data = handover(names, soft, keeping.heard, ends, served=manager is not None)
    os.pwrite(memory, data, 0)
    for fd in (memory, *names.values()):
        os.set_inheritable(fd, True)
    words = keeping.command
    at = words.index("--run")
    argv = [*words[:at], "--take", str(memory), *words[at:]]
    try:
        os.execv(argv[0], argv)
    except OSError as error:
        log_line(f"cannot become the keeper: {argv[0]}: {error.strerror}")
        os._exit(1)


def _close_all_but(kept: Iterable[int]) -> None:
    """What is of no use to a keeper is closed before anything is opened, not only by the exec."""
    needed = {0, 1, 2, *kept}
    try:
        there = [int(entry) for entry in os.listdir("/proc/self/fd")]
    except (OSError, ValueError):  # no /proc: the exec closes them, if there is room until then
        return
    for fd in there:
        if fd not in needed:
            try:
                os.close(fd)
            except OSError:  # the one that listed them
                pass


def _take_back(names: dict[str, int], early: Mapping[str, int]) -> None:
    """Add what the recorder has, to which our end of the link leads. A recorder that does not
    answer is left alone. `early`: those of the names that we have opened in place of its own. As
    soon as that is on its way, ours is closed, so that both take no more room than one.
    """
    if "link/manager" not in names:
        return
    try:
        with socket.socket(fileno=os.dup(names["link/manager"])) as link:
            link.setblocking(True)
            link.settimeout(_PATIENCE)
            link.send(msgspec.json.encode(["handback"]))
            deadline = time.monotonic() + _PATIENCE
            more = True
            while more and time.monotonic() < deadline:
                data = link.recv(65536, socket.MSG_PEEK)  # descriptors stay on their way
                message: list[Any] = msgspec.json.decode(data) if data else ["hand", [], False]
                there, more = message[1:3] if message[0] == "hand" else ([], True)
                for name in there:
                    if name in early and name in names:
                        os.close(names.pop(name))
                _data, fds, _flags, _address = socket.recv_fds(link, 65536, 253)
                # Where there is not room for all, it is the first that came.
                names.update(zip(there, fds, strict=False))
                if len(fds) < len(there):
                    log_line(f"{len(there) - len(fds)} descriptors of the recorder find no room")
    except (OSError, ValueError, TypeError, LookupError, msgspec.DecodeError) as error:
        log_line(f"the recorder hands nothing back: {error}")


def _reopen(names: dict[str, int], said: Callable[[str], object]) -> dict[str, int]:
    """An end of an output pipe that nobody has handed over: the same pipe by way of its other
    end. Returns those that it adds.
    """
    opened: dict[str, int] = {}
    for name, fd in names.items():
        kind, _, rest = name.partition("/")
        if kind not in ("in", "log"):
            continue
        other = f"{'log' if kind == 'in' else 'in'}/{rest}"
        if other not in names:
            access = os.O_RDONLY | os.O_NONBLOCK if kind == "in" else os.O_WRONLY
            try:
                opened[other] = os.open(f"/proc/self/fd/{fd}", access | os.O_CLOEXEC)
            except OSError as error:
                said(f"{other}: {error.strerror}: what it writes from now on is lost")
    names |= opened
    return opened
