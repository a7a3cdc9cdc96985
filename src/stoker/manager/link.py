"""The link to the recorder: choices to be made durable, history, how output is kept.

Packets are JSON arrays of at most 60,000 bytes. Sending never waits: what the socket does not take
is queued. Choices, settings and questions are queued however many they are (each is somebody's
act); history is bounded, and what does not fit is counted and said once; what waits stands in the
backlog, so that a successor tells it. A recorder that starts says hello, and is told again whatever
it must know and has not answered. The socket outlives both of us: the keeper holds its two ends.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from stoker.linux import Loop, faults
from stoker.linux import loop as epoll
from stoker.model import Intent, LogSettings, Role, Settings

from .backlog import Backlog

__all__ = ["Link"]

LONGEST = 60_000
MOST_HISTORY = 20_000  # rows that wait
_AT_ONCE = 64

_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)

_encode = msgspec.json.Encoder().encode
_PLAIN = LogSettings()
_BOUNDS = (Settings().history_count, Settings().history_age)


class Link:
    """`saved(token, why)` when a choice is durable ("" is good), `matched(fmri, run)` when a line
    was seen that was waited for, `trouble(what, fmri, text)` with text None when it is over.
    """

    def __init__(
        self, loop: Loop, fd: int, generation: int, backlog: Backlog | None = None
    ) -> None:
        self._loop = loop
        self._generation = generation
        self._backlog = Backlog(lambda _fd: None) if backlog is None else backlog
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._queue: deque[tuple[bytes, int]] = deque()  # packets; how many rows of history
        self._waiting = 0  # of these
        self._history: deque[list[Any]] = deque()  # of this turn
        self.dropped = 0
        self._last_change = 0
        self._changes: dict[int, tuple[str, str, Callable[[str, str, bool], object]]] = {}
        self._unanswered: dict[int, tuple[str, Intent | None]] = {}
        self._settings: dict[str, LogSettings] = {}
        self._bounds = _BOUNDS
        self._roles: tuple[Role, ...] = ()
        self._waited: dict[str, tuple[int, str]] = {}
        self.intents: dict[str, Intent] = {}
        self.known = False  # all intents have come
        self._when_known: list[Callable[[], object]] = []
        self._renewed: Callable[[], object] = lambda: None
        self.saved: Callable[[int, str], object] = lambda _token, _why: None
        self.matched: Callable[[str, int], object] = lambda _fmri, _run: None
        self.trouble: Callable[[str, str | None, str | None], object] = lambda _w, _f, _t: None
        self.said: Callable[[str], object] = lambda _text: None
        loop.watch(fd, epoll.READ, self._ready)
        self._send("hello", generation)
        for data in self._backlog.left:
            self._wait(data, 1)

    # -- what is asked

    def save(self, token: int, fmri: str, intent: Intent | None) -> None:
        """Have a choice made durable."""
        faults.point("save")
        self._unanswered[token] = (fmri, intent)
        self._send("save", token, fmri, intent)

    @property
    def unanswered(self) -> int:
        """How many choices are not durable yet."""
        return len(self._unanswered)

    def change(self, path: str, who: str, call: Callable[[str, str, bool], object]) -> None:
        """Have the change of properties in the file at `path` made durable; `call(why, hint,
        refused)` when it is (why "") or cannot be.
        """
        token = self._last_change = self._last_change + 1
        self._changes[token] = (path, who, call)
        self._send("change", token, path, who)

    def when_known(self, call: Callable[[], object]) -> None:
        """Call `call()` when all stored choices are known: now, or when they have been told."""
        if self.known:
            call()
        else:
            self._when_known.append(call)

    def keep(self, fmri: str, settings: LogSettings | None) -> None:
        """How an instance's output is kept; None: it is no more."""
        if settings is None:
            self._waited.pop(fmri, None)
            self._settings.pop(fmri, None)
            self._send("log", fmri, None)
        elif settings != self._settings.get(fmri, _PLAIN):
            self._settings[fmri] = settings
            self._send("log", fmri, settings)

    def bound(self, count: int, age: float) -> None:
        """How much history is kept: so many rows of each kind, none older than `age` seconds."""
        if (count, age) != self._bounds:
            self._bounds = (count, age)
            self._send("bounds", count, age)

    def grant(self, roles: tuple[Role, ...]) -> None:
        """Who besides root and the owner may read logs and history."""
        if roles != self._roles:
            self._roles = roles
            rows = [[one.may, one.users, one.groups, one.services] for one in roles]
            if len(_encode(rows)) > LONGEST // 2:
                self.said("the roles are too many to be told: only root and the owner read logs")
                rows = []
            self._send("roles", rows)

    def wait_for(self, fmri: str, run: int, pattern: str) -> None:
        """Tell (`matched`) when a line of this run's output matches."""
        self._waited[fmri] = (run, pattern)
        self._send("watch", fmri, run, pattern)

    def note(self, fmri: str, text: str, after: bool) -> None:
        """Have a line of ours written into an instance's log, `after` all that it wrote so far."""
        self._record("note", fmri, text, after)

    def run(self, fmri: str, run: int, event: str, wall: int, pid: int, status: int | None) -> None:
        """A run began or ended; `status` as subprocess has it."""
        self._record("run", fmri, run, event, wall, pid, status)

    def transition(self, row: list[Any]) -> None:
        """Something for the history, sent with the others of this turn."""
        if self._waiting + len(self._history) >= MOST_HISTORY:
            self.dropped += 1
        else:
            self._history.append(row)

    def operation(self, *row: Any) -> None:
        """An operation ended."""
        self._record("operation", *row)

    def renew(self, call: Callable[[], object]) -> None:
        """Have the recorder replaced by what is installed now; `call()` when the new one begins."""
        self._renewed = call
        self._send("renew")

    def flush(self) -> None:
        """The turn is over: send what it had for the history."""
        while self._history:
            rows: list[list[Any]] = []
            size = 0
            while self._history and size < LONGEST // 2 and len(rows) < 500:
                row = self._history.popleft()
                size += len(_encode(row)) + 1
                rows.append(row)
            faults.point("history")
            self._post(_encode(("history", rows)), len(rows))
        if self.dropped and not self._queue:
            self.said(
                f"the recorder did not keep up: {self.dropped} transitions are not in the history"
            )
            self.dropped = 0

    def fileno(self) -> int:
        """The descriptor; -1 when the other end is gone."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let go of the socket; the keeper's is still there."""
        if self._socket.fileno() >= 0:
            self._loop.forget(self._socket.fileno())
            self._socket.close()

    # -- inside

    def _record(self, kind: str, *row: Any) -> None:
        if self._waiting >= MOST_HISTORY:
            self.dropped += 1
        else:
            self._post(_encode((kind, *row)), 1)

    def _send(self, *message: Any) -> None:
        self._post(_encode(message), 0)

    def _post(self, data: bytes, rows: int) -> None:
        if len(data) > LONGEST:
            self.said(f"a message to the recorder is too long: {data[:100]!r}")
        elif self._queue or not self._push(data):
            if rows:
                self._backlog.add(data)
            self._wait(data, rows)

    def _wait(self, data: bytes, rows: int) -> None:
        if not self._queue:
            self._loop.watch(self._socket.fileno(), epoll.READ | epoll.WRITE, self._ready)
        self._queue.append((data, rows))
        self._waiting += rows

    def _push(self, data: bytes) -> bool:
        try:
            self._socket.send(data, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        except OSError as error:
            self.said(f"the recorder cannot be reached: {error}")
            # The keeper is being lost: a successor of ours tells it, over a new pair.
            return error.errno not in _GONE
        return True

    def _ready(self, events: int) -> None:
        if self._queue and events & epoll.WRITE:
            while self._queue and self._push(self._queue[0][0]):
                data, rows = self._queue.popleft()
                self._waiting -= rows
                if rows:
                    self._backlog.taken(data)
            if not self._queue:
                self._loop.watch(self._socket.fileno(), epoll.READ, self._ready)
                self.flush()
        for _ in range(_AT_ONCE):
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                return
            except OSError as error:
                self.said(f"the recorder cannot be reached: {error}")
                data = b""
            if not data:
                self._loop.forget(self._socket.fileno())
                return
            self._one(data)

    def _one(self, data: bytes) -> None:
        try:
            message = msgspec.json.decode(data)
            kind, *rest = message
            self._heard(kind, rest)
        except (msgspec.DecodeError, ValueError, TypeError, KeyError, IndexError) as error:
            self.said(f"a message of the recorder was not understood: {error}: {data[:80]!r}")

    def _heard(self, kind: str, rest: list[Any]) -> None:
        if kind == "saved":
            self._answered(int(rest[0]), "")
        elif kind == "unsaved":
            self._answered(int(rest[0]), str(rest[1]) or "the recorder gave no reason")
        elif kind == "changed":
            _path, _who, call = self._changes.pop(int(rest[0]), ("", "", _ignored))
            call(str(rest[1]), str(rest[2]), bool(rest[3]))
        elif kind == "intents":
            self._told(rest[0], rest[1], bool(rest[2]))
        elif kind == "hello":
            self._again()
            renewed, self._renewed = self._renewed, lambda: None
            renewed()
        elif kind == "matched":
            fmri, run = str(rest[0]), int(rest[1])
            if self._waited.get(fmri, (0,))[0] == run:
                del self._waited[fmri]
            self.matched(fmri, run)
        elif kind == "trouble":
            self.trouble(str(rest[0]), rest[1], str(rest[2]))
        elif kind == "well":
            self.trouble(str(rest[0]), rest[1], None)

    def _answered(self, token: int, why: str) -> None:
        known = self._unanswered.pop(token, None)
        if known is not None and not why:
            fmri, intent = known
            if intent is None:
                self.intents.pop(fmri, None)
            else:
                self.intents[fmri] = intent
        self.saved(token, why)

    def _told(self, generation: Any, piece: Any, more: bool) -> None:
        if generation != self._generation:
            return  # an answer to a manager before us
        for fmri, intent in msgspec.convert(piece, dict[str, Intent]).items():
            self.intents.setdefault(fmri, intent)
        if not more and not self.known:
            self.known = True
            calls, self._when_known = self._when_known, []
            for call in calls:
                call()

    def _again(self) -> None:
        """A recorder has started: it knows nothing of what its predecessor had not answered."""
        if not self.known:
            self._send("hello", self._generation)
        for fmri, settings in self._settings.items():
            self._send("log", fmri, settings)
        if self._bounds != _BOUNDS:
            self._send("bounds", *self._bounds)
        roles, self._roles = self._roles, ()
        self.grant(roles)
        for token, (fmri, intent) in list(self._unanswered.items()):
            self._send("save", token, fmri, intent)
        for number, (path, who, _call) in list(self._changes.items()):
            self._send("change", number, path, who)
        for fmri, (run, pattern) in self._waited.items():
            self._send("watch", fmri, run, pattern)


def _ignored(_why: str, _hint: str, _refused: bool) -> None:
    """An answer that another manager waited for."""
