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

import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from stoker.linux import channel

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
    estate, ends = keeping.estate()
    names = estate | dict(doors)
    soft = None
    if manager is not None:
        names["state"] = manager.state.fd
        names.update(manager.executor.held())
        soft = manager.executor.soft_limit
    # At once: whoever writes into a pipe that nobody has open for reading is killed by that.
    _reopen(names, lambda _text: None)
    names.update(_handed_back(names.get("link/manager", -1)))
    _reopen(names, log_line)
    if not {"link/manager", "link/recorder"} <= names.keys():
        # One end of a pair is of no use: the new keeper makes a pair.
        names.pop("link/manager", None)
        names.pop("link/recorder", None)
    soft = soft or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    data = handover(names, soft, keeping.heard, ends, served=manager is not None)
    memory = os.memfd_create("stoker-handover", 0)
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


def _handed_back(end: int) -> dict[str, int]:
    """What the recorder has, to which our end of the link leads (-1: none). A recorder that does
    not answer is left alone.
    """
    found: dict[str, int] = {}
    if end < 0:
        return found
    with socket.socket(fileno=os.dup(end)) as link:
        try:
            link.setblocking(True)
            link.settimeout(_PATIENCE)
            link.send(msgspec.json.encode(["handback"]))
            deadline = time.monotonic() + _PATIENCE
            more = True
            while more and time.monotonic() < deadline:
                data, fds, _flags, _address = socket.recv_fds(link, 65536, 253)
                message: list[Any] = msgspec.json.decode(data) if data else ["hand", [], False]
                if message[0] != "hand":
                    continue
                found.update(zip(message[1], fds, strict=True))
                more = bool(message[2])
        except (OSError, ValueError, IndexError) as error:
            log_line(f"the recorder hands nothing back: {error}")
    return found


def _reopen(names: dict[str, int], said: Callable[[str], object]) -> None:
    """An end of an output pipe that nobody has handed over: the same pipe by way of its other
    end.
    """
    for name in list(names):
        kind, _, rest = name.partition("/")
        if kind not in ("in", "log"):
            continue
        other = f"{'log' if kind == 'in' else 'in'}/{rest}"
        if other not in names:
            access = os.O_RDONLY | os.O_NONBLOCK if kind == "in" else os.O_WRONLY
            try:
                names[other] = os.open(f"/proc/self/fd/{names[name]}", access | os.O_CLOEXEC)
            except OSError as error:
                said(f"{other}: {error.strerror}: what it writes from now on is lost")
