"""The socket that readers of logs and history come to, ``RUN/records``: each question is answered
by a process of its own (`read`), with the rights of who asks.

root and the place's owner read everything. The socket is open to others only while the settings
have roles, and what each of them gets is decided by the reader, never here: accounts may lie in a
directory that takes its time, and draining must not wait for it.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Callable
from typing import Any

from stoker.linux import Loop, peer

from .children import Children

__all__ = ["Readers"]

NAME = "records"


class Readers:
    """Listens in the runtime directory `run`; `where` are the directories of logs and state."""

    def __init__(
        self,
        loop: Loop,
        children: Children,
        run: str,
        where: list[str],
        said: Callable[[str], object],
    ) -> None:
        self._loop = loop
        self._children = children
        self._path = os.path.join(run, NAME)
        self._where = [where[0], os.path.join(where[1], "history.db")]
        self._said = said
        self._listener: socket.socket | None = None
        self._inode = 0  # of its path
        self._grants: list[list[Any]] = []  # until we are told, there are none

    def grant(self, grants: list[list[Any]]) -> None:
        """What the settings grant to others: rows of may, users, groups, services."""
        self._grants = [list(row) for row in grants]
        try:
            if os.stat(self._path).st_ino == self._inode:
                os.chmod(self._path, self._mode())
        except OSError as error:
            self._said(f"{self._path}: {error.strerror}; its mode stays")

    def _mode(self) -> int:
        return (
            0o666 if self._grants else 0o600
        )  # whom the roles do not name is refused all the same

    def listen(self) -> None:
        """Put our socket in place of a predecessor's."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            # Under another name first: a client finds the old one, the new one, or none, never
            # half of one.
            fresh = f"{self._path}.{os.getpid()}"
            listener.bind(fresh)
            os.chmod(fresh, self._mode())
            listener.listen(64)
            self._inode = os.stat(fresh).st_ino
            os.rename(fresh, self._path)
        except OSError as error:
            self._said(f"{self._path}: {error.strerror}; logs can be read, but not through me")
            listener.close()
            return
        listener.setblocking(False)
        self._listener = listener
        self._loop.watch(listener.fileno(), select.EPOLLIN, self._connected)

    def _connected(self, _events: int) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # the client has gone, or descriptors are short: it starts a reader itself
        with connection:
            connection.setblocking(True)
            try:
                uid = peer.credentials(connection)[1]
            except OSError:
                return  # gone before we looked
            more = [] if uid in (0, os.getuid()) else [json.dumps(self._grants)]
            if not self._children.read(connection.fileno(), [*self._where, *more], uid):
                self._busy(connection)

    def _busy(self, connection: socket.socket) -> None:
        hint = "try again when one has ended"
        answer = {"error": "too many readers at once", "hint": hint, "refused": True}
        connection.setblocking(False)
        try:
            connection.send(json.dumps(answer).encode() + b"\n")
        except OSError:
            pass  # it will see the end of the connection

    def close(self) -> None:
        """Stop listening, and remove the socket unless a successor has put its own in place."""
        if self._listener is None:
            return
        self._listener.close()
        try:
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)
        except OSError:
            pass  # it is gone, or the directory is: nothing is left to remove
