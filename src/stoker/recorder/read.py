"""The reader: answers one question about logs or history, as a program of its own.

The recorder starts one for each connection to ``RUN/records``; where no recorder runs, a client
starts it itself as ``read LOGS HISTORY`` (the log directory, the history's file) with pipes. The
protocol is the same: one line of JSON with the question on standard input, lines of JSON on
standard output, the last being ``{"end": true}`` or ``{"error": ..., "hint": ...}``.

- ``{"do": "logs", ...}``: ``names`` (canonical FMRIs; none: all there are), ``own`` (true:
  stoker.log instead, as "stoker"), ``n`` (only the last so many of the merged lines), ``since``,
  ``until`` (wall ns), ``run`` (number or "last"), ``stream`` ("o", "e", "s"), ``grep`` (regular
  expression) with ``ignore_case``, ``follow`` (go on until the client closes; it must not shut
  down its sending side before). Answer: ``{"time", "fmri", "stream", "run", "text"[, "part":
  true]}``, in the order of time; text is UTF-8, other bytes as U+DC80 to U+DCFF. With ``follow``,
  ``{"now": true}`` stands between what was there and what comes. ``{"damaged": path, "why"}``, once
  for each file that cannot be read to its end: what can be is given, and the others are.
- ``{"do": "history", ...}``: ``what`` ("runs", "transitions", "operations"), ``names``,
  ``since``, ``until``, ``limit`` (the newest so many, default 1000). Answer: the rows, oldest
  first, as `stoker.repository` describes them.
- ``{"do": "properties"}``: ``names`` (FMRIs of services; none: all). Answer: the rows, as
  `stoker.repository` describes them, the count of changes first.
- ``{"do": "names"}``: ``{"fmri", "folder", "bytes"}`` for each instance that has a log.

Who is neither root nor the place's owner gets what the settings' roles let him read: with the roles
as a third argument (JSON: rows of may, users, groups, services) standard input is his connection,
and the kernel says who he is. ``"refused": true`` stands beside the error of a question that goes
further; what is named by nobody is left out silently.
"""

from __future__ import annotations

import heapq
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from .follow import Follower, Watch, folders
from .lines import time_text
from .logfile import Record, all_of, files_of, last_of
from .names import closed_files, fmri_of, folder_of
from .ownlog import OWN_FOLDER

__all__ = ["Question", "main"]

LONGEST_QUESTION = 1 << 20
FLUSH = 65536


class Question:
    """What is asked about logs. Raises ValueError with a sentence where it makes no sense."""

    def __init__(self, asked: dict[str, Any]) -> None:
        names = asked.get("names") or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("names must be a list of FMRIs")
        self.names: list[str] = names
        self.own = bool(asked.get("own"))
        self.count = _whole(asked, "n")
        self.since = _time(asked, "since")
        self.until = _time(asked, "until")
        self.stream = asked.get("stream")
        self.follow = bool(asked.get("follow"))
        run = asked.get("run")
        if run != "last" and run is not None and (not isinstance(run, int) or run < 0):
            raise ValueError('run must be a number or "last"')
        self.run: int | str | None = run
        self.runs: dict[str, int | None] = {}  # with run "last": each one's number
        pattern = asked.get("grep")
        try:
            flags = re.IGNORECASE if asked.get("ignore_case") else 0
            self.pattern = re.compile(pattern, flags) if pattern else None
        except (re.error, TypeError) as error:
            raise ValueError(f"the pattern {pattern!r} makes no sense: {error}") from None

    def keep(self, record: Record) -> bool:
        """Whether a record is asked for."""
        if self.since is not None and record.time < self.since:
            return False
        if self.until is not None and record.time >= self.until:
            return False
        if self.stream and record.stream != self.stream:
            return False
        if self.run is not None:
            wanted = self.runs.get(record.fmri) if self.run == "last" else self.run
            if record.run != wanted:
                return False
        pattern = self.pattern
        return (
            pattern is None
            or pattern.search(record.text.decode("utf-8", "surrogateescape")) is not None
        )


