"""Turning a block of output into what stands in a file, and back.

A line in a file of mode "lines" is ``TIME STREAM RUN TEXT``:

    2026-11-20T10:11:12.123456Z o 12 text as the service wrote it
    2026-11-20T10:11:12.123456Z o 12+ the rest of a line that something else interrupted

TIME is when the recorder read the line's first byte (UTC, microseconds, always 27 characters).
STREAM is ``o`` (standard output, or both together), ``e`` (standard error where it is apart) or
``s`` (a remark by stoker itself). RUN is the run's number. Of mode "json", a line is an object
with the same: ``time``, ``stream``, ``run``, ``text``, and ``part`` (true where "lines" has the
plus sign); bytes that are no UTF-8 stand in ``text`` as U+DC80 to U+DCFF (Python's
surrogateescape). In mode "plain" the bytes are as they came, and the index beside has the rest:
records of 24 bytes (`INDEX_RECORD`): offset, time in ns, run, stream; each holds until the next.
Mode "smf" is like it, with ``[ Nov 20 10:11:12 Enabled. ]`` for what we say (local time).

A whole block is stamped by one replace. An unfinished line is written as far as it has come; what
belongs to it follows without a stamp. `State` is what must be known to go on in the middle of a
line.
"""

from __future__ import annotations

import json
import struct
import time
from abc import ABC, abstractmethod
from datetime import datetime
from json.encoder import encode_basestring_ascii
from typing import NamedTuple

__all__ = [
    "ERR",
    "FORMER",
    "INDEX_RECORD",
    "OUT",
    "OWN",
    "Encoder",
    "JsonLines",
    "Plain",
    "Stamped",
    "State",
    "encoder_of",
    "parse_stamped",
    "time_text",
]

OUT, ERR, OWN, FORMER = 1, 2, 3, 4  # FORMER: of an earlier life, whatever it was; nobody goes on
LETTER = {OUT: "o", ERR: "e", OWN: "s"}
STREAM = {ord("o"): OUT, ord("e"): ERR, ord("s"): OWN}
INDEX_RECORD = struct.Struct("<QQII")

_second = -1
_text = ""


def time_text(wall_ns: int) -> str:
    """RFC 3339 in UTC with microseconds: 27 characters."""
    global _second, _text
    second, rest = divmod(wall_ns, 1_000_000_000)
    if second != _second:
        _text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second = second
    return f"{_text}.{rest // 1000:06d}Z"


class State(NamedTuple):
    """`run`: its number. `open`: the stream whose unfinished line is the file's last, 0 if the
    last line is whole.

    `broken`: bits (1 << stream) of streams whose unfinished line was interrupted, so that what
    comes next continues it.
    """

    run: int = 0
    open: int = 0
    broken: int = 0

    def word(self) -> int:
        """As one 64-bit number, so that it can be stored at once."""
        return self.run << 32 | self.open << 8 | self.broken

    @classmethod
    def of(cls, word: int) -> State:
        """The inverse of `word`."""
        return cls(word >> 32, word >> 8 & 0xFF, word & 0xFF)


Parts = list["bytes | memoryview"]


class Encoder(ABC):
    """What the modes have in common. `encode` and the others return what to write and the state
    afterwards.
    """

    indexed = False

    @abstractmethod
    def head(self, when: str, stream: int, run: int, part: bool) -> bytes:
        """What stands before a line's text."""

    @abstractmethod
    def body(self, data: bytes, head: bytes) -> bytes | memoryview:
        """The text of `data` with `head` at the beginning of each line but the first."""

    tail = b"\n"

    @abstractmethod
    def fits(self, first: bytes, indexed: bool) -> bool:
        """Whether a file that begins so (and has an index or not) is of this mode."""

    def texts(self, data: bytes) -> list[tuple[int | None, str]]:
        """The run (None: not told) and text of each line of a piece of a file that begins with a
        whole line.
        """
        return [(None, line) for line in data.decode("utf-8", "replace").split("\n") if line]

    def encode(self, data: bytes, stream: int, when: str, state: State) -> tuple[Parts, State]:
        """A block of one stream and one run. `data` is not empty."""
        run, opened, broken = state
        parts: Parts = []
        plain = self.head(when, stream, run, False)
        if opened != stream:
            if opened:
                parts.append(self.tail)
                broken |= 1 << opened
            again = broken >> stream & 1
            parts.append(self.head(when, stream, run, True) if again else plain)
            broken &= ~(1 << stream)
        parts.append(self.body(data, plain))
        return parts, State(run, 0 if data[-1] == 10 else stream, broken)

    def remark(self, text: str, when: str, state: State) -> tuple[Parts, State]:
        """A line of our own between the service's."""
        line = text.replace("\n", " ").encode("utf-8", "surrogateescape") + b"\n"
        parts, after = self.encode(line, OWN, when, state)
        return parts, after

    def finish(self, state: State) -> tuple[Parts, State]:
        """End an unfinished line, because the run is over."""
        return ([self.tail] if state.open else []), State(state.run)


