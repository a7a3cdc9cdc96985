"""Small things that draining needs: writing all, saying what was dropped, a run's last lines."""

from __future__ import annotations

import os
import select

from .book import Book
from .lines import Parts, time_text

__all__ = ["TAIL", "last_lines", "loss", "pass_through", "write_all", "written"]

TAIL = 4096  # bytes of a run's last lines, and of a line that a pattern is held against


def last_lines(book: Book, run: int) -> str:
    """The last lines (at most 20, 4 KB) of a run, as text: "" if it wrote nothing or they are in
    another file.
    """
    return "\n".join(written(book, run, TAIL).removesuffix("\n").split("\n")[-20:])


def written(book: Book, run: int, limit: int) -> str:
    """The lines of a run in the last `limit` bytes of the file in use; without a newline at its
    end if the last one is not finished.
    """
    encoder = book.encoder
    if encoder is None:
        return book.tail.decode("utf-8", "replace") if book.state.run == run else ""
    known = book.run_at[0] == run
    if book.fd < 0 or book.run_at[1] < 0 or (not known and encoder.indexed):
        return ""
    start = max(book.run_at[1] if known else 0, book.size - limit)
    try:
        data = os.pread(book.fd, book.size - start, start)
    except OSError:  # a disk that takes and does not give: what comes is kept all the same
        return ""
    if book.state.open:
        data += encoder.tail  # else half a line would be no line of JSON
    if start and start != book.run_at[1]:
        data = data[data.find(b"\n") + 1 :]
    text = "".join(f"{line}\n" for number, line in encoder.texts(data) if number in (None, run))
    return text.removesuffix("\n") if book.state.open else text


def loss(lost: tuple[int, int, int]) -> str:
    """The line that says what was dropped."""
    lines, size, since = lost
    return f"stoker: {lines} lines ({size} bytes) could not be kept since {time_text(since)}"


def write_all(fd: int, parts: Parts, offset: int) -> int:
    """pwritev until all is written; the number of bytes. Raises OSError (a short write shows its
    reason at the next).
    """
    total = sum(map(len, parts))
    if not total:
        return 0
    done = os.pwritev(fd, parts, offset)
    if done < total:
        rest = memoryview(b"".join(parts))
        while done < total:
            done += os.pwrite(fd, rest[done:], offset + done)
    return total


def pass_through(name: str, chunk: bytes) -> None:
    """To our own standard output, each line with the service's name; what it does not take at
    once is dropped.
    """
    head = f"{name}: ".encode("utf-8", "surrogateescape")
    text = head + chunk.removesuffix(b"\n").replace(b"\n", b"\n" + head) + b"\n"
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    at = 0
    while at < len(text):
        if not any(events & select.POLLOUT for _, events in poll.poll(0)):
            return
        try:
            # PIPE_BUF at a time: so much a pipe that is ready takes without making us wait
            # (pipe(7)).
            at += os.write(1, text[at : at + select.PIPE_BUF])
        except OSError:
            return  # closed or full: the service must not notice
