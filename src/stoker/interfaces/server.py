"""The control socket: accepts clients, checks who they are, finds the route, answers errors.

At most 512 clients at a time, of which at most 64 belong to one account that does not administer;
one more is answered 503 and closed.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from stoker.errors import NoSuchService, ProtocolError, Refused, StokerError, UsageError
from stoker.model import Names

from .connection import Connection, Exchange
from .offers import Offers
from .roles import Peer, Rights, Role, peer_of, rights_of
from .routes import ROUTES, Ask, NotFound, Route
from .stream import Lines
from .wire import PROTOCOL, parse_query, unquote

__all__ = ["ControlSocket", "error_body"]

MAX_CLIENTS = 512
MAX_CLIENTS_OF_ONE = 64
FEW = 16  # of those who connect, or wait for something to change, in one batch of the loop
_HTTP = {"Refused": 403, "NoSuchService": 404, "Busy": 409, "ProtocolError": 426}


class ControlSocket:
    """Serves `manager` on `listener` (a listening unix socket, or its descriptor) in `loop`."""

    def __init__(self, loop: Any, listener: socket.socket | int, manager: Offers) -> None:
        if isinstance(listener, int):
            listener = socket.socket(fileno=listener)
        self.loop = loop
        self.manager = manager
        self._listener = listener
        self._clients: dict[Connection, Peer] = {}
        self.lines = Lines(manager)
        self._waiting: dict[Callable[[], object], None] = {}
        self._due: dict[Callable[[], object], None] = {}
        self._end_subscription: Callable[[], object] | None = None
        self._open_for: Any = ()
        self._names = Names(())
        listener.setblocking(False)
        loop.watch(listener.fileno(), select.EPOLLIN, self._accept, patient=True)
        self.open_to_others()

    def open_to_others(self) -> None:
        """Make the socket reachable for those whom the settings name, and for nobody else.

        To be called again when the settings have changed. Each request is checked all the same.
        """
        self._open_for = self.manager.settings.roles
        others = bool(self._open_for)
        path = self._listener.getsockname()
        if not isinstance(path, str) or not path.startswith("/"):
            return
        try:
            os.chmod(path, 0o666 if others else 0o600)
            os.chmod(os.path.dirname(path), 0o711 if others else 0o700)
        except OSError as error:  # a name that is gone serves those who are connected
            self.manager.log(f"control socket: cannot set the mode of {path}: {error.strerror}")

    def close(self) -> None:
        """Stop accepting and let every client go; the listener itself is the keeper's."""
        self.loop.forget(self._listener.fileno())
        for connection in list(self._clients):
            connection.close()
        self._listener.close()

    def settle(self) -> None:
        """Load what only some clients need while the files are still those of our version: a
        request to go over to another one comes when they are not.
        """
        from . import http  # noqa: F401

    # -- clients

    def _accept(self, _events: int) -> None:
        for _ in range(FEW):
            try:
                sock, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._rest(error)
                return
            try:
                peer = peer_of(sock)
            except OSError:
                sock.close()  # gone before we looked
                continue
            self._admit(sock, peer)

    def _rest(self, error: OSError) -> None:
        """No descriptors left, most likely: try again in a second instead of spinning."""
        self.manager.log(f"control socket: cannot accept: {error.strerror}")
        self.loop.forget(self._listener.fileno())

        def again() -> None:
            self.loop.watch(self._listener.fileno(), select.EPOLLIN, self._accept, patient=True)

        self.loop.at(time.monotonic_ns() + 1_000_000_000, again)

    def _admit(self, sock: socket.socket, peer: Peer) -> None:
        same = sum(1 for other in self._clients.values() if other.uid == peer.uid)
        administers = peer.uid in (0, os.getuid())
        if len(self._clients) >= MAX_CLIENTS or (not administers and same >= MAX_CLIENTS_OF_ONE):
            sock.setblocking(False)
            try:
                sock.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            except OSError:
                pass  # it was being turned away anyway
            sock.close()
            return
        connection = Connection(self.loop, sock, peer, self._dispatch, self._gone)
        self._clients[connection] = peer

    def _gone(self, connection: Connection) -> None:
        self._clients.pop(connection, None)

    # -- requests

    def _dispatch(self, exchange: Exchange) -> None:
        try:
            self._serve(exchange)
        except StokerError as error:
            exchange.answer(_status_of(error), error_body(error))
        except Exception as error:  # one client's accident is not the manager's
            self.manager.log(f"control socket: {exchange.method} {exchange.target}: {error!r}")
            text = {"code": "internal", "message": f"{type(error).__name__}: {error}"}
            try:
                body = {"version": 1, "error": {**text, "hint": "", "exit_status": 1}}
                exchange.answer(500, body)
            except Exception:  # not even that can be said on this connection
                exchange.connection.close()

    def _serve(self, exchange: Exchange) -> None:
        _check_protocol(exchange)
        if self.manager.settings.roles != self._open_for:
            self.open_to_others()
        path, _, query = exchange.target.partition("?")
        rights = rights_of(exchange.peer, self.manager.settings)
        if rights.most is Role.NONE:
            raise Refused(
                f"{exchange.peer.name} may not use this manager",
                hint="roles are granted in the place's settings ([[role]])",
            )
        route, found = _find(exchange.method, path)
        if rights.most < route.role:
            raise Refused(
                f"{exchange.peer.name} may {rights.most.name.lower()} here, and this needs "
                f"{route.role.name.lower()}",
                hint="roles are granted in the place's settings ([[role]])",
            )
        ask = Ask(self, exchange, rights, found, parse_query(query))
        ask.read_body(route.body)
        answer = route.handler(ask)
        if answer is not None:
            exchange.answer(route.status, answer)

    def names(self, known: list[str]) -> Names:
        """These, in order for `matching`: as a rule they are those of the question before."""
        if known != self._names.all:
            self._names = Names(known)
        return self._names

    # -- waiting for something to change

    def watch(self, look: Callable[[], object]) -> None:
        """Call `look` soon after something has happened, again and again, until `unwatch`. Several
        turns of the manager may have passed.
        """
        self._waiting[look] = None
        if self._end_subscription is None:
            self._end_subscription = self.manager.subscribe(self._turned)

    def unwatch(self, look: Callable[[], object]) -> None:
        """Stop that."""
        self._waiting.pop(look, None)
        self._due.pop(look, None)
        if not self._waiting and self._end_subscription is not None:
            end, self._end_subscription = self._end_subscription, None
            end()

    def _turned(self, *_what: object) -> None:
        if not self._due:
            self.loop.at(0, self._look)
        self._due.update(self._waiting)

    def _look(self) -> None:
        """The next few: services come first, however many follow what happens to them."""
        for look in list(self._due)[:FEW]:
            if self._due.pop(look, self) is None:
                try:
                    look()
                except Exception as error:  # the client that waits for it loses its answer, alone
                    self.unwatch(look)
                    self.manager.log(f"control socket: {error!r}")
        if self._due:
            self.loop.at(0, self._look)

    def audit(self, ask: Ask, what: str) -> None:
        """Write to the log who asked for what."""
        self.manager.log(f"{ask.who} (pid {ask.exchange.peer.pid}): {what}")

    def rights(self, peer: Peer) -> Rights:
        """What a peer may do now."""
        return rights_of(peer, self.manager.settings)


