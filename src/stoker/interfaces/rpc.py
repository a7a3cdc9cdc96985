"""The door of nosh's service manager: datagrams that load directories and connect them (nosh.md 3).

A datagram is 262 bytes, an operation and a name, with up to three descriptors of directories. There
is no answer: who sends one looks at the supervise directory. What is loaded stands in a file of the
runtime directory, from which definitions are read as from any other; a command that is written to a
supervise directory waits until all that was sent before it is in effect.

Invariants: a datagram that is not understood changes nothing, and none of its descriptors stays
open; a directory is known by device and inode, so that loading it twice is loading it once. Who may
send is decided by the socket's mode.
"""

from __future__ import annotations

import array
import os
import socket
import stat
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stoker.errors import Refused, StokerError
from stoker.linux import loop as epoll
from stoker.model import Definition, Loaded, Request, decode_loaded, display, encode_loaded

if TYPE_CHECKING:
    from stoker.manager import Manager

    from .supervise import SuperviseDirectories

__all__ = ["RPC"]

SIZE = 262
NOOP, PLUMB, LOAD, ACTIVATE, UNLOAD, PIPE, REMAIN = range(7)
_FDS = 3
_MOST = 64  # datagrams in one go: others have their turn, too
_QUIET = 5_000_000  # nanoseconds to wait for what is sent together
_HELD = "rpc/socket"

Identity = tuple[int, int]


