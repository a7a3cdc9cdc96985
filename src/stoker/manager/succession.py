"""When the keeper is lost (killed, outside PID 1), the manager becomes the keeper: it executes
keeper.py in its own process.

Its pid stays, so the services it started stay its children, and the new keeper reaps them. What the
old keeper held is handed over: the manager has most of it itself, the recorder hands back what it
has and ends, and read ends of output pipes are opened again by way of the write ends. The new
keeper then starts a manager and a recorder, which take over. Services that an earlier manager had
started were the lost keeper's children; they are known by their identity from now on, and how they
end can only be told where the kernel keeps it.

The handover's layout stands in ``stoker/keeper.py``.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from .core import Manager, log_line
from .keeping import Keeping

__all__ = ["handover", "succeed"]

_PATIENCE = 5.0  # seconds for the recorder to hand back what it has


def handover(names: Mapping[str, int], seq: int, soft: int) -> bytes:
    """The records that a keeper reads with --take."""
    packets = ["STOKER-HANDOVER\x001", f"KEEPER\0{seq}\x000\x001\0{soft}"]
    packets += [f"NAME\0{fd}\0{name}" for name, fd in names.items()]
    packets.append("END")
    data = [packet.encode("utf-8", "surrogateescape") for packet in packets]
    return b"".join(struct.pack("<I", len(packet)) + packet for packet in data)


def succeed(keeping: Keeping, manager: Manager | None, doors: Mapping[str, int]) -> NoReturn:
    """Become the keeper. `doors`: further descriptors to be held, by name. Does not return."""
    if manager is None or manager.ended or not keeping.command:
        log_line("the keeper is gone; nothing depends on me, so I end")
        os._exit(1)
    log_line("the keeper is gone; becoming the keeper")
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    names = dict(keeping.own) | dict(doors)
    names["state"] = manager.state.fd
    names.update(manager.executor.held())
    names.update(_handed_back(manager))
    _reopen(names)
    if not {"link/manager", "link/recorder"} <= names.keys():
        # One end of a pair is of no use: the new keeper makes a pair.
        names.pop("link/manager", None)
        names.pop("link/recorder", None)
    soft = manager.executor.soft_limit or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    data = handover(names, keeping.heard, soft)
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


def _handed_back(manager: Manager) -> dict[str, int]:
    """What the recorder has. A recorder that does not answer is left alone."""
    found: dict[str, int] = {}
    if manager.link is None:
        return found
    end = manager.link.fileno()
    if end < 0:
        return found
    found["link/manager"] = end
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


def _reopen(names: dict[str, int]) -> None:
    """Read ends of output pipes that nobody handed back: the same pipe by way of its write end."""
    for name in [name for name in names if name.startswith("in/")]:
        reader = "log/" + name.removeprefix("in/")
        if reader not in names:
            try:
                flags = os.O_RDONLY | os.O_NONBLOCK
                names[reader] = os.open(f"/proc/self/fd/{names[name]}", flags)
            except OSError as error:
                log_line(f"{reader}: {error.strerror}: what it writes from now on is lost")
