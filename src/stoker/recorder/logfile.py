"""Reading log files back, whatever mode they were written in: each line as a `Record`."""

from __future__ import annotations

import json
import os
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .lines import INDEX_RECORD, LETTER, parse_stamped, time_text
from .names import CURRENT, INDEX, closed_files

__all__ = ["LogFile", "Record", "all_of", "files_of", "last_of"]

LONGEST = 65536  # bytes of one record's text; longer lines come in pieces
BLOCK = 1 << 18


class Record(NamedTuple):
    """One line. `part`: it continues a line, or is continued. `stream`: o, e, s; of stoker.log,
    who wrote it.
    """

    time: str
    fmri: str
    stream: str
    run: int | None
    text: bytes
    part: bool = False

    def to_json(self) -> bytes:
        """As readers are given it: one line."""
        said: dict[str, object] = {
            "time": self.time,
            "fmri": self.fmri,
            "stream": self.stream,
            "run": self.run,
            "text": self.text.decode("utf-8", "surrogateescape"),
        }
        if self.part:
            said["part"] = True
        return json.dumps(said).encode("ascii") + b"\n"


Keep = Callable[[Record], bool]
Bad = Callable[[str, str], object]
"""Told of a file that cannot be read to its end, and why: the path, a few words."""


class Damage(ValueError):
    """A compressed file makes no sense from here on."""


class LogFile:
    """One file, open: `lines()` gives the records from where it stands to its end, and may be
    called again when it grew. Raises Damage there, after all that could be read.

    An unfinished line is kept back until it ends; `rest()` gives it out. Raises OSError on opening.
    """

    def __init__(self, path: str, fmri: str, *, own: bool = False, start: int = 0) -> None:
        self.path = path
        self.fmri = fmri
        self._own = own
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._coder = zlib.decompressobj(31) if path.endswith(".gz") else None
        self._stem = path.removesuffix(".gz")
        self._at = start  # read so far
        self._skip = start > 0  # up to the end of the line in whose middle we may be
        self._pending = b""
        self._offset = start  # of the pending bytes, in the text
        self._kind = ""
        self._index: list[tuple[int, int, int, int]] = []
        self._before: tuple[str, str, int | None] | None = (
            None  # head of the line of which a piece was given
        )
        about = os.fstat(self._fd)
        self.inode = about.st_ino
        self._time = time_text(about.st_mtime_ns)

    def close(self) -> None:
        """Close it; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def size(self) -> int:
        """Its present length in bytes (as it lies on the disk)."""
        return os.fstat(self._fd).st_size

    def _more(self) -> bytes:
        if self._coder is None and self.size() < self._at:
            # Cut, as stoker.log is: it begins anew.
            self._at = self._offset = 0
            self._pending = b""
        while True:
            data = os.pread(self._fd, BLOCK, self._at)
            self._at += len(data)
            if self._coder is None:
                return data
            if not data:
                if not self._coder.eof:
                    raise Damage("it ends in the middle")
                return data
            try:
                text = self._coder.decompress(data)
            except zlib.error:
                raise Damage("it is damaged") from None
            if self._coder.eof and self._coder.unused_data:
                # Files compressed in pieces, one behind the other (gzip(1) allows it).
                rest, self._coder = self._coder.unused_data, zlib.decompressobj(31)
                text += self._coder.decompress(rest)
            if text:
                return text

    def lines(self) -> Iterator[Record]:
        """Every whole line from here on."""
        while data := self._more():
            if self._skip:
                end = data.find(b"\n") + 1
                if not end:
                    self._offset += len(data)
                    continue
                self._skip = False
                self._offset += end
                data = data[end:]
            data = self._pending + data
            if not self._kind:
                self._kind = self._find_kind()
            if self._kind == "plain":
                self._load_index()
            lines = data.split(b"\n")
            self._pending = lines.pop()
            for line in lines:
                yield from self._whole(line)
                self._offset += len(line) + 1
            while len(self._pending) > LONGEST:
                yield from self._piece(self._pending[:LONGEST])
                self._offset += LONGEST
                self._pending = self._pending[LONGEST:]

    def rest(self) -> Iterator[Record]:
        """The unfinished line at the end, if there is one."""
        if self._pending and not self._skip:
            line, self._pending = self._pending, b""
            yield from self._whole(line)

    # -- lines to records -----------------------------------------------------------------------

    def _whole(self, line: bytes) -> Iterator[Record]:
        while len(line) > LONGEST + 64:
            yield from self._piece(line[:LONGEST])
            line = line[LONGEST:]
        if self._before is not None:
            when, stream, run = self._before
            self._before = None
            yield Record(when, self.fmri, stream, run, line.removesuffix(self._tail()), True)
            return
        record = self._parse(line)
        if record is not None:
            yield record

    def _piece(self, line: bytes) -> Iterator[Record]:
        if self._before is None:
            record = self._parse(line)
            if record is None:
                return
            self._before = (record.time, record.stream, record.run)
            yield record._replace(part=True)
        else:
            when, stream, run = self._before
            yield Record(when, self.fmri, stream, run, line, True)

    def _tail(self) -> bytes:
        return b'"}' if self._kind == "json" else b""

    def _find_kind(self) -> str:
        if self._own:
            return "own"
        if os.path.exists(self._stem + INDEX):
            return "plain"
        first = os.pread(self._fd, 4096, 0)
        if self._coder is not None:
            first = zlib.decompressobj(31).decompress(first)
        line = first.split(b"\n", 1)[0]
        if line.startswith(b'{"time":"'):
            return "json"
        return "lines" if parse_stamped(line) is not None else "raw"

    def _parse(self, line: bytes) -> Record | None:
        kind = self._kind
        if kind == "lines":
            parsed = parse_stamped(line)
            if parsed is not None:
                when, stream, run, part, text = parsed
                return Record(when, self.fmri, stream, run, text, part)
        elif kind == "json":
            return self._parse_json(line)
        elif kind == "own":
            return self._parse_own(line)
        elif kind == "plain" and self._index:
            at = bisect_right(self._index, (self._offset, 1 << 64, 0, 0)) - 1
            _, when_ns, run, number = self._index[max(at, 0)]
            return Record(time_text(when_ns), self.fmri, LETTER.get(number, "o"), run, line)
        return Record(self._time, self.fmri, "o", None, line)

    def _parse_json(self, line: bytes) -> Record | None:
        text = line
        for end in (b"", b'"}', b'\\"}'):
            try:
                said = json.loads(text + end)
                return Record(
                    str(said["time"]),
                    self.fmri,
                    str(said["stream"]),
                    int(said["run"]),
                    str(said["text"]).encode("utf-8", "surrogateescape"),
                    bool(said.get("part", False)) or bool(end),
                )
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # a line without its end has a quotation mark too few
        return Record(self._time, self.fmri, "o", None, line)

    def _parse_own(self, line: bytes) -> Record | None:
        when, _, rest = line.partition(b" ")
        who, colon, text = rest.partition(b": ")
        if not colon or len(when) < 20 or when[-1:] != b"Z":
            return Record(self._time, self.fmri, "", None, line)
        return Record(
            when.decode("ascii", "replace"), self.fmri, who.decode("ascii", "replace"), None, text
        )

    def _load_index(self) -> None:
        try:
            with open(self._stem + INDEX, "rb") as file:
                file.seek(len(self._index) * INDEX_RECORD.size)
                data = file.read()
        except FileNotFoundError:
            return
        data = data[: len(data) // INDEX_RECORD.size * INDEX_RECORD.size]
        self._index += INDEX_RECORD.iter_unpack(data)


def _unsaid(_path: str, _why: str) -> None:
    """Nobody wants to know."""


def files_of(folder: str) -> list[str]:
    """The paths of an instance's log files, oldest first."""
    paths = [os.path.join(folder, name) for name in closed_files(folder)]
    current = os.path.join(folder, CURRENT)
    return [*paths, current] if os.path.exists(current) else paths


