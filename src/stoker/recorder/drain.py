"""From the pipes into the files: the path that every byte of a service's output takes, block by
block.

A block is cut into parts at the marks that begin a run and where a file is full; each part is
written by itself, as `journal` says. Nothing here waits: a disk that refuses means counting what
is dropped, and one line that says so later.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from collections.abc import Callable

from stoker.linux import faults

from .book import RETRY, Book, Shelf
from .journal import BUFFER, SLACK, Journal
from .lines import ERR, INDEX_RECORD, OUT, OWN, Parts, State, time_text
from .output import TAIL, last_lines, loss, write_all, written
from .passing import Passing
from .pipes import Pipe, split_name

__all__ = ["Drain"]

SAME_TIME = 10_000_000  # ns within which two index records of one run and stream are one
LONGEST_MARK = 96
SEEN = 65536  # bytes of what was read already in which an awaited line is looked for


class Drain:
    """Reads what is ready and keeps it.

    `trouble(what, fmri, text)` and `well(what, fmri)` are told when a log cannot be written and
    when it can again; `matched(fmri, run, line)` when a line matched the pattern of its book.
    """

    def __init__(
        self,
        journal: Journal,
        shelf: Shelf,
        *,
        trouble: Callable[[str, str, str], object],
        well: Callable[[str, str], object],
        matched: Callable[[str, int, str], object],
        passing: Passing,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.journal = journal
        self.passing = passing
        self.shelf = shelf
        self.sick: set[str] = set()
        self._mark = b""
        self._whole_mark: re.Pattern[bytes] | None = None
        self._trouble = trouble
        self._well = well
        self._matched = matched
        self._clock = clock

    def set_mark(self, nonce: str) -> None:
        """The secret by which a mark between two runs is known from what a service writes."""
        self._mark = b"\0\x1estoker" + nonce.encode("ascii") + b" run "
        self._whole_mark = re.compile(re.escape(self._mark) + rb"(\d{1,10}) \d{1,20}\n")

    # -- blocks ---------------------------------------------------------------------------------

    def read(self, pipe: Pipe) -> int:
        """Take one block from a pipe and keep it. The bytes taken; 0 at the end of file; -1 if
        there was nothing.
        """
        journal = self.journal
        journal.begin(pipe.name)
        try:
            count = journal.take(pipe.fd)
        except BlockingIOError:
            journal.end()
            return -1
        if not count:
            journal.end()
            return 0
        if count >= 65536 and not pipe.grown:
            pipe.grown = True
            try:
                # Someone writes much: fewer, larger blocks cost less. Only written pages take
                # memory.
                fcntl.fcntl(pipe.fd, fcntl.F_SETPIPE_SZ, BUFFER)
            except OSError:
                pass  # the user's allowance of pipe memory is used up: it stays as it is
        self._block(pipe.book, pipe.stream, pipe.fd)
        return count

    def read_all(self, pipe: Pipe, limit: int = 64) -> int:
        """Take what there is, at most `limit` blocks; the last answer of `read`."""
        for _ in range(limit):
            count = self.read(pipe)
            if count <= 0:
                return count
        return 1

    def recover(self, pipes: dict[str, Pipe]) -> str | None:
        """Finish the block that a predecessor left. The pipe's name, or None if there was none."""
        name = self.journal.left()
        if name is None:
            return None
        fmri, stream = split_name(name)
        pipe = pipes.get(name)
        self._block(self.shelf.book(fmri), stream, pipe.fd if pipe is not None else -1)
        return name

    def _block(self, book: Book, stream: int, source: int) -> None:
        journal = self.journal
        data = bytes(journal.buffer[: journal.size])
        has_nul = b"\0" in data
        if has_nul and self._mark and source >= 0:
            data = self._complete(data, source)
        now = self._clock()
        redo = journal.planned()
        if redo is not None:
            self._part(book, data[journal.done : redo[0]], stream, redo[0], redo[4], redo)
        at = journal.done
        size = len(data)
        while at < size:
            end = self._mark_at(data, at) if has_nul else size
            end = self._fit(book, data, at, end, now) if end > at else self._mark_end(data, at)
            self._part(book, data if end - at == size else data[at:end], stream, end, now, None)
            at = end
        journal.end()

    def _complete(self, data: bytes, source: int) -> bytes:
        """A mark was written at once, so if the block ends within one, the rest is in the pipe."""
        journal = self.journal
        while len(data) < BUFFER + SLACK - LONGEST_MARK:
            at = data.rfind(b"\0", max(0, len(data) - LONGEST_MARK))
            rest = data[at:] if at >= 0 else b""
            cut = rest and (
                self._mark.startswith(rest) or (rest.startswith(self._mark) and b"\n" not in rest)
            )
            if not cut:
                break
            try:
                if not journal.take(source, LONGEST_MARK):
                    break
            except BlockingIOError:
                break
            data = bytes(journal.buffer[: journal.size])
        return data

    def _mark_at(self, data: bytes, at: int) -> int:
        """Where the next mark begins, or the end of the data."""
        if self._whole_mark is None:
            return len(data)
        found = self._whole_mark.search(data, at)
        return found.start() if found else len(data)

    def _mark_end(self, data: bytes, at: int) -> int:
        found = self._whole_mark.match(data, at) if self._whole_mark else None
        return found.end() if found else len(data)

    def _fit(self, book: Book, data: bytes, at: int, end: int, now: int) -> int:
        """How much of `data[at:end]` goes into the file in use, which is closed first if it is
        full or old.
        """
        encoder = book.encoder
        if encoder is None or book.resting(now):
            return end
        try:
            self.shelf.open(book, now)
            limit = book.settings.size
            opened = book.state.open
            if self.shelf.due(book, now) and not opened:
                self.shelf.rotate(book, now)
                self.shelf.open(book, now)
            room = limit - book.size
            if end - at <= room:
                return end
            cut = data.rfind(b"\n", at, at + room) + 1 if room > 0 else 0
            if cut > at:
                return cut
            if book.size and (not opened or book.size >= 2 * limit + BUFFER):
                # The second: a line without an end, longer than any file may be.
                self.shelf.rotate(book, now)
                return self._fit(book, data, at, end, now)
            cut = data.find(b"\n", at, end) + 1
            return cut if cut > at else end
        except OSError as error:
            self._fail(book, error, now)
            return end

    # -- parts ----------------------------------------------------------------------------------

    def _part(
        self,
        book: Book,
        chunk: bytes,
        stream: int,
        end: int,
        now: int,
        redo: tuple[int, int, int, int, int, int, tuple[int, int, int]] | None,
    ) -> None:
        """Keep one part, or count it as dropped; then the journal says that it is done."""
        state = State.of(redo[5]) if redo else book.state
        lost = redo[6] if redo else book.words.lost(book.slot)
        run = self._run_begun(chunk)
        if run is not None:
            book.ended = (state.run, last_lines(book, state.run))
        if book.encoder is None or (run is not None and not state.open):
            # Nothing to write: a file is opened at the first byte.
            if run is None:
                self._unkept(book, stream, chunk)
            else:
                self.passing.ended(book, stream)
                book.state = State(run, 0, 0)
                book.run_at = (run, book.size if book.fd >= 0 else -1)
                book.pending = book.tail = b""
            self.journal.settle(end)
            return
        if redo is None and book.resting(now):
            self._give_up(book, chunk, run, state, lost, now)
            self.journal.settle(end)
            return
        when = time_text(now)
        remark: Parts = []
        before = state
        if lost[1]:
            remark, _ = book.encoder.remark(loss(lost), when, state)
            before = State(state.run)
        if run is None:
            parts, after = book.encoder.encode(chunk, stream, when, before)
        else:
            parts, after = book.encoder.finish(before)
            after = State(run)
        try:
            self._write(book, remark, parts, stream, end, now, state, lost, redo)
        except OSError as error:
            self._fail(book, error, now)
            self._give_up(book, chunk, run, state, lost, now)
            self.journal.settle(end)
            return
        book.state = after
        if lost[1]:
            book.words.set_lost(book.slot, 0, 0, 0)
        if book.sick:
            book.sick = ""
            self.sick.discard(book.fmri)
            self._well("log", book.fmri)
        faults.point("remembered")
        self.journal.settle(end)
        if run is not None:
            book.run_at = (run, book.size)
            book.pending = b""
        else:
            self._look(book, chunk)

    def _run_begun(self, chunk: bytes) -> int | None:
        if self._whole_mark is None or chunk[:2] != b"\0\x1e":
            return None
        found = self._whole_mark.fullmatch(chunk)
        return int(found[1]) & 0xFFFFFFFF if found else None

    def _write(
        self,
        book: Book,
        remark: Parts,
        parts: Parts,
        stream: int,
        end: int,
        now: int,
        state: State,
        lost: tuple[int, int, int],
        redo: tuple[int, int, int, int, int, int, tuple[int, int, int]] | None,
    ) -> None:
        """Put `remark` and `parts` at the end of the file, or, to repeat it, where the
        predecessor did. Raises OSError.
        """
        self.shelf.open(book, now)
        offset, index = book.size, book.index_size
        if redo is not None and redo[1] == book.inode:
            offset, index = min(redo[2], offset), min(redo[3], index)
        if book.run_at[1] < 0:
            book.run_at = (state.run, offset)
        self.journal.plan(end, book.inode, offset, index, now, state.word(), lost)
        try:
            if book.index_fd >= 0 and (remark or parts):
                index = self._index(book, remark, stream, offset, index, now, state.run)
                faults.point("indexed")
            written = write_all(book.fd, [*remark, *parts], offset)
        except OSError:
            try:
                os.ftruncate(book.fd, offset)
                if book.index_fd >= 0:
                    os.ftruncate(book.index_fd, book.index_size)
            except OSError:
                pass  # the first error says enough; the next block is written over the rest
            book.size = offset
            raise
        faults.point("written")
        book.size = offset + written
        book.index_size = index
        if redo is not None:
            os.ftruncate(book.fd, book.size)
        if not book.born and book.settings.age:
            book.born = now

    def _index(
        self, book: Book, remark: Parts, stream: int, offset: int, index: int, now: int, run: int
    ) -> int:
        records = b""
        if remark:
            records = INDEX_RECORD.pack(offset, now, run, OWN)
            offset += sum(map(len, remark))
        last = book.last_index
        if remark or last[1:] != (run, stream) or now - last[0] >= SAME_TIME or not index:
            records += INDEX_RECORD.pack(offset, now, run, stream)
            book.last_index = (now, run, stream)
        if records:
            write_all(book.index_fd, [records], index)
        return index + len(records)

    # -- what cannot be kept ---------------------------------------------------------------------

    def _fail(self, book: Book, error: OSError, now: int) -> None:
        self.shelf.close(book)
        book.retry_at = now + RETRY
        self.sick.add(book.fmri)
        why = error.strerror or errno.errorcode.get(error.errno or 0, str(error))
        if book.sick != why:
            book.sick = why
            text = f"{book.path}: {why}; output is read on and dropped until it can be written"
            self._trouble("log", book.fmri, text)

    def _give_up(
        self,
        book: Book,
        chunk: bytes,
        run: int | None,
        state: State,
        lost: tuple[int, int, int],
        now: int,
    ) -> None:
        """Count a part instead of keeping it; of a mark, keep what it says."""
        if run is not None:
            book.state = State(run, state.open, state.broken)
            return
        lines, size, since = lost
        book.words.set_lost(book.slot, lines + chunk.count(b"\n"), size + len(chunk), since or now)

    def begin_run(self, book: Book, run: int) -> None:
        """What comes from now on belongs to this run, though no mark said so. An unfinished line
        is ended.
        """
        state = book.state
        encoder = book.encoder
        if encoder is not None and state.open and not book.words.lost(book.slot)[1]:
            now = self._clock()
            try:
                self.shelf.open(book, now)
                book.size += write_all(book.fd, encoder.finish(book.state)[0], book.size)
            except OSError as error:
                self._fail(book, error, now)
        book.state = State(run & 0xFFFFFFFF)
        book.run_at = (run, book.size if book.fd >= 0 else -1)
        book.tail = book.pending = b""

    def retry(self) -> None:
        """Try the books that could not be written; whether any is left can be seen in `sick`."""
        for fmri in list(self.sick):
            book = self.shelf.book(fmri)
            now = self._clock()
            if not book.resting(now):
                self.remark(book, "", now)

    def remark(self, book: Book, text: str, now: int | None = None) -> bool:
        """Write a line of our own, after the one that says what was dropped, if anything was."""
        when = self._clock() if now is None else now
        encoder = book.encoder
        lost = book.words.lost(book.slot)
        if encoder is None or not (text or lost[1]):
            self.sick.discard(book.fmri)
            return True
        parts: Parts = []
        try:
            self.shelf.open(book, when)
            state = book.state
            if lost[1]:
                parts, _ = encoder.remark(loss(lost), time_text(when), state)
                state = State(state.run)
            if text:
                more, state = encoder.remark(text, time_text(when), state)
                parts += more
            if book.index_fd >= 0:
                record = INDEX_RECORD.pack(book.size, when, state.run, OWN)
                book.index_size += write_all(book.index_fd, [record], book.index_size)
                book.last_index = (0, 0, 0)
            book.size += write_all(book.fd, parts, book.size)
        except OSError as error:
            self._fail(book, error, when)
            return False
        book.state = state
        book.words.set_lost(book.slot, 0, 0, 0)
        self.sick.discard(book.fmri)
        if book.sick:
            book.sick = ""
            book.retry_at = 0
            self._well("log", book.fmri)
        return True

    # -- other ends -----------------------------------------------------------------------------

    def _unkept(self, book: Book, stream: int, chunk: bytes) -> None:
        if book.settings.mode == "passthrough":
            self.passing.take(book, stream, chunk)
        book.tail = (book.tail + chunk)[-TAIL:]
        self._look(book, chunk)

    def leave(self, fmri: str) -> None:
        """Nothing more will come of this instance: only its files stay."""
        book = self.shelf.book(fmri)
        for stream in (OUT, ERR):
            self.passing.ended(book, stream)
        self.shelf.forget(fmri)

    def watch(self, book: Book, run: int, pattern: re.Pattern[bytes]) -> None:
        """Tell (`matched`) of the first line of a run that the pattern finds. What the run wrote
        may have been read before this was asked, when another's message made us read.
        """
        book.pattern, book.awaited, book.pending = pattern, run, b""
        if book.state.run != run:
            return
        self._look(book, written(book, run, SEEN).encode("utf-8", "replace"))

    def _look(self, book: Book, chunk: bytes) -> None:
        """Whether a line of this chunk is the one that says the service is ready."""
        if book.pattern is None or book.state.run < book.awaited:
            return
        text = book.pending + chunk
        whole = text.rfind(b"\n") + 1
        found = book.pattern.search(text, 0, whole)
        if found is None:
            book.pending = text[whole:][-TAIL:]
            return
        start = text.rfind(b"\n", 0, found.start()) + 1
        stop = text.find(b"\n", found.end())
        line = text[start : stop if stop >= 0 else len(text)][:TAIL]
        book.pattern = None
        book.pending = b""
        self._matched(book.fmri, book.state.run, line.decode("utf-8", "replace"))
