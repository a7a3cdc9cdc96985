"""One boot, watched from outside: nothing in the machine is there for it."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress

from vm import Machine

from .image import APPEND, Image, Init

__all__ = ["boot"]

_DAEMONS = {
    "ssh": (22, b"", b"SSH-2.0"),
    "nginx": (80, b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1."),
    "PostgreSQL": (5432, b"\0\0\0\x08\x04\xd2\x16/", b""),  # asks for TLS: any answer will do
}
_PATIENCE = 600.0  # seconds for everything to be up
_PAUSE = 0.05  # between two questions


def boot(image: Image, init: Init) -> dict[str, float]:
    """Boot once; seconds since power on until there is a login prompt and until each daemon
    answers, and the emulator's processor time for that. The disk stays as it was.
    """
    ports = {name: _free() for name in _DAEMONS}
    forward = ",".join(
        f"hostfwd=tcp:127.0.0.1:{ports[name]}-:{port}" for name, (port, *_) in _DAEMONS.items()
    )
    machine = Machine(
        image.kernel.image,
        disks=[image.disks[init.name]],
        append=f"{APPEND} init={init.program}",
        memory=1024,
        processors=2,
        plain=True,
        extra=("-netdev", f"user,id=n,restrict=on,{forward}", "-device", "virtio-net-pci,netdev=n"),
    )
    with machine:
        answered: dict[str, float] = {}
        askers = [
            threading.Thread(target=_ask, args=(name, ports[name], machine.started, answered))
            for name in _DAEMONS
        ]
        for one in askers:
            one.start()
        machine.console.wait("login: ", _PATIENCE)
        figures = {"login prompt, s": time.monotonic() - machine.started}
        assert machine.process is not None
        figures["processor time until the prompt, s"] = _used(machine.process.pid)
        for one in askers:
            one.join()
    for name in _DAEMONS:
        assert name in answered, f"{name} never answered; the console:\n{machine.console.text}"
        figures[f"{name} answers, s"] = answered[name]
    figures["all of it, s"] = max(figures["login prompt, s"], *answered.values())
    return figures


def _free() -> int:
    """A port that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _used(pid: int) -> float:
    """Processor seconds of a process."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ask(name: str, port: int, begun: float, answered: dict[str, float]) -> None:
    """Ask a daemon again and again, until it answers."""
    _, question, wanted = _DAEMONS[name]
    while time.monotonic() < begun + _PATIENCE:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5) as one:
            one.settimeout(0.5)
            one.sendall(question)
            said = one.recv(64)
            if said and said.startswith(wanted):
                answered[name] = time.monotonic() - begun
                return
        time.sleep(_PAUSE)