class RPC:
    """`held`: what the keeper holds for us under `HELD`; `put` has it hold more. `supervising`: the
    supervise directories, once there are any.
    """

    HELD = "rpc/"

    def __init__(
        self,
        manager: Manager,
        held: dict[str, int],
        put: Callable[[dict[str, int]], object],
        supervising: Callable[[], SuperviseDirectories | None],
    ) -> None:
        self._manager = manager
        self._supervising = supervising
        self._path = manager.place.runtime + "/rpc"
        self._rows = self._recall()
        self._armed: dict[Identity, int] = {}
        self._gone: set[Identity] = set()  # unloaded, and not taken out of the definitions yet
        self._dirty = False  # something is not in effect yet
        self._changed = False  # since the definitions were read last
        self._said: set[str] = set()
        self._socket = self._open(held, put)
        manager.loop.watch(self._socket.fileno(), epoll.READ, self._readable)
        manager.doors.join(parting=self.close)
        self._arm()

    def _open(self, held: dict[str, int], put: Callable[[dict[str, int]], object]) -> socket.socket:
        if _HELD in held:
            return socket.socket(fileno=held[_HELD])
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if os.path.lexists(self._path):
            os.unlink(self._path)
        made.bind(self._path)
        os.chmod(self._path, 0o600)
        put({_HELD: made.fileno()})
        return made

    @property
    def held(self) -> dict[str, int]:
        """What must outlive us, by the names that the keeper has for it."""
        return {_HELD: self._socket.fileno()}

    def is_waiting(self) -> bool:
        """Whether something that was sent is not in effect yet. Looks at what is there to be read:
        what was sent before counts, in whatever order we hear of it.
        """
        self._readable(0)
        return self._dirty

    # -- hearing

    def _readable(self, _events: int) -> None:
        for _ in range(_MOST):
            try:
                data, fds, flags = _receive(self._socket)
            except BlockingIOError:
                return
            except OSError as error:
                self._complain(error.strerror or str(error))
                return
            try:
                self._take(data, fds, flags)
            except OSError as error:
                self._complain(error.strerror or str(error))
            finally:
                for fd in fds:
                    os.close(fd)

    def _take(self, data: bytes, fds: list[int], flags: int) -> None:
        if len(data) != SIZE or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            self._complain(f"a datagram of {len(data)} bytes, not {SIZE}")
            return
        operation = data[0]
        needed = {PLUMB: 2, LOAD: 2, ACTIVATE: 1, UNLOAD: 1, PIPE: 1, REMAIN: 1}.get(operation)
        if operation == NOOP:
            return
        if needed is None:
            self._complain(f"operation {operation} is not known")
            return
        paths = [_path_of(fd) for fd in fds[:needed]]
        if len(paths) < needed or not all(paths):
            self._complain(f"operation {operation} needs {needed} directories, by paths in UTF-8")
            return
        name = data[1:].partition(b"\0")[0].decode("utf-8", "backslashreplace")
        if operation == LOAD:
            self._load(paths[0], paths[1], name)
            return
        row = self._row(paths[0])
        if row is None:
            self._complain(f"{paths[0]} is not loaded")
        elif operation == UNLOAD:
            self._unload(row)
        elif operation == PLUMB:
            self._set(row, plumb=paths[1])
        elif operation == PIPE:
            self._set(row, piped=True)
        elif operation == REMAIN:
            self._set(row, remain=True)
        else:
            self._set(row, piped=True, activate=True)

    def _complain(self, text: str) -> None:
        """Each thing once: who sends nonsense shall not fill the log."""
        if text not in self._said and len(self._said) < 100:
            self._said.add(text)
            self._manager.log(f"rpc: {text}")

    # -- what is loaded

    def _load(self, supervise: str, service: str, name: str) -> None:
        served = self._supervising()
        one = served.of(supervise) if served is not None else ""
        identity = _identity(supervise)
        if one and identity not in self._gone:
            assert served is not None
            served.load(one)
            return
        known = self._rows.get(identity) if identity is not None else None
        if identity is not None and (known is None or _identity(known.supervise) != identity):
            self._rows[identity] = Loaded(supervise, service, name)
            self._change()

    def _row(self, supervise: str) -> Loaded | None:
        """What is known of a supervise directory, by us or by the place's own definitions."""
        identity = _identity(supervise)
        known = self._rows.get(identity) if identity is not None else None
        if identity is None or (known is not None and _identity(known.supervise) == identity):
            return known
        served = self._supervising()
        if served is None or not served.of(supervise):
            return None
        made = self._rows[identity] = Loaded(supervise, "", known=True)
        return made

    def _set(self, row: Loaded, **values: Any) -> None:
        if any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            self._change()

    def _unload(self, row: Loaded) -> None:
        served = self._supervising()
        fmri = served.of(row.supervise) if served is not None else ""
        if served is not None and fmri:
            served.unload(fmri)
        else:
            self.unloaded(row.supervise)

    def unloaded(self, supervise: str) -> None:
        """A supervise directory was let go of."""
        identity = _identity(supervise)
        row = self._rows.get(identity) if identity is not None else None
        if identity is not None and row is not None and not row.known:
            del self._rows[identity]
            self._gone.add(identity)
            self._change()

    def _change(self) -> None:
        self._changed = True
        if not self._dirty:
            self._dirty = True
            self._manager.loop.at(time.monotonic_ns() + _QUIET, self._apply)

    def _apply(self) -> None:
        """Have the definitions read again with what is loaded now."""
        self._changed = False
        try:
            self._remember()
            self._manager.reload(self._applied, who="rpc")
        except (OSError, StokerError) as error:
            self._applied(error)

    def _applied(self, answer: Any) -> None:
        if isinstance(answer, Exception):
            self._manager.log(f"rpc: {answer}")
        if self._changed:
            self._apply()
            return
        self._dirty = False
        # What was loaded again before it was taken out is the same definition as before: only its
        # directory was let go of.
        again = [self._rows[one] for one in self._gone if one in self._rows]
        self._gone.clear()
        served = self._supervising()
        if served is not None:
            for fmri in filter(None, [served.of(row.supervise) for row in again]):
                served.load(fmri)
            served.look_again()
        self._arm()
        if served is not None:
            served.resume()

    def _remember(self) -> None:
        path = self._manager.place.loaded
        with open(path + ".new", "wb") as file:
            file.write(encode_loaded(list(self._rows.values())))
        os.replace(path + ".new", path)

    def _recall(self) -> dict[Identity, Loaded]:
        try:
            with open(self._manager.place.loaded, "rb") as file:
                rows = decode_loaded(file.read())
        except (OSError, StokerError):  # nothing was ever loaded
            return {}
        found = {_identity(one.supervise): one for one in rows}
        return {identity: one for identity, one in found.items() if identity is not None}

    # -- started by input

    def _arm(self) -> None:
        """Watch the pipes of those that their first input starts."""
        served = self._supervising()
        for identity, row in self._rows.items():
            fmri = served.of(row.supervise) if served is not None and row.activate else ""
            i = self._manager.engine.instances.get(fmri)
            if i is None or identity in self._armed:
                continue
            if i.definition.stdin == "pipe":
                self._watch(row, identity, i.definition)

    def _watch(self, row: Loaded, identity: Identity, definition: Definition) -> None:
        outputs = self._manager.executor.outputs
        outputs.prepare([definition])
        fd = os.dup(outputs.inputs[definition.fmri][0])

        def come(_events: int) -> None:
            self._manager.loop.forget(fd)
            os.close(self._armed.pop(identity))
            row.activate = False
            self._remember()
            why = "its first input"
            request = Request("start", (definition.fmri,), who="rpc", why=why, alone=True)
            try:
                number = self._manager.ask(request)
            except Refused:  # everything is going down anyway
                return
            self._manager.log(f"input starts {display(definition.fmri)}: operation {number}")

        self._armed[identity] = fd
        self._manager.loop.watch(fd, epoll.READ, come)

    def close(self) -> None:
        """Everything is down: nothing is loaded any more."""
        for fd in self._armed.values():
            self._manager.loop.forget(fd)
            os.close(fd)
        self._manager.loop.forget(self._socket.fileno())
        for path in (self._path, self._manager.place.loaded):
            if os.path.lexists(path):
                os.unlink(path)


def _receive(end: socket.socket) -> tuple[bytes, list[int], int]:
    """One datagram, its descriptors and flags. Raises OSError."""
    space = socket.CMSG_SPACE(_FDS * array.array("i").itemsize)
    data, ancillary, flags, _address = end.recvmsg(SIZE + 1, space, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return data, list(fds), flags


def _path_of(fd: int) -> str:
    """The path of an open directory; "" when it is none, or has none any more that can be said."""
    found = os.fstat(fd)
    if not stat.S_ISDIR(found.st_mode):
        return ""
    path = os.readlink(f"/proc/self/fd/{fd}")
    try:
        path.encode()
        there = os.stat(path)
    except (OSError, UnicodeError):  # removed, of another mount namespace; or no text
        return ""
    return path if (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino) else ""


def _identity(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:  # gone
        return None
    return found.st_dev, found.st_ino
