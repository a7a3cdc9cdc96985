"""Looks from outside: one attempt at a time, never waiting in the loop.

An `Attempt` answers once, by `done(ok, text)`, at the latest when its time is over. Kinds: "file"
(exists), "tcp" and "unix" (somebody accepts), "http" (a status from 200 to 399), "exec" (a program
ends with 0). Only numeric addresses, ``localhost`` and what /etc/hosts names are connected to
directly; another name is resolved by ``getent`` in a process of its own, because resolving may take
seconds.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from typing import Protocol

from stoker.linux import Loop, Timer
from stoker.linux import loop as epoll
from stoker.model import Probe

__all__ = ["Attempt", "Helper", "parse_address", "parse_url"]

Done = Callable[[bool, str], object]


class Helper(Protocol):
    """Who runs programs for probes: ``done(status, output)`` later; returns what cancels (and
    kills) it.
    """

    def __call__(
        self, argv: tuple[str, ...], done: Callable[[int, bytes], object]
    ) -> Callable[[], object]: ...


def parse_address(text: str) -> tuple[str, int]:
    """("HOST", PORT) of "HOST:PORT", "[V6]:PORT", ":PORT" or "PORT". Raises ValueError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    number = int(port)
    if not 0 < number < 65536:
        raise ValueError(f"no port: {port}")
    return ("127.0.0.1" if host == "*" else host), number


def parse_url(text: str) -> tuple[str, int, str, str]:
    """(host, port, path, Host header) of an http URL. Raises ValueError."""
    if not text.startswith("http://"):
        raise ValueError("only http:// URLs can be looked at; use exec for others")
    rest = text.removeprefix("http://")
    where, slash, path = rest.partition("/")
    where = where.partition("?")[0].rpartition("@")[2]
    tail = where.rpartition("]")[2]
    host, port = parse_address(where if ":" in tail else f"{where}:80")
    return host, port, (slash + path).partition("#")[0] or "/", where


class Attempt:
    """One look. `cancel()` ends it without an answer."""

    def __init__(
        self, loop: Loop, probe: Probe, helper: Helper, done: Done, base: str = "/"
    ) -> None:
        """`base`: what relative paths are relative to."""
        self._loop = loop
        self._probe = probe
        self._helper = helper
        self._done: Done | None = done
        self._base = base
        self._socket: socket.socket | None = None
        self._request = b""
        self._answer = b""
        self._kill: Callable[[], object] | None = None
        limit = time.monotonic_ns() + int(probe.timeout * 1e9)
        self._timer: Timer | None = loop.at(limit, self._late)
        try:
            self._begin()
        except (OSError, ValueError) as error:
            self._end(False, str(error))

    def cancel(self) -> None:
        """Forget about it."""
        self._done = None
        self._clean()

    # -- inside

    def _begin(self) -> None:
        probe = self._probe
        if probe.kind == "file":
            there = os.path.exists(os.path.join(self._base, probe.target))
            self._end(there, "" if there else f"{probe.target} is not there")
        elif probe.kind == "unix":
            path = os.path.join(self._base, probe.target)
            address = "\0" + path[1:] if probe.target.startswith("@") else path
            self._connect(socket.AF_UNIX, address)
        elif probe.kind == "tcp":
            self._reach(*parse_address(probe.target))
        elif probe.kind == "http":
            host, port, path, header = parse_url(probe.target)
            lines = (f"GET {path} HTTP/1.0", f"Host: {header}", "User-Agent: stoker", "Accept: */*")
            text = "".join(f"{line}\r\n" for line in (*lines, ""))
            self._request = text.encode("utf-8", "surrogateescape")
            self._reach(host, port)
        elif probe.kind == "exec":
            self._kill = self._helper(probe.argv, self._ran)
        else:
            raise ValueError(f"unknown kind of probe: {probe.kind}")

    def _reach(self, host: str, port: int) -> None:
        address = _numeric(host) or _in_hosts(host)
        if address is not None:
            self._connect(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port))
        else:
            self._kill = self._helper(
                ("/usr/bin/getent", "ahosts", host),
                lambda status, out: self._found(status, out, host, port),
            )

    def _found(self, status: int, output: bytes, host: str, port: int) -> None:
        self._kill = None
        words = output.split()
        address = words[0].decode("ascii", "replace") if words and status == 0 else None
        if address is None or _numeric(address) is None:
            self._end(False, f"the name {host} cannot be resolved")
            return
        try:
            self._connect(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port))
        except OSError as error:
            self._end(False, str(error))

    def _connect(self, family: int, address: str | tuple[str, int]) -> None:
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(family, kind)
        number = self._socket.connect_ex(address)
        if number not in (0, errno.EINPROGRESS):
            raise OSError(number, self._said(number))
        self._loop.watch(self._socket.fileno(), epoll.WRITE, self._connected)

    def _said(self, number: int) -> str:
        return f"{self._probe.target}: {os.strerror(number)}"

    def _connected(self, _events: int) -> None:
        assert self._socket is not None
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._end(False, self._said(number))
        elif not self._request:
            self._end(True, "")
        else:
            try:
                sent = self._socket.send(self._request, socket.MSG_NOSIGNAL)
            except OSError as error:
                self._end(False, self._said(error.errno or errno.EIO))
                return
            self._request = self._request[sent:]
            if not self._request:
                self._loop.watch(self._socket.fileno(), epoll.READ, self._readable)

    def _readable(self, _events: int) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(False, self._said(error.errno or errno.EIO))
            return
        self._answer += data
        if b"\n" not in self._answer and data and len(self._answer) < 8192:
            return
        words = self._answer.split(b"\n", 1)[0].split()
        code = words[1] if len(words) > 1 and words[0].startswith(b"HTTP/") else b""
        if code.isdigit() and 200 <= int(code) < 400:
            self._end(True, "")
        else:
            said = code.decode("ascii", "replace") if code else "no HTTP"
            self._end(False, f"{self._probe.target} answered {said}")

    def _ran(self, status: int, output: bytes) -> None:
        self._kill = None
        last = output.strip().rpartition(b"\n")[2].decode("utf-8", "replace")[:200]
        how = f"exit {status}" if status >= 0 else f"signal {-status}"
        self._end(status == 0, "" if status == 0 else f"{self._probe.argv[0]}: {last or how}")

    def _late(self) -> None:
        self._timer = None
        self._end(False, f"no answer within {self._probe.timeout:g} s")

    def _end(self, ok: bool, text: str) -> None:
        done, self._done = self._done, None
        self._clean()
        if done is not None:
            done(ok, text)

    def _clean(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None
        kill, self._kill = self._kill, None
        if kill is not None:
            kill()


def _numeric(host: str) -> str | None:
    if host == "localhost":
        return "127.0.0.1"
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:  # not of this family
            continue
        return host
    return None


def _in_hosts(host: str) -> str | None:
    try:
        with open("/etc/hosts", encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.partition("#")[0].split()
                if host in words[1:]:
                    return _numeric(words[0])
    except OSError:  # no such file: then nothing stands in it
        pass
    return None
