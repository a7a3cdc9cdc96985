"""One instance's log: its folder, the file in use, where to go on in it, what could not be kept."""

from __future__ import annotations

import errno
import os
import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from stoker.linux import faults

from .journal import Table
from .lines import FORMER, INDEX_RECORD, Encoder, State, encoder_of
from .names import CURRENT, INDEX, closed_files, closing_name, folder_of, is_closed, smf_name
from .settings import Settings

__all__ = ["Book", "Shelf"]

OPEN_AT_MOST = 512
RETRY = 1_000_000_000  # ns during which a file that could not be written is not tried again
LOOK_AGAIN = 1_000_000_000  # ns between two looks whether the file is still the one of that name
FILE_MODE = 0o640
FOLDER_MODE = 0o750
ROOT_MODE = 0o700


class Book:
    """The log of one instance. `size` is where the next byte goes; `fd` is -1 while the file is
    closed.
    """

    __slots__ = (
        "awaited", "born", "encoder", "ended", "fd", "fmri", "folder", "index_fd", "index_size",
        "inode", "last_index", "looked", "name", "pattern", "pending", "retry_at", "run_at",
        "settings", "sick", "size", "slot", "tail", "words",
    )  # fmt: skip

    def __init__(self, fmri: str, root: str, settings: Settings, table: Table) -> None:
        self.fmri = fmri
        self.folder = os.path.join(root, folder_of(fmri))
        self.name = os.path.basename(self.folder)
        self.words = table
        self.slot = table.slot(fmri)
        self.fd = self.index_fd = -1
        self.inode = self.size = self.index_size = 0
        self.looked = self.born = self.retry_at = 0
        self.last_index = (0, 0, 0)  # time, run, stream of the last index record
        self.run_at = (0, 0)  # run, and the offset at which it began in the file in use
        self.pattern: re.Pattern[bytes] | None = None  # what "ready when the log says" waits for
        self.awaited = 0  # the run whose line it is; what an earlier one still says is not it
        self.pending = b""  # the unfinished line that the pattern has seen so far
        self.tail = b""  # the last bytes, for modes in which no file keeps them
        self.sick = ""
        self.ended = (0, "")  # the run before, and its last lines until they are asked for
        self.settings = settings
        self.encoder: Encoder | None = encoder_of(settings.mode)

    def resting(self, now: int) -> bool:
        """Whether it failed so lately that it is not tried again yet (a clock set back ends
        that).
        """
        return 0 < self.retry_at - now <= RETRY

    @property
    def state(self) -> State:
        """What is known about the end of the file."""
        return State.of(self.words.state(self.slot))

    @state.setter
    def state(self, state: State) -> None:
        self.words.set_state(self.slot, state.word())

    @property
    def path(self) -> str:
        """The file that is written to."""
        return os.path.join(self.folder, CURRENT)


_USUAL = Settings()