def _check_protocol(exchange: Exchange) -> None:
    spoken = exchange.headers.get("stoker-protocol", str(PROTOCOL))
    if spoken.split(".")[0] != str(PROTOCOL):
        raise ProtocolError(
            f"you speak protocol {spoken[:20]}, this manager speaks {PROTOCOL}",
            hint="use the stoker that the manager was started with, or replace the manager by "
            "what is installed now: stoker reexec",
        )


def _find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    parts = path.strip("/").split("/")
    allowed = []
    for route in ROUTES:
        found = route.match(parts)
        if found is None:
            continue
        if route.method == method:
            return route, {name: unquote(value) for name, value in found.items()}
        allowed.append(route.method)
    if allowed:
        raise UsageError(f"{path[:200]} is asked with {' or '.join(allowed)}, not {method[:20]}")
    raise NotFound(f"there is no {path[:200]}", hint="GET /v1/openapi.json lists what there is")


def _status_of(error: StokerError) -> int:
    for kind in type(error).__mro__:
        if kind is NotFound:
            return 404
        if kind.__name__ in _HTTP:
            return _HTTP[kind.__name__]
    return 400 if isinstance(error, UsageError) else 409


def error_body(error: StokerError) -> dict[str, Any]:
    """An error as clients see it."""
    body: dict[str, Any] = {
        "code": _code(type(error).__name__),
        "message": str(error),
        "hint": error.hint,
        "exit_status": error.exit_status,
    }
    candidates = getattr(error, "candidates", None)
    if isinstance(error, NoSuchService) and candidates:
        body["candidates"] = list(candidates)
    return {"version": 1, "error": body}


def _code(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