def _whole(asked: dict[str, Any], key: str) -> int | None:
    value = asked.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{key} must be a whole number")
    return value


def _time(asked: dict[str, Any], key: str) -> str | None:
    value = _whole(asked, key)
    return None if value is None else time_text(value)


class Reader:
    """Answers `Question`s from the files below `root`."""

    def __init__(
        self, root: str, write: Any, visible: Callable[[str], bool] = lambda _fmri: True
    ) -> None:
        self.root = root
        self._write = write
        self._visible = visible
        self._damaged: set[str] = set()

    def _bad(self, path: str, why: str) -> None:
        if path not in self._damaged:
            self._damaged.add(path)
            self._write(json.dumps({"damaged": path, "why": why}).encode() + b"\n", False)

    def places(self, question: Question) -> list[tuple[str, str, str]]:
        """Folder, FMRI, and for stoker.log its path, of each log that is asked for."""
        if question.own:
            path = os.path.join(self.root, "stoker.log")
            return [(os.path.join(self.root, OWN_FOLDER), "stoker", path)]
        if question.names:
            return [
                (os.path.join(self.root, folder_of(n)), n, "")
                for n in dict.fromkeys(question.names)
            ]
        return [(os.path.join(self.root, n), fmri_of(n), "") for n in self._folders()]

    def _folders(self) -> list[str]:
        return [name for name in folders(self.root) if self._visible(fmri_of(name))]

    def logs(self, question: Question, output: int = 1) -> None:
        """Write what is there, and with `follow` what comes."""
        places = self.places(question)
        if question.run == "last":
            question.runs = {fmri: self._last_run(folder, fmri) for folder, fmri, _ in places}
        if not question.follow:
            self._give(self._backlog(question, [(p[1], _files(*p), p[2]) for p in places]))
            return
        followers = [Follower(folder, fmri, own=own) for folder, fmri, own in places]
        # Watched before it is read, so that nothing falls between.
        everything = not question.names and not question.own
        watch = Watch(self.root, followers, output, self._visible if everything else None)
        before = [
            (one.fmri, one.begin(), own) for one, (_, _, own) in zip(followers, places, strict=True)
        ]
        self._give(self._to_now(question, before, followers))
        self._write(b'{"now": true}\n', True)
        changed: list[Follower] | None = []
        while changed is not None:
            fresh = [record for one in changed for record in one.more() if question.keep(record)]
            fresh.sort(key=_when)
            self._give(fresh)
            self._write(b"", True)
            changed = watch.wait()

    def _give(self, records: Iterable[Record]) -> None:
        for record in records:
            self._write(record.to_json(), False)

    def _backlog(
        self, question: Question, logs: list[tuple[str, list[str], str]]
    ) -> Iterable[Record]:
        count = question.count
        if count is None:
            return heapq.merge(
                *(self._all(question, fmri, files, own) for fmri, files, own in logs), key=_when
            )
        found = [self._last(question, fmri, files, own, count) for fmri, files, own in logs]
        return list(heapq.merge(*found, key=_when))[-count:] if count else []

    def _to_now(
        self,
        question: Question,
        before: list[tuple[str, list[str], str]],
        followers: list[Follower],
    ) -> Iterable[Record]:
        """The backlog where the file in use is read by its follower, which then stands at its
        end.
        """
        count = question.count
        if count is None:
            return heapq.merge(
                *(
                    _chain(self._all(question, fmri, files, own), filter(question.keep, one.more()))
                    for (fmri, files, own), one in zip(before, followers, strict=True)
                ),
                key=_when,
            )
        found: list[list[Record]] = []
        for (fmri, files, own), one in zip(before, followers, strict=True):
            latest: list[Record] = []
            for record in filter(question.keep, one.more()):
                latest.append(record)
                if len(latest) >= 2 * count + 1000:
                    del latest[: len(latest) - count]
            latest = latest[-count:] if count else []
            if len(latest) < count:
                latest = self._last(question, fmri, files, own, count - len(latest)) + latest
            found.append(latest)
        return list(heapq.merge(*found, key=_when))[-count:] if count else []

    def _all(self, question: Question, fmri: str, files: list[str], own: str) -> Iterator[Record]:
        for path in files:
            if not _too_old(path, question.since):
                yield from filter(question.keep, all_of(path, fmri, own=bool(own), bad=self._bad))

    def _last(
        self, question: Question, fmri: str, files: list[str], own: str, count: int
    ) -> list[Record]:
        found: list[Record] = []
        for path in reversed(files):
            if len(found) >= count or _too_old(path, question.since):
                break
            more = count - len(found)
            found = last_of(path, fmri, more, question.keep, own=bool(own), bad=self._bad) + found
        return found

    def _last_run(self, folder: str, fmri: str) -> int | None:
        for path in reversed(files_of(folder)):
            for record in last_of(
                path, fmri, 1, lambda one: one.run is not None and one.stream != "s"
            ):
                return record.run
        return None

    def names(self) -> None:
        """Which instances have logs."""
        for folder in self._folders():
            size = sum(os.stat(path).st_size for path in files_of(os.path.join(self.root, folder)))
            said = {
                "fmri": fmri_of(folder),
                "folder": os.path.join(self.root, folder),
                "bytes": size,
            }
            self._write(json.dumps(said).encode() + b"\n", False)


