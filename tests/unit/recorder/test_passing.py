"""Output that is handed on: names before lines, and readers that are slow or gone."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.linux import Loop
from stoker.recorder import passing
from stoker.recorder.book import Book
from stoker.recorder.journal import Table
from stoker.recorder.lines import ERR, OUT
from stoker.recorder.passing import Passing
from stoker.recorder.settings import Settings


class Box:
    """Two pipes as the place's output and errors, and books of two services."""

    def __init__(self, root: Path) -> None:
        self.errors: list[Exception] = []
        self.loop = Loop(self.errors.append)
        self.table = Table(Table.create())
        self.root = str(root)
        self.out, out = os.pipe()
        self.err, err = os.pipe()
        self.passing = Passing(self.loop, {"stdio/1": out, "stdio/2": err})
        self.given = (out, err)

    def book(self, fmri: str = "svc:/web:default", prefix: bool = True) -> Book:
        settings = Settings({"mode": "passthrough", "prefix": prefix})
        return Book(fmri, self.root, settings, self.table)

    def read(self, fd: int) -> bytes:
        return os.read(fd, 1 << 20) if select.select([fd], [], [], 0)[0] else b""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    for fd in (made.out, made.err, *made.given):
        try:
            os.close(fd)
        except OSError:
            pass  # the test has closed it
    made.loop.close()


def test_each_line_has_the_name_and_the_streams_stay_apart(box: Box) -> None:
    box.passing.take(box.book(), OUT, b"one\ntwo\n")
    box.passing.take(box.book("svc:/db:blue"), ERR, b"\n")
    assert box.read(box.out) == b"web: one\nweb: two\n"
    assert box.read(box.err) == b"db:blue: \n"


def test_an_unfinished_line_waits_for_its_rest(box: Box) -> None:
    web, db = box.book(), box.book("svc:/db:default")
    box.passing.take(web, OUT, b"half")
    box.passing.take(db, OUT, b"whole\n")
    box.passing.take(web, OUT, b" and half\nmore")
    assert box.read(box.out) == b"db: whole\nweb: half and half\n"
    box.passing.ended(web, OUT)
    assert box.read(box.out) == b"web: more\n"
    box.passing.ended(web, OUT)
    assert box.read(box.out) == b""


def test_at_the_end_nothing_is_left(box: Box) -> None:
    box.passing.take(box.book(), OUT, b"last")
    box.passing.close()
    assert box.read(box.out) == b"web: last\n"


def test_a_line_without_end_is_cut(box: Box) -> None:
    box.passing.take(box.book(), OUT, b"x" * (passing.LONGEST + 1))
    assert box.read(box.out).startswith(b"web: xxx")


def test_without_the_name_bytes_are_as_they_come(box: Box) -> None:
    box.passing.take(box.book(prefix=False), OUT, b"> ")
    assert box.read(box.out) == b"> "


def test_a_slow_reader_is_waited_for(box: Box) -> None:
    calls: list[int] = []
    assert not box.passing.full(lambda: calls.append(0))
    box.passing.take(box.book(prefix=False), OUT, b"x" * (passing.ENOUGH + (1 << 17)))
    assert box.passing.full(lambda: calls.append(1))
    assert box.passing.full(lambda: calls.append(2))
    while box.passing.full(lambda: None):
        box.read(box.out)
        box.loop._batch(box.loop._epoll.poll(0))
    while not calls:
        box.loop._batch(box.loop._epoll.poll(0.01))
    assert calls == [1, 2]
    assert not box.errors


def test_one_who_takes_nothing_is_not_waited_for(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "STALLED", 0.0)
    book = box.book(prefix=False)
    stream = box.passing._streams[OUT]
    assert stream is not None
    box.passing.take(book, OUT, b"x" * (2 << 20))  # more than any pipe takes
    box.passing.take(book, OUT, b"x" * (passing.MOST - len(stream._waiting) - 10))
    assert not box.passing.full(lambda: None)
    box.passing.take(book, OUT, b"dropped\n" * 5)
    seen = b""
    while more := box.read(box.out):  # what is read makes room for the next
        seen += more
        box.loop._batch(box.loop._epoll.poll(0))
    assert not stream._waiting
    box.passing.take(book, OUT, b"kept\n")
    seen += box.read(box.out)
    assert b"dropped\n" not in seen
    assert seen.endswith(b"stoker: 5 lines were dropped here, because nobody read them\nkept\n")


def test_a_reader_that_has_gone_is_forgotten(box: Box) -> None:
    os.close(box.out)
    box.passing.take(box.book(), OUT, b"one\n")
    box.passing.take(box.book(), OUT, b"two\n")
    box.passing.take(box.book(), ERR, b"three\n")
    assert box.read(box.err) == b"web: three\n"


def test_errors_go_to_the_output_where_that_is_all_there_is(box: Box) -> None:
    alone = Passing(box.loop, {"stdio/1": box.given[0]})
    alone.take(box.book(), ERR, b"oh\n")
    assert box.read(box.out) == b"web: oh\n"


def test_into_a_file_it_is_written_at_once(box: Box, tmp_path: Path) -> None:
    fd = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    alone = Passing(box.loop, {"stdio/1": fd})
    alone.take(box.book(), OUT, b"y\n" * 100_000)
    os.close(fd)
    assert (tmp_path / "out").read_bytes() == b"web: y\n" * 100_000