def all_of(
    path: str, fmri: str, *, own: bool = False, bad: Bad = _unsaid, start: int = 0
) -> Iterator[Record]:
    """All records of one file, the unfinished line too; none if it has gone. `start`: only those
    after so many bytes; of a compressed one all.

    One that is damaged, or on a disk that fails, holds up no other: the lines before that are
    given.
    """
    try:
        file = _open(path, fmri, own, start)
        if file is None:
            return
    except OSError as error:
        bad(path, error.strerror or "it cannot be read")
        return
    try:
        yield from file.lines()
        yield from file.rest()
    except Damage as error:
        bad(file.path, str(error))
    except OSError as error:
        bad(file.path, error.strerror or "it cannot be read")
    finally:
        file.close()


def _open(path: str, fmri: str, own: bool, start: int) -> LogFile | None:
    # It may be compressed or removed since the folder was listed.
    for name, at in ((path, start), (f"{path}.gz", 0)):
        try:
            return LogFile(name, fmri, own=own, start=at)
        except FileNotFoundError:
            continue
    return None


def last_of(
    path: str, fmri: str, count: int, keep: Keep, *, own: bool = False, bad: Bad = _unsaid
) -> list[Record]:
    """The last `count` records that `keep` accepts, without reading all of a long file when that
    is not needed.
    """
    reach = 64 * 1024 + count * 256
    while True:
        start = 0
        if not path.endswith(".gz"):
            try:
                start = max(0, os.stat(path).st_size - reach)
            except OSError:
                pass  # opened under its compressed name, from the beginning
        records = all_of(path, fmri, own=own, bad=bad, start=start)
        found = deque(filter(keep, records), maxlen=count)
        if len(found) == count or not start:
            return list(found)
        reach *= 16
