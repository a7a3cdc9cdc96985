"""Asking the recorder: logs and history, as JSON records.

A running recorder answers on RUN/records; where none runs, its reader is started as a program of
ours on the same files, with the same question. Either way nothing here reads a log.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from stoker.errors import Failed, Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from stoker.model import Place

__all__ = ["Records", "records"]


def records(place: Place, question: dict[str, Any]) -> Records:
    """Ask `question` (see `stoker.recorder`: {"do": "logs" | "history" | "names", …}).

    Raises Refused where the files are another's and no role lets us read them, UsageError when the
    question makes no sense.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0)
    text = json.dumps(question).encode("ascii") + b"\n"
    try:
        sock.connect(place.runtime + "/records")
        sock.sendall(text)
    except OSError:
        sock.close()  # no recorder: the files can be read all the same
        return Records(*_reader(place, text))
    fd = sock.detach()
    return Records(fd, 0, fd)


def _reader(place: Place, question: bytes) -> tuple[int, int, int]:
    """Start the recorder's reader; descriptor of its answers, its pid, and of its questions."""
    if not os.path.isdir(place.logs):
        raise Failed(f"nothing was ever logged for {place.name}: there is no {place.logs}")
    if not os.access(place.logs, os.R_OK | os.X_OK):
        raise Refused(
            f"you may not read {place.logs}",
            hint="who has a role in the place's settings ([[role]]) may while it is up; else ask "
            "its owner, or root",
        )
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    text = (
        f"import sys; sys.path[:0] = {[package]!r}; "
        "from stoker.recorder import read_main; sys.exit(read_main(sys.argv[1:]))"
    )
    history = os.path.join(place.state, "history.db")
    argv = [sys.executable, "-I", "-S", "-c", text, place.logs, history]
    asked, ask = os.pipe()
    answered, answer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, asked, 0), (os.POSIX_SPAWN_DUP2, answer, 1)]
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
    os.close(asked)
    os.close(answer)
    os.write(ask, question)
    return answered, pid, ask


class Records:
    """The answer: iterate over it, or `read` when `fileno` is ready. `close` it when done.

    `damaged`: (path, why) of each file so far that could not be read to its end.
    """

    def __init__(self, fd: int, pid: int, question: int) -> None:
        self._fd = fd
        self._pid = pid
        self._question = question
        self._rest = b""
        self._whole = False
        self.ended = False
        self.damaged: list[tuple[str, str]] = []

    def fileno(self) -> int:
        """To be waited on."""
        return self._fd

    def read(self) -> list[dict[str, Any]]:
        """The next records; [] at the end. Raises UsageError when the question made no sense,
        Failed when the reader ended before it had told all that was there.
        """
        while not self.ended:
            try:
                data = os.read(self._fd, 262144)
            except ConnectionResetError:
                data = b""
            if not data:
                self.ended = True
                if not self._whole:
                    raise Failed(
                        "the reader of logs and history ended before its answer did",
                        hint="ask again; `stoker logs --manager` may tell why",
                    )
                break
            *lines, self._rest = (self._rest + data).split(b"\n")
            found = [one for line in lines if line and not self._said(one := json.loads(line))]
            if found:
                return found
        return []

    def _said(self, record: dict[str, Any]) -> bool:
        """Take what is about the answer itself."""
        if "error" in record:
            if record.get("refused"):
                raise Refused(str(record["error"]), hint=str(record.get("hint", "")))
            raise UsageError(str(record["error"]), hint=str(record.get("hint", "")))
        if "damaged" in record:
            self.damaged.append((str(record["damaged"]), str(record.get("why", ""))))
            return True
        self._whole = self._whole or record.get("now") is True
        if record.get("end") is True:
            self.ended = True
            return True
        return False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while found := self.read():
            yield from found

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading; a reader of ours ends by that."""
        if self._fd < 0:
            return
        if self._question != self._fd:
            os.close(self._question)
        os.close(self._fd)
        self._fd = -1
        if self._pid:
            import signal

            os.kill(self._pid, signal.SIGTERM)  # it may be waiting for more to come
            os.waitpid(self._pid, 0)