def _chain(first: Iterator[Record], then: Iterator[Record]) -> Iterator[Record]:
    yield from first
    yield from then


def _when(record: Record) -> str:
    return record.time


def _files(folder: str, _fmri: str, own: str) -> list[str]:
    if not own:
        return files_of(folder)
    closed = [os.path.join(folder, name) for name in closed_files(folder)]
    return [*closed, own] if os.path.exists(own) else closed


def _too_old(path: str, since: str | None) -> bool:
    """Whether a closed file was closed before `since`, as its name says."""
    name = os.path.basename(path).removesuffix(".gz")
    return (
        since is not None and name[:1].isdigit() and name < since.replace("-", "").replace(":", "")
    )


def history(
    path: str, asked: dict[str, Any], write: Any, visible: Callable[[str], bool] | None = None
) -> None:
    """Answer a question about history. Raises StokerError, ValueError."""
    import sqlite3

    from stoker.errors import RepositoryError
    from stoker.repository import open_readonly, operations, runs, transitions

    kinds = {"runs": runs, "transitions": transitions, "operations": operations}
    kind = kinds.get(asked.get("what", "runs"))
    if kind is None:
        raise ValueError(f"what must be one of {', '.join(kinds)}")
    if not os.path.exists(path):
        return  # nothing has happened yet
    limit = _whole(asked, "limit")
    base = open_readonly(path)
    try:
        rows = kind(
            base,
            asked.get("names") or [],
            _whole(asked, "since"),
            _whole(asked, "until"),
            1000 if limit is None else limit,
            visible,
        )
        for row in rows:
            write(json.dumps(row).encode("ascii") + b"\n", False)
    except sqlite3.Error as error:
        raise RepositoryError(f"{path}: {error}", hint="stoker doctor looks at it") from error
    finally:
        base.close()