class Stamped(Encoder):
    """Mode "lines"."""

    def fits(self, first: bytes, indexed: bool) -> bool:
        return parse_stamped(first) is not None and not indexed

    def head(self, when: str, stream: int, run: int, part: bool) -> bytes:
        return f"{when} {LETTER[stream]} {run}{'+' if part else ''} ".encode("ascii")

    def body(self, data: bytes, head: bytes) -> bytes | memoryview:
        body = data.replace(b"\n", b"\n" + head)
        if data[-1] == 10:
            return memoryview(body)[: -len(head)]
        return body

    def texts(self, data: bytes) -> list[tuple[int | None, str]]:
        found: list[tuple[int | None, str]] = []
        for line in data.split(b"\n"):
            parsed = parse_stamped(line)
            if parsed is not None and parsed[1] != "s":
                found.append((parsed[2], parsed[4].decode("utf-8", "replace")))
        return found


class JsonLines(Encoder):
    """Mode "json"."""

    tail = b'"}\n'

    def fits(self, first: bytes, indexed: bool) -> bool:
        return first.startswith(b'{"time":"') and not indexed

    def head(self, when: str, stream: int, run: int, part: bool) -> bytes:
        more = '"part":true,' if part else ""
        text = f'{{"time":"{when}","stream":"{LETTER[stream]}","run":{run},{more}"text":"'
        return text.encode("ascii")

    def body(self, data: bytes, head: bytes) -> bytes | memoryview:
        lines = data.decode("utf-8", "surrogateescape").split("\n")
        between = (self.tail + head).decode("ascii")
        text = between.join([encode_basestring_ascii(line)[1:-1] for line in lines])
        body = text.encode("ascii")
        if data[-1] == 10:
            return memoryview(body)[: -len(head)]
        return body

    def texts(self, data: bytes) -> list[tuple[int | None, str]]:
        found: list[tuple[int | None, str]] = []
        for line in data.split(b"\n"):
            try:
                said = json.loads(line)
                text = said["text"].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                if said["stream"] != "s":
                    found.append((int(said["run"]), text))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # half a line, or another's
        return found


class Plain(Encoder):
    """Mode "plain": the bytes themselves; the index tells the rest."""

    indexed = True

    def fits(self, first: bytes, indexed: bool) -> bool:
        return indexed

    def head(self, when: str, stream: int, run: int, part: bool) -> bytes:
        return b""

    def body(self, data: bytes, head: bytes) -> bytes | memoryview:
        return data

    def encode(self, data: bytes, stream: int, when: str, state: State) -> tuple[Parts, State]:
        after = State(state.run, 0 if data[-1] == 10 else stream, 0)
        if stream == OWN and state.open:
            return [b"\n", data], after
        return [data], after


class AsSmf(Plain):
    """Mode "smf": the same, but what we say ourselves stands in brackets with its time."""

    def remark(self, text: str, when: str, state: State) -> tuple[Parts, State]:
        at = datetime.fromisoformat(when).astimezone()
        return super().remark(f"[ {at:%b %e %H:%M:%S} {text} ]", when, state)


_ENCODERS: dict[str, Encoder] = {
    "lines": Stamped(), "json": JsonLines(), "plain": Plain(), "smf": AsSmf(),
}  # fmt: skip


def parse_stamped(line: bytes) -> tuple[str, str, int, bool, bytes] | None:
    """Time, stream's letter, run, whether it continues a line, and the text; None if it is no
    such line.
    """
    if (
        len(line) < 32
        or line[26] != 90
        or line[27] != 32
        or line[29] != 32
        or line[28] not in STREAM
    ):
        return None
    end = line.find(b" ", 30, 44)
    number = line[30:end]
    part = number.endswith(b"+")
    number = number.removesuffix(b"+")
    if end < 0 or not number.isdigit():
        return None
    when = line[:27].decode("ascii", "replace")
    return when, chr(line[28]), int(number), part, line[end + 1 :]


def encoder_of(mode: str) -> Encoder | None:
    """The encoder of a mode; None for modes in which the recorder writes no file."""
    return _ENCODERS.get(mode)