class Shelf:
    """All the books, of which at most 512 are open.

    `closed(book, path)` is called when a file was closed for good (rotation) and may be compressed.
    """

    def __init__(self, root: str, table: Table, closed: Callable[[str], object]) -> None:
        self.root = root
        self.table = table
        self._closed = closed
        self._books: dict[str, Book] = {}
        self._open: OrderedDict[str, Book] = OrderedDict()

    def book(self, fmri: str) -> Book:
        """The book of an instance; with default settings if nobody said any."""
        book = self._books.get(fmri)
        if book is None:
            book = self._books[fmri] = Book(fmri, self.root, _USUAL, self.table)
        return book

    def books(self) -> list[Book]:
        """Those there are."""
        return list(self._books.values())

    def set(self, fmri: str, settings: Settings) -> None:
        """How this instance's output is kept from now on. A file of another shape is closed
        first.
        """
        book = self.book(fmri)
        other = encoder_of(settings.mode)
        if other is not book.encoder:
            # Opened again, the file is seen to be of another shape, and closed for good.
            self.close(book)
        book.settings = settings
        book.encoder = other
        if settings.mode == "file" and settings.path:
            self._point_to(book, settings.path)
        if settings.mode == "smf":
            self._name(book)

    def _name(self, book: Book) -> None:
        """Let the log be found under the name that SMF gives it, beside the folders."""
        link, target = os.path.join(self.root, smf_name(book.fmri)), f"{book.name}/{CURRENT}"
        try:
            if os.path.islink(link) and os.readlink(link) != target:
                os.unlink(link)
            os.symlink(target, link)
        except OSError:
            return  # it is there, or cannot be made: the log itself is none the worse for it

    def _point_to(self, book: Book, path: str) -> None:
        """The service writes straight into `path`: readers find it where they look for any log."""
        try:
            self._make_folder(book)
            if os.path.islink(book.path):
                os.unlink(book.path)
            elif os.path.exists(book.path):
                self.rotate(book, os.stat(book.path).st_mtime_ns)
            os.symlink(os.path.abspath(path), book.path)
        except OSError:
            # Reading back is the poorer for it; what the service writes is not touched.
            return

    def forget(self, fmri: str) -> None:
        """The instance is no more; its files stay."""
        book = self._books.pop(fmri, None)
        if book is not None:
            self.close(book)
            self.table.forget(fmri)

    def open(self, book: Book, now: int) -> None:
        """Have the file open and `size` right; looks once a second whether it was removed or cut.
        Raises OSError.
        """
        if book.fd >= 0:
            self._open.move_to_end(book.fmri)
            if now - book.looked < LOOK_AGAIN:
                return
            book.looked = now
            try:
                there = os.stat(book.path)
            except FileNotFoundError:
                there = None
            if there is not None and there.st_ino == book.inode:
                if there.st_size < book.size:
                    book.size = there.st_size
                return
            self.close(book)
        self._open_files(book)
        book.looked = now
        self._open[book.fmri] = book
        while len(self._open) > OPEN_AT_MOST:
            self.close(next(iter(self._open.values())))

    def _open_files(self, book: Book) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            book.fd = os.open(book.path, flags, FILE_MODE)
        except OSError as error:
            if error.errno == errno.ELOOP:
                os.unlink(book.path)  # our own pointer, from when the service wrote its file itself
            elif error.errno != errno.ENOENT:
                raise
            self._make_folder(book)
            book.fd = os.open(book.path, flags, FILE_MODE)
        self._open[book.fmri] = book
        there = os.fstat(book.fd)
        if there.st_size and book.encoder is not None:
            indexed = os.path.exists(book.path + INDEX) or self._put_back_index(book)
            if not book.encoder.fits(os.pread(book.fd, 64, 0), indexed):
                # Written in another mode, perhaps by an earlier life.
                self.rotate(book, there.st_mtime_ns)
                self._open_files(book)
                return
        book.inode = there.st_ino
        book.size = there.st_size
        if book.encoder is not None and book.encoder.indexed:
            self._open_index(book, flags)
        book.born = _born(book) if there.st_size and book.settings.age else 0
        state = book.state
        if not there.st_size:
            book.run_at = (state.run, 0)
            if state.open:
                # The file that had the line's beginning is another one now.
                book.state = State(state.run, 0, state.broken | 1 << state.open)
        elif not state.open and os.pread(book.fd, 1, book.size - 1) != b"\n":
            # With its place, what was known of a line that its writer did not finish has gone.
            book.state = State(state.run, FORMER, state.broken)

    def _make_folder(self, book: Book) -> None:
        """Have its folder, and the log directory if that alone was removed; not what that lies in:
        when it goes as a whole, with a project or at the end of a place, it stays gone.
        Raises OSError.
        """
        for path, mode in ((self.root, ROOT_MODE), (book.folder, FOLDER_MODE)):
            try:
                os.mkdir(path, mode)
            except FileExistsError:
                pass  # as it should be

    def _put_back_index(self, book: Book) -> bool:
        """After a death between the two renames of a rotation: the index went first. Whether it
        was so.
        """
        newest = max((one.removesuffix(".gz") for one in closed_files(book.folder)), default="")
        for name in os.listdir(book.folder):
            stem = name.removesuffix(INDEX)
            if name != stem and is_closed(stem) and stem > newest:
                os.rename(os.path.join(book.folder, name), book.path + INDEX)
                return True
        return False

    def _open_index(self, book: Book, flags: int) -> None:
        book.index_fd = os.open(book.path + INDEX, flags, FILE_MODE)
        size = os.fstat(book.index_fd).st_size
        book.index_size = size - size % INDEX_RECORD.size
        book.last_index = (0, 0, 0)

    def close(self, book: Book) -> None:
        """Close the files, if they are open."""
        self._open.pop(book.fmri, None)
        for fd in (book.fd, book.index_fd):
            if fd >= 0:
                os.close(fd)
        book.fd = book.index_fd = -1

    def due(self, book: Book, now: int) -> bool:
        """Whether the file has become too old."""
        age = book.settings.age
        return bool(age and book.born and book.size and now - book.born >= age * 1e9)

    def rotate(self, book: Book, now: int) -> str | None:
        """Close the file in use and give it its name; remove what is too much. The name; None if
        there was nothing.

        Each step is one rename(2): a death between them leaves files that the next start
        understands.
        """
        self.close(book)
        try:
            if not os.stat(book.path).st_size:
                return None
        except FileNotFoundError:
            return None
        name = os.path.join(book.folder, closing_name(book.folder, now))
        try:
            os.rename(book.path + INDEX, name + INDEX)
        except FileNotFoundError:
            pass  # most have none
        faults.point("rotating")
        os.rename(book.path, name)
        faults.point("rotated")
        state = book.state
        if state.open:
            book.state = State(state.run, 0, state.broken | 1 << state.open)
        book.run_at = (state.run, 0)
        book.size = 0
        self.trim(book)
        return name

    def trim(self, book: Book) -> None:
        """Remove closed files beyond the settings' count and total; offer the others for
        compression.
        """
        settings = book.settings
        total = 0
        kept = 0
        for name in reversed(closed_files(book.folder)):
            path = os.path.join(book.folder, name)
            try:
                total += os.stat(path).st_size
            except FileNotFoundError:
                continue
            kept += 1
            if kept > settings.count or (settings.total is not None and total > settings.total):
                stem = path.removesuffix(".gz")
                for gone in (stem + INDEX, path, stem, f"{stem}.gz~"):
                    try:
                        os.unlink(gone)
                    except FileNotFoundError:
                        pass  # not every file has each of these
            elif settings.compress and not name.endswith(".gz"):
                self._closed(path)

    def close_all(self) -> None:
        """Close every file."""
        for book in list(self._open.values()):
            self.close(book)


def _born(book: Book) -> int:
    """When the file's first line was written: wall ns, as near as its name of the creation time
    allows.
    """
    there = os.fstat(book.fd)
    if book.index_fd >= 0 and book.index_size:
        return int(INDEX_RECORD.unpack(os.pread(book.index_fd, INDEX_RECORD.size, 0))[1])
    first = os.pread(book.fd, 64, 0)
    found = re.search(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.", first)
    if found is None:
        return there.st_mtime_ns
    try:
        year, month, day, hour, minute, second = (int(group) for group in found.groups())
        born = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return int(born.timestamp()) * 1_000_000_000
    except ValueError:  # a service's own text, and no time
        return there.st_mtime_ns