def stored_properties(
    past: str, asked: dict[str, Any], write: Any, visible: Callable[[str], bool] | None = None
) -> None:
    """Answer a question about properties. Raises StokerError, ValueError."""
    import sqlite3

    from stoker.errors import RepositoryError
    from stoker.repository import open_readonly, properties

    path = os.path.join(os.path.dirname(past), "repository.db")
    if not os.path.exists(path):
        write(b'{"count": 0}\n', False)
        return
    base = open_readonly(path)
    try:
        if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'services'").fetchone():
            write(b'{"count": 0}\n', False)  # of an earlier version, not yet taken over
            return
        for row in properties(base, asked.get("names") or []):
            name = row.get("service") or row.get("group") or row.get("snapshot")
            if name is None or visible is None or visible(name):
                write(json.dumps(row).encode("ascii") + b"\n", False)
    except sqlite3.Error as error:
        raise RepositoryError(f"{path}: {error}", hint="stoker doctor looks at it") from error
    finally:
        base.close()


class Grant(NamedTuple):
    """One role of the settings, as the manager told the recorder."""

    may: str
    users: list[str]
    groups: list[str]
    services: list[str]


def rights(grants: str) -> Any:
    """What who is at the other end of standard input may do. Raises OSError, ValueError."""
    import socket

    from stoker.linux import peer
    from stoker.model import Peer, rights_of

    with socket.socket(fileno=os.dup(0)) as connection:
        who = Peer(*peer.credentials(connection))
    return rights_of(who, [Grant(*row) for row in json.loads(grants)], os.getuid())


def _visible(may: Any, asked: dict[str, Any]) -> Callable[[str], bool] | None:
    """Which FMRIs may be read by who has these rights (None: all). Raises Refused."""
    if may is None or may.sees_all():
        return None
    from stoker.errors import Refused
    from stoker.model import Level, display

    hint = "roles are granted in the place's settings ([[role]])"
    if may.most < Level.READ or asked.get("own"):
        raise Refused("you may not read this", hint=hint)

    def visible(fmri: str) -> bool:
        return bool(may.to(fmri) >= Level.READ)

    names = asked.get("names")
    for name in names if isinstance(names, list) else []:
        if not isinstance(name, str) or not visible(name):
            raise Refused(f"you may not read {display(str(name))}", hint=hint)
    return visible


def answer(logs: str, past: str, question: bytes, write: Any, may: Any = None) -> None:
    """Answer one question; everything that can be wrong with it becomes the answer. `may`: the
    rights of who asks, None for all.
    """
    from stoker.errors import Refused, StokerError

    try:
        asked = json.loads(question)
        if not isinstance(asked, dict):
            raise ValueError("a question is a JSON object")
        what = asked.get("do")
        visible = _visible(may, asked)
        reader = Reader(logs, write) if visible is None else Reader(logs, write, visible)
        if what == "logs":
            reader.logs(Question(asked))
        elif what == "history":
            history(past, asked, write, visible)
        elif what == "properties":
            stored_properties(past, asked, write, visible)
        elif what == "names":
            reader.names()
        else:
            raise ValueError("do must be one of logs, history, properties, names")
    except StokerError as error:
        said = {"error": str(error), "hint": error.hint, "refused": isinstance(error, Refused)}
        write(json.dumps(said).encode() + b"\n", True)
    except (ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        write(json.dumps({"error": str(error), "hint": ""}).encode() + b"\n", True)
    else:
        write(b'{"end": true}\n', True)


def _read_question() -> bytes:
    data = b""
    while b"\n" not in data and len(data) < LONGEST_QUESTION:
        more = os.read(0, 65536)
        if not more:
            break
        data += more
    return data.split(b"\n", 1)[0]


def main(argv: list[str] | None = None) -> int:
    """``read LOGS HISTORY [ROLES]``: 0, also when whoever asked has gone before the end."""
    logs, past, *grants = sys.argv[1:] if argv is None else argv
    held = bytearray()

    def write(data: bytes, flush: bool) -> None:
        nonlocal held
        held += data
        if flush or len(held) >= FLUSH:
            view, held = memoryview(bytes(held)), bytearray()
            while view:
                view = view[os.write(1, view) :]

    try:
        may = rights(grants[0]) if grants else None
        answer(logs, past, _read_question(), write, may)
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return 0
    return 0
